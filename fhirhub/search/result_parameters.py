"""Parameters that shape the result and do not choose resources.

https://hl7.org/fhir/R4/search.html#return
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, cast, get_args

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError
from fhirhub.search.syntax import bad_value

Total = Literal["none", "estimate", "accurate"]
Summary = Literal["true", "text", "data", "count", "false"]
SortParameter = Literal["_id", "_lastUpdated"]

CURSOR: Final = "_cursor"
"""Our own parameter: where a page starts, opaque to clients."""
NAMES: Final = ("_count", "_sort", "_total", "_summary", "_elements", CURSOR)
PRESENTATION: Final = ("_format", "_pretty")
"""Allowed on every request and handled before search."""


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of `_sort`."""

    parameter: SortParameter
    descending: bool = False


@dataclass(slots=True)
class ResultParameters:
    """What the result parameters of a request say; None and () where they say nothing."""

    count: int
    sort: tuple[SortKey, ...] = ()
    total: Total | None = None
    summary: Summary | None = None
    elements: tuple[str, ...] = ()
    cursor: str | None = None


def nearest(name: str, known: Sequence[str]) -> str:
    """Return ` Did you mean ...?` with the known names like `name`, or nothing."""
    found = get_close_matches(name, known, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(found)}?" if found else ""


def read(name: str, value: str, resource_type: str, *, max_count: int, into: ResultParameters) -> str:
    """Set the field of `into` that `name` (one of `NAMES`) stands for; return the value that is really used.

    Raises FhirError: a value the parameter does not have.
    """
    match name:
        case "_count":
            into.count = min(_count(value), max_count)
            return str(into.count)
        case "_sort":
            into.sort = _sort(value, resource_type)
        case "_total":
            into.total = cast(Total, _one_of(name, value, get_args(Total)))
        case "_summary":
            into.summary = cast(Summary, _one_of(name, value, get_args(Summary)))
        case "_elements":
            into.elements = _elements(value, resource_type)
        case _:
            if not value:
                raise bad_value(name, "the value is empty.")
            into.cursor = value
    return value


def _count(value: str) -> int:
    # Nineteen digits and more are no page size, and Python refuses to read thousands of them.
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise bad_value("_count", f"expected a whole number of at least 0, not {value[:40]!r}.")
    return int(value)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise bad_value(name, f"expected {', '.join(known)}, not {value!r}.{nearest(value, known)}")
    return value


def _sort(value: str, resource_type: str) -> tuple[SortKey, ...]:
    known = r4().search_parameters(resource_type)
    names = [text.removeprefix("-") for text in value.split(",")]
    for name in names:
        if name not in known:
            close = nearest(name, tuple(known))
            raise bad_value("_sort", f"{resource_type} has no search parameter {name!r}.{close}")
    if len(names) > 1 or names[0] not in get_args(SortParameter):
        problem = f"sorting by {value} is not supported, only by one of {', '.join(get_args(SortParameter))}."
        raise FhirError(Failure.NOT_SUPPORTED, f"Search parameter _sort: {problem}", expression=["http._sort"])
    return (SortKey(cast(SortParameter, names[0]), value.startswith("-")),)


def _elements(value: str, resource_type: str) -> tuple[str, ...]:
    definition = r4().type(resource_type)
    names = tuple(dict.fromkeys(value.split(",")))
    for name in names:
        if name not in definition.elements and name not in definition.choices:
            close = nearest(name, (*definition.elements, *definition.choices))
            raise bad_value("_elements", f"{resource_type} has no element {name!r} at its root.{close}")
    return names
