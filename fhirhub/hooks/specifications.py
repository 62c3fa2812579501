"""What can be said of each hook: its style, its arguments, what it returns; read from `fhirhub.plugin.hookspecs`.

docs/plugins/hooks.md
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from fhirhub.plugin import hookspecs

Style = Literal["register", "check", "shape", "observe"]


@dataclass(frozen=True, slots=True)
class Specification:
    """One hook.

    Arguments:
        name: with its prefix `fhirhub_`.
        style: how it is called.
        arguments: the names an implementation may take.
        contribution: the class of what it registers, where that is a list.
        summary: the first sentence of its description.
        function: the specification itself.
    """

    name: str
    style: Style
    arguments: tuple[str, ...]
    contribution: type | None
    summary: str
    function: Callable[..., Any]


@cache
def specifications() -> Mapping[str, Specification]:
    """Return every hook by its name, in the order of a server's life."""
    found = (each for each in vars(hookspecs).values() if hasattr(each, hookspecs.STYLE))
    return MappingProxyType({each.__name__: _specification(each) for each in found})


def _specification(function: Any) -> Specification:
    returned = get_type_hints(function)["return"]
    text = " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())
    return Specification(
        function.__name__,
        getattr(function, hookspecs.STYLE),
        tuple(inspect.signature(function).parameters),
        get_args(returned)[0] if get_origin(returned) is Sequence else None,
        text.partition(". ")[0].rstrip("."),
        function,
    )
