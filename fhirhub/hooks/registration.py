"""Registers plugins with pluggy, which then knows who implements what, and refuses what would never be called.

docs/plugins/hooks.md
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from pluggy import HookImpl, PluginManager, PluginValidationError

from fhirhub.hooks.manifest import did_you_mean
from fhirhub.hooks.specifications import Specification, specifications
from fhirhub.plugin import hookspecs
from fhirhub.settings import ConfigurationError

PREFIX: Final = "fhirhub_"
_ORDERING: Final = ("tryfirst", "trylast", "wrapper", "hookwrapper")


def register(modules: Sequence[tuple[str, Any]]) -> PluginManager:
    """Return the registry of who implements which hook.

    Arguments:
        modules: names of plugins with what their hooks are implemented in.

    Raises ConfigurationError: naming plugin, hook, file and line of everything that is no implementation of a hook.
    """
    registry = PluginManager(hookspecs.PROJECT)
    for name, module in modules:
        registry.register(module, name)
    # Before pluggy knows the hooks, so that all mistakes are told, and in our words.
    problems = [problem for name, module in modules for problem in _problems(registry, name, module)]
    if problems:
        raise ConfigurationError("\n".join(problems))
    try:
        registry.add_hookspecs(hookspecs)
        registry.check_pending()
    except PluginValidationError as error:
        raise ConfigurationError(str(error)) from None
    return registry


def implementations(registry: PluginManager, name: str) -> dict[str, HookImpl]:
    """Return the implementation of a hook by the name of its plugin."""
    return {each.plugin_name: each for each in getattr(registry.hook, name).get_hookimpls()}


def _problems(registry: PluginManager, name: str, module: Any) -> Iterator[str]:
    known = specifications()
    for attribute in dir(module):
        function = getattr(module, attribute) if attribute.startswith(PREFIX) else None
        if inspect.isroutine(function) and registry.parse_hookimpl_opts(module, attribute) is None:
            yield f"{_place(name, attribute, function)}: it is not marked with @hook, so nobody would call it."
    for caller in registry.get_hookcallers(module) or ():
        own = [each for each in caller.get_hookimpls() if each.plugin_name == name]
        if len(own) > 1:
            yield f"{_place(name, caller.name, own[1].function)}: the plugin implements it twice."
        for each in own:
            place = _place(name, caller.name, each.function)
            if caller.name not in known:
                if not each.optionalhook:
                    yield f"{place}: there is no such hook.{did_you_mean(caller.name, known)}"
                continue
            yield from (f"{place}: {problem}" for problem in _mistakes(each, known[caller.name]))


def _mistakes(implementation: HookImpl, specification: Specification) -> Iterator[str]:
    function = inspect.unwrap(implementation.function)
    for option in _ORDERING:
        if getattr(implementation, option):
            yield f"{option} is not supported; the order is that of after and requires in the manifest."
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        yield "it is async, and hooks are synchronous."
    takes = ", ".join(specification.arguments) or "no arguments"
    for each in inspect.signature(function).parameters.values():
        # The first one of a method that is bound already.
        if (
            each.name not in implementation.argnames
            and inspect.ismethod(implementation.function)
            and each.name in ("self", "cls")
        ):
            continue
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            yield f"*{each.name} is never filled; name the arguments it needs ({takes})."
        elif each.name not in specification.arguments:
            if each.default is each.empty:
                yield f"there is no argument {each.name!r} ({takes}).{did_you_mean(each.name, specification.arguments)}"
        elif each.name not in implementation.argnames:
            yield f"the argument {each.name!r} must have no default and no * before it, or it is never given."


def _place(plugin: str, hook: str, function: Callable[..., Any]) -> str:
    return f"The plugin {plugin!r}, {hook} ({place_of(function)})"


def place_of(function: Callable[..., Any]) -> str:
    """Return file and line of a function, for people."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}, line {code.co_firstlineno}" if code is not None else repr(function)
