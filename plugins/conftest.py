"""Tests of bundled plugins stand in their folders, and have the kit that every plugin can use."""

pytest_plugins = ["fhirhub.plugin.testing"]
