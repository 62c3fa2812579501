"""What hooks are given and what they return: copies of resources, and results that are what the specification says.

docs/plugins/hooks.md
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fhirhub.errors import Issue
from fhirhub.hooks.plugins import Plugin
from fhirhub.hooks.specifications import Specification
from fhirhub.plugin import Change, Channel, Command, Job, Page


class WrongResult(Exception):
    """A hook returned what its specification does not allow; the message names types and no values."""


def copied(value: Any) -> Any:
    """Return a copy of a resource, down to the last element, or anything else as it is: records are frozen."""
    if type(value) is dict:
        return {name: copied(each) if type(each) in (dict, list) else each for name, each in value.items()}
    if type(value) is list:
        return [copied(each) if type(each) in (dict, list) else each for each in value]
    if type(value) is Change and value.resource is not None:
        return replace(value, resource=copied(value.resource))
    return value


def as_is(result: Any) -> Any:
    """Return a result that nobody reads."""
    return result


def findings(result: Any) -> tuple[Issue, ...]:
    """Read what a check returned: nothing, one finding, several. Raises WrongResult."""
    if result is None:
        return ()
    if isinstance(result, Issue):
        return (result,)
    return _items(result, Issue)


def shaped(result: Any, before: Any) -> Any:
    """Read what a shape returned, given the value before it; None changes nothing. Raises WrongResult."""
    if result is None:
        return before
    if not isinstance(result, type(before)):
        raise WrongResult(f"it returned {_kind(result)}, expected {type(before).__name__} or None")
    return result


def contributions(result: Any, specification: Specification) -> Any:
    """Read what a hook registers: a tuple where its specification says that it is several. Raises WrongResult."""
    if specification.contribution is None:
        return result
    return () if result is None else _items(result, specification.contribution)


def identity(plugin: Plugin, contribution: Any) -> tuple[str, ...] | None:
    """Return what no two contributions may share; None: somebody else looks after that."""
    match contribution:
        case Channel():
            return "channel", contribution.type
        case Command():
            return "command", contribution.name
        case Job():
            return "job", plugin.name, contribution.name
        case Page():
            return "page", plugin.name, contribution.path
    return None


def _items(result: Any, kind: type) -> tuple[Any, ...]:
    if isinstance(result, str | bytes | Mapping) or not isinstance(result, Iterable):
        raise WrongResult(f"it returned {_kind(result)}, expected a list of {kind.__name__}")
    items = tuple(result)
    for each in items:
        if not isinstance(each, kind):
            raise WrongResult(f"it returned {_kind(each)} in a list, expected {kind.__name__}")
    return items


def _kind(value: Any) -> str:
    return f"an object of type {type(value).__name__}"
