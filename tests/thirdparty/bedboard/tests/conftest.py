"""The kit for tests of plugins."""

pytest_plugins = ["fhirhub.plugin.testing"]
