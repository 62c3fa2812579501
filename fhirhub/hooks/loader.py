"""Loads plugins: finds the enabled ones, orders, imports and registers them, and reads their settings.

docs/plugins/README.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from marshmallow import Schema
from pluggy import PluginManager

import fhirhub
from fhirhub.hooks.configuration import NO_SETTINGS, check_names, load_settings
from fhirhub.hooks.discovery import Found, find
from fhirhub.hooks.dispatch import Errors, Hooks
from fhirhub.hooks.manifest import Manifest, did_you_mean
from fhirhub.hooks.order import ordered
from fhirhub.hooks.plugins import Plugin
from fhirhub.hooks.registration import register
from fhirhub.settings import ConfigurationError, Settings

BUILTIN_SOURCE = "fhirhub"
_SCHEMA = "fhirhub_settings_schema"


def load(settings: Settings, *, builtin: Sequence[tuple[str, Any]] = (), passing: Errors = ()) -> Hooks:
    """Load the enabled plugins.

    Arguments:
        settings: which are enabled, where they are, and their own settings.
        builtin: parts of the server that are written as plugins, name and module; they come first, in this order.
        passing: exceptions that are no failure of a plugin, but how the server begins a transaction anew.

    Raises ConfigurationError naming plugin, hook and file: everything that is wrong, as far as it can be told at once.
    """
    names = tuple(name for name, _ in builtin)
    plugins = [Plugin(name, fhirhub.__version__, name, BUILTIN_SOURCE, module, NO_SETTINGS) for name, module in builtin]
    available: Mapping[str, Sequence[Found]] = {}
    if settings.plugins or settings.plugin or settings.plugin_variables:
        available = find(settings.plugin_files)
        plugins += _enabled(settings.plugins, available, names)
    registry = register([(plugin.name, plugin.module) for plugin in plugins])
    known = {*names, *available}
    check_names(settings, names, available)
    configured = _configured(plugins, registry, settings, known, passing)
    return Hooks(configured, registry, passing=passing)


def _enabled(names: Sequence[str], available: Mapping[str, Sequence[Found]], builtin: Sequence[str]) -> list[Plugin]:
    found = _chosen(names, available, builtin)
    manifests: dict[str, Manifest] = {}
    problems = []
    for name, each in found.items():
        try:
            manifests[name] = each.manifest()
        except ConfigurationError as error:
            problems.append(str(error))
    if problems:
        raise ConfigurationError("\n".join(problems))
    order = ordered(manifests, {name: each.source for name, each in found.items()}, builtin, tuple(available))
    return [_plugin(manifests[name], found[name]) for name in order]


def _chosen(names: Sequence[str], available: Mapping[str, Sequence[Found]], builtin: Sequence[str]) -> dict[str, Found]:
    chosen: dict[str, Found] = {}
    problems = []
    for name in names:
        found = available.get(name, ())
        if name in builtin:
            problems.append(
                f"plugins: {name!r} is a part of fhirhub, which is always there; a plugin needs another name."
            )
        elif name in chosen:
            problems.append(f"plugins: {name!r} is named twice.")
        elif not found:
            problems.append(f"plugins: there is no plugin {name!r}.{did_you_mean(name, available)}")
        elif len(found) > 1:
            where = " and ".join(each.source for each in found)
            problems.append(f"plugins: {name!r} is there more than once: {where}.")
        else:
            chosen[name] = found[0]
    if problems:
        raise ConfigurationError("\n".join(problems))
    return chosen


def _plugin(manifest: Manifest, found: Found) -> Plugin:
    try:
        module = import_module(found.module_name)
    except (Exception, SystemExit) as error:
        raise ConfigurationError(
            f"The plugin {manifest.name!r} ({found.source}) cannot be imported: {_told(error)}"
        ) from error
    return Plugin(
        manifest.name,
        manifest.version,
        manifest.title,
        found.source,
        module,
        NO_SETTINGS,
        manifest.on_change_types,
        manifest.after,
        manifest.requires,
    )


def _told(error: BaseException) -> str:
    """Class, message and the innermost place of an error of importing."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno})" if trace is not None else ""
    return f"{type(error).__name__}: {error}{place}"


def _configured(
    plugins: Sequence[Plugin], registry: PluginManager, settings: Settings, known: set[str], passing: Errors
) -> list[Plugin]:
    schemas: dict[str, Any] = {
        plugin.name: schema for plugin, schema in Hooks(plugins, registry, passing=passing).call(_SCHEMA)
    }
    configured = []
    problems = []
    for plugin in plugins:
        schema = schemas.get(plugin.name)
        if schema is not None and not (isinstance(schema, type) and issubclass(schema, Schema)):
            problems.append(
                f"The plugin {plugin.name!r}, {_SCHEMA} ({plugin.source}): expected a class derived from "
                f"marshmallow.Schema, got {schema!r}"
            )
            continue
        try:
            configured.append(replace(plugin, settings=load_settings(plugin.name, schema, settings, known)))
        except ConfigurationError as error:
            problems.append(str(error))
    if problems:
        raise ConfigurationError("\n".join(problems))
    return configured
