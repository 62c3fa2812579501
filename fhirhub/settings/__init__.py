"""Settings: what an operator may choose, read from file, variables and options, all problems named at once.

docs/settings.md
"""

from fhirhub.settings.checks import zone_of
from fhirhub.settings.errors import ConfigurationError, SettingsError
from fhirhub.settings.table import (
    FILE_NAME,
    PREFIX,
    RESERVED,
    RESERVED_PREFIXES,
    Setting,
    Settings,
    add_options,
    current,
    listen_refusal,
    option,
    overrides,
    reference,
    settings_table,
)

__all__ = [
    "FILE_NAME",
    "PREFIX",
    "RESERVED",
    "RESERVED_PREFIXES",
    "ConfigurationError",
    "Setting",
    "Settings",
    "SettingsError",
    "add_options",
    "current",
    "listen_refusal",
    "option",
    "overrides",
    "reference",
    "settings_table",
    "zone_of",
]
