"""The settings of plugins, as far as they can be read without the plugins: tables and variables, not yet checked.

docs/settings.md
"""

import json
from datetime import date, datetime, time
from typing import Any, Final

PLUGIN_KEY: Final = "plugin"
"""The key of the file below which each plugin has its table, `[plugin.NAME]`."""
PLUGIN_TABLES: Final = "FHIRHUB_PLUGIN"
"""The variable that holds these tables as one JSON object."""
PLUGIN_PREFIX: Final = "FHIRHUB_PLUGIN_"
"""Of the variables of single keys: `FHIRHUB_PLUGIN_TAGGING_RULES` is the key `rules` of `[plugin.tagging]`."""


def is_of_plugin(variable: str) -> bool:
    """Whether a variable has the form FHIRHUB_PLUGIN_NAME_KEY."""
    name, _, key = variable.removeprefix(PLUGIN_PREFIX).partition("_")
    return variable.startswith(PLUGIN_PREFIX) and bool(name and key)


def from_variable(text: str, problems: list[str]) -> dict[str, object]:
    """Return the tables that `FHIRHUB_PLUGIN` holds; what is wrong goes to `problems`."""
    try:
        raw = json.loads(text)
    except ValueError:
        problems.append(f"{PLUGIN_TABLES}: expected a JSON object with a table for each plugin")
        return {}
    return tables(raw, PLUGIN_TABLES, problems)


def tables(raw: object, label: str, problems: list[str]) -> dict[str, object]:
    """Return the tables of plugins as JSON has them; what is wrong goes to `problems`.

    Arguments:
        raw: tables by the name of the plugin.
        label: where they stand.
    """
    if not isinstance(raw, dict):
        problems.append(f"{label}: expected a table [plugin.NAME] for each plugin")
        return {}
    problems += (
        f"{label}.{name}: expected a table, [plugin.{name}]"
        for name, table in raw.items()
        if not isinstance(table, dict)
    )
    return {name: _as_json(table) for name, table in raw.items() if isinstance(table, dict)}


def _as_json(value: Any) -> Any:
    """A value of TOML as JSON has it, which has no dates: those become text."""
    if isinstance(value, dict):
        return {key: _as_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    return value.isoformat() if isinstance(value, date | datetime | time) else value
