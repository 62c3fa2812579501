"""Calls hooks: the four styles, each executed as its specification declares it.

A call site names a hook and cannot choose how it is called. pluggy knows who implements what; it would call the last
one first and stop at the first exception, so the calls are made here.
docs/plugins/hooks.md
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from pluggy import PluginManager

from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.hooks import results
from fhirhub.hooks.plugins import Plugin
from fhirhub.hooks.registration import implementations, place_of
from fhirhub.hooks.specifications import specifications
from fhirhub.hooks.statistics import Counter, Statistics, described
from fhirhub.settings import ConfigurationError

Bind = Callable[[Plugin], Mapping[str, Any]]
"""Gives the arguments that differ per plugin, such as its hub."""
Errors = tuple[type[Exception], ...]

_log: Final = logging.getLogger("fhirhub.hooks")


class Implementation:
    """One hook of one plugin."""

    __slots__ = ("arguments", "counter", "function", "hook", "plugin")

    def __init__(self, plugin: Plugin, hook: str, function: Callable[..., Any], arguments: tuple[str, ...]) -> None:
        self.plugin = plugin
        self.hook = hook
        self.function = function
        self.arguments = arguments
        self.counter = Counter(plugin.name, hook)

    def values(self, bind: Bind | None, arguments: Mapping[str, Any]) -> list[Any]:
        """Return what it is called with: of each resource a copy of its own."""
        names = self.arguments
        if bind is not None and any(name not in arguments for name in names):
            arguments = {**arguments, **bind(self.plugin)}
        return [results.copied(arguments[name]) for name in names]

    def run(self, values: Sequence[Any], read: Callable[[Any], Any], answers: Errors = ()) -> Any:
        """Call it and return what `read` makes of what it returns. Raises what it raises.

        Arguments:
            answers: exceptions that are no failures.
        """
        began = time.perf_counter()
        try:
            result = read(self.function(*values))
        except answers:
            self.counter.note(time.perf_counter() - began)
            raise
        except Exception as error:
            self.counter.note_failure(time.perf_counter() - began, error)
            raise
        self.counter.note(time.perf_counter() - began)
        return result


class Hooks:
    """The loaded plugins and their hooks: ordered, never changed, for all threads.

    Arguments:
        plugins: in the order in which they are called.
        registry: who implements what.
        passing: exceptions that are no failure of a plugin, but how the server begins a transaction anew.
    """

    def __init__(self, plugins: Sequence[Plugin], registry: PluginManager, *, passing: Errors = ()) -> None:
        self.plugins = tuple(plugins)
        self._answers: Errors = (FhirError, *passing)
        self._implementations = {name: tuple(self._of_hook(registry, name)) for name in specifications()}
        self._implementers = {
            name: tuple(each.plugin for each in found) for name, found in self._implementations.items()
        }
        self.statistics = Statistics(
            each.counter
            for plugin in self.plugins
            for found in self._implementations.values()
            for each in found
            if each.plugin is plugin
        )

    def _of_hook(self, registry: PluginManager, name: str) -> Iterator[Implementation]:
        known = implementations(registry, name)
        for plugin in self.plugins:
            if (found := known.get(plugin.name)) is not None:
                yield Implementation(plugin, name, found.function, tuple(found.argnames))

    def implementers(self, name: str) -> tuple[Plugin, ...]:
        """Return the plugins that implement a hook, in their order. Raises KeyError: there is no such hook."""
        return self._implementers[name]

    def call(self, name: str, *, bind: Bind | None = None, **arguments: Any) -> Any:
        """Call a hook of all plugins in the style of its specification.

        Arguments:
            bind: gives the arguments that differ per plugin; asked only for those that take one of them.
            arguments: the others, by name. A resource among them is copied for each plugin.

        Returns:
            register: pairs of a plugin and what it registers, a tuple where its hook returns a list.
            check: the findings of all, a list of `Issue`.
            shape: the value as the last plugin left it; the same object where none changed it.
            observe: None.

        Raises:
            FhirError: a check or shape refuses, or failed.
            ConfigurationError: a registration failed, or two register the same.
        """
        match specifications()[name].style:
            case "check":
                return self._check(name, bind, arguments)
            case "shape":
                return self._shape(name, bind, arguments)
            case "observe":
                return self._observe(name, bind, arguments)
            case "register":
                return self._register(name, bind, arguments)

    def call_one(self, plugin: Plugin, name: str, **arguments: Any) -> Any:
        """Call a hook of one plugin and return what it returns: for a caller that has an answer to its failures.

        Raises whatever it raises; ValueError: the plugin does not implement the hook.
        """
        for each in self._implementations[name]:
            if each.plugin is plugin:
                return each.run(each.values(None, {"settings": plugin.settings, **arguments}), results.as_is)
        raise ValueError(f"The plugin {plugin.name!r} does not implement {name}.")

    def _check(self, name: str, bind: Bind | None, arguments: Mapping[str, Any]) -> list[Issue]:
        found: list[Issue] = []
        for each in self._implementations[name]:
            found += self._guarded(each, bind, arguments, results.findings)
        return found

    def _shape(self, name: str, bind: Bind | None, arguments: Mapping[str, Any]) -> Any:
        first = specifications()[name].arguments[0]
        given = value = arguments[first]
        for each in self._implementations[name]:
            value = self._guarded(each, bind, {**arguments, first: value}, _after(value))
        # What a plugin returns may be an object that it keeps.
        return given if value is given else results.copied(value)

    def _observe(self, name: str, bind: Bind | None, arguments: Mapping[str, Any]) -> None:
        for each in self._implementations[name]:
            values = each.values(bind, arguments)
            try:
                each.run(values, results.as_is)
            except Exception as error:
                _log_failure(each, error, arguments)

    def _guarded(
        self, each: Implementation, bind: Bind | None, arguments: Mapping[str, Any], read: Callable[[Any], Any]
    ) -> Any:
        values = each.values(bind, arguments)
        try:
            return each.run(values, read, self._answers)
        except self._answers:
            raise
        except Exception as error:
            _log_failure(each, error, arguments)
            raise _failed(each, error) from error

    def _register(self, name: str, bind: Bind | None, arguments: Mapping[str, Any]) -> list[tuple[Plugin, Any]]:
        specification = specifications()[name]
        registered: list[tuple[Plugin, Any]] = []
        owners: dict[tuple[str, ...], str] = {}
        for each in self._implementations[name]:
            values = each.values(bind, {"settings": each.plugin.settings, **arguments})
            try:
                found = each.run(values, lambda made: results.contributions(made, specification))
                for one in found if specification.contribution else ():
                    _claim(each.plugin, one, owners)
            except Exception as error:
                raise _not_registered(each, error) from error
            registered.append((each.plugin, found))
        return registered


def _after(value: Any) -> Callable[[Any], Any]:
    return lambda result: results.shaped(result, value)


def _claim(plugin: Plugin, contribution: Any, owners: dict[tuple[str, ...], str]) -> None:
    key = results.identity(plugin, contribution)
    if key is None:
        return
    if key in owners:
        raise results.WrongResult(f"there is a {key[0]} {key[-1]!r} already, of the plugin {owners[key]!r}")
    owners[key] = plugin.name


def _failed(each: Implementation, error: Exception) -> FhirError:
    """What the client is told: whose failure it was. What the exception says may be about a patient."""
    detail = f": {error}" if isinstance(error, results.WrongResult) else f" ({type(error).__name__})"
    return FhirError(Failure.INTERNAL, f"The plugin {each.plugin.name!r} failed in its hook {each.hook}{detail}.")


def _not_registered(each: Implementation, error: Exception) -> ConfigurationError:
    _log.debug("The plugin %s failed in %s.", each.plugin.name, each.hook, exc_info=error)
    says = str(error) if isinstance(error, results.WrongResult) else f"{described(error)}: {error}"
    return ConfigurationError(f"The plugin {each.plugin.name!r}, {each.hook} ({place_of(each.function)}): {says}")


def _log_failure(each: Implementation, error: Exception, arguments: Mapping[str, Any]) -> None:
    about = arguments.get("interaction") or getattr(arguments.get("answered"), "interaction", None)
    extra = {"request_id": about.request_id} if about is not None and about.request_id else {}
    _log.error("The plugin %s failed in %s.", each.plugin.name, each.hook, exc_info=error, extra=extra)
