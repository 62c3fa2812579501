pytest_plugins = ["fhirhub.plugin.testing"]
