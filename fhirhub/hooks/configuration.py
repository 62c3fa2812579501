"""The settings of plugins: the tables `[plugin.NAME]` and the variables `FHIRHUB_PLUGIN_NAME_KEY`, by their schemas.

docs/settings.md
"""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from marshmallow import INCLUDE, Schema, ValidationError, fields

from fhirhub.hooks.manifest import did_you_mean, sentences
from fhirhub.settings import ConfigurationError, Settings
from fhirhub.settings.plugin_tables import PLUGIN_PREFIX

NO_SETTINGS: Final[Mapping[str, Any]] = MappingProxyType({})
_STRUCTURED: Final = (fields.Mapping, fields.Nested, fields.Raw)
_LISTS: Final = (fields.List, fields.Tuple)


def check_names(settings: Settings, enabled: Iterable[str], available: Iterable[str]) -> None:
    """Refuse tables and variables of plugins that do not exist; those of plugins that are not enabled may stay.

    Raises ConfigurationError.
    """
    known = {*enabled, *available}
    problems = [
        f"plugin.{name}: there is no plugin of that name.{did_you_mean(name, known)}"
        for name in settings.plugin
        if name not in known
    ]
    for variable in settings.plugin_variables:
        if _owner(variable, known) is None:
            named = [_variable(name) for name in known]
            near = did_you_mean(variable.rpartition("_")[0], named) if variable.count("_") > 2 else ""
            problems.append(f"{variable}: it names no plugin.{near}")
    if problems:
        raise ConfigurationError("\n".join(problems))


def load_settings(name: str, schema: type[Schema] | None, settings: Settings, known: Iterable[str]) -> Any:
    """Return the settings of a plugin as its schema loads them.

    Arguments:
        schema: None: the plugin takes no settings.
        known: the names of all plugins, among which the one with the longest fitting name has a variable.

    Raises ConfigurationError naming plugin and key, and what is wrong; never the value, which may be a secret.
    """
    names = tuple(known)
    variables = {key: text for key, text in settings.plugin_variables.items() if _owner(key, names) == name}
    table = settings.plugin.get(name, NO_SETTINGS)
    if schema is None:
        if table or variables:
            given = ", ".join((*(f"plugin.{name}.{key}" for key in table), *variables))
            raise ConfigurationError(f"{given}: the plugin {name!r} takes no settings.")
        return NO_SETTINGS
    form = schema()
    by_key = {field.data_key or each: field for each, field in form.load_fields.items()}
    by_variable = {f"{_variable(name)}_{key.upper().replace('-', '_')}": key for key in by_key}
    labels = {key: f"plugin.{name}.{key}" for key in table}
    problems = [
        f"plugin.{name}.{key}: the plugin has no such setting.{did_you_mean(key, by_key)}"
        for key in table
        if key not in by_key and form.unknown != INCLUDE
    ]
    values: dict[str, Any] = {key: value for key, value in table.items() if key in by_key or form.unknown == INCLUDE}
    for variable, text in variables.items():
        if variable not in by_variable:
            problems.append(
                f"{variable}: the plugin {name!r} has no such setting.{did_you_mean(variable, by_variable)}"
            )
            continue
        key = by_variable[variable]
        labels[key] = variable
        values[key] = _read(text, by_key[key])
    try:
        loaded = form.load(values)
    except ValidationError as error:
        problems += (_told(name, sentence, labels) for sentence in sentences(error.messages_dict))
        loaded = NO_SETTINGS
    if problems:
        raise ConfigurationError("\n".join(problems))
    return loaded


def _told(name: str, sentence: str, labels: Mapping[str, str]) -> str:
    """What a schema says of a key, with the label under which the operator knows it."""
    path, _, text = sentence.partition(": ")
    key, dot, rest = path.partition(".")
    # marshmallow's name for what is wrong with the whole.
    label = f"plugin.{name}" if key == "_schema" else labels.get(key, f"plugin.{name}.{key}")
    return f"{label}{dot}{rest}: {text}"


def _variable(name: str) -> str:
    return f"{PLUGIN_PREFIX}{name.upper()}"


def _owner(variable: str, names: Iterable[str]) -> str | None:
    fitting = (name for name in names if variable.startswith(f"{_variable(name)}_"))
    return max(fitting, key=len, default=None)


def _read(text: str, field: fields.Field[Any]) -> Any:
    """A variable as the file would have it: lists separated by commas or as JSON, tables as JSON."""
    if isinstance(field, _LISTS) and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(field, (*_LISTS, *_STRUCTURED)):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
