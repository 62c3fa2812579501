"""Finds, loads and calls plugins.

docs/plugins/README.md, docs/plugins/hooks.md
"""
