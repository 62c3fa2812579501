"""Parameters that shape the result and do not choose resources.

https://hl7.org/fhir/R4/search.html#return
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, cast, get_args

from fhirhub.definitions import SearchParameterType, r4
from fhirhub.errors import Failure, FhirError
from fhirhub.search.parameters import SearchParameters, r4_parameters
from fhirhub.search.paths import branches
from fhirhub.search.syntax import bad_value
from fhirhub.search.unions import sources

Total = Literal["none", "estimate", "accurate"]
Summary = Literal["true", "text", "data", "count", "false"]
Contained = Literal["false", "true", "both"]
ContainedType = Literal["container", "contained"]

CURSOR: Final = "_cursor"
"""Our own parameter: where a page starts, opaque to clients."""
NAMES: Final = ("_count", "_sort", "_total", "_summary", "_elements", CURSOR)
PRESENTATION: Final = ("_format", "_pretty")
"""Allowed on every request and handled before search."""
MAX_SORT_KEYS: Final = 5

_LONGEST_NAME: Final = 200
"""Nothing that has a name here has a longer one."""
_UNSORTABLE: Final = frozenset({"composite", "special"})
_UNIQUE: Final = frozenset({"_id", "_lastUpdated"})


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of `_sort`: the code and type of a search parameter.

    Of several values a resource has, the smallest counts, the largest when `descending`. A resource without a value
    comes last in both directions.

    Arguments:
        sources: the codes of the parameters whose index entries hold the values, where not its own do.
    """

    parameter: str
    type: SearchParameterType
    descending: bool = False
    sources: tuple[str, ...] = ()


@dataclass(slots=True)
class ResultParameters:
    """What the result parameters of a request say; None and () where they say nothing."""

    count: int
    sort: tuple[SortKey, ...] = ()
    total: Total | None = None
    summary: Summary | None = None
    elements: tuple[str, ...] = ()
    cursor: str | None = None


def nearest(name: str, known: Sequence[str], likeness: float = 0.6) -> str:
    """Return ` Did you mean ...?` with the known names like `name`, or nothing.

    Arguments:
        likeness: how alike they have to be, from 0 to 1; 1 is the same.
    """
    found = get_close_matches(name, known, n=3, cutoff=likeness) if len(name) <= _LONGEST_NAME else []
    return f" Did you mean {' or '.join(found)}?" if found else ""


def read(
    name: str,
    value: str,
    resource_type: str,
    *,
    max_count: int,
    into: ResultParameters,
    parameters: SearchParameters | None = None,
) -> str:
    """Set the field of `into` that `name` (one of `NAMES`) stands for; return the value that is really used.

    Arguments:
        parameters: what can be sorted by; those of R4 when None.

    Raises FhirError: a value the parameter does not have.
    """
    match name:
        case "_count":
            into.count = min(_count(value), max_count)
            return str(into.count)
        case "_sort":
            into.sort = _sort(value, resource_type, parameters or r4_parameters())
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


def _sort(value: str, resource_type: str, parameters: SearchParameters) -> tuple[SortKey, ...]:
    known = parameters.of(resource_type)
    keys: dict[str, SortKey] = {}
    for text in value.split(","):
        code = text.removeprefix("-")
        parameter = known.get(code)
        if parameter is None:
            raise bad_value("_sort", f"{resource_type} has no search parameter {code!r}.{nearest(code, tuple(known))}")
        if parameter.type in _UNSORTABLE:
            problem = f"{code} is of type {parameter.type}, which has no order."
            raise FhirError(Failure.NOT_SUPPORTED, f"Search parameter _sort: {problem}", expression=["http._sort"])
        if code not in _UNIQUE and not branches(parameter, resource_type):
            problem = f"R4 does not say where the values of {code} stand in a {resource_type}."
            raise FhirError(Failure.NOT_SUPPORTED, f"Search parameter _sort: {problem}", expression=["http._sort"])
        if (resource_type, code) in parameters.building:
            problem = f"the index of {code} is still being made; try again later."
            raise FhirError(Failure.NOT_SUPPORTED, f"Search parameter _sort: {problem}", expression=["http._sort"])
        asked = tuple(each.code for each in sources(parameter, resource_type) if each != parameter)
        keys.setdefault(code, SortKey(code, parameter.type, text.startswith("-"), asked))
    if len(keys) > MAX_SORT_KEYS:
        raise bad_value("_sort", f"{len(keys)} keys are too many; at most {MAX_SORT_KEYS} are allowed.")
    return _until_unique(keys.values())


def _until_unique(keys: Iterable[SortKey]) -> tuple[SortKey, ...]:
    """Leave out what cannot matter: no two resources of a type tie in `_id` or `_lastUpdated`."""
    kept: list[SortKey] = []
    for key in keys:
        kept.append(key)
        if key.parameter in _UNIQUE:
            break
    return tuple(kept)


def contained(value: str) -> Contained:
    """Read `_contained`. Raises FhirError."""
    return cast(Contained, _one_of("_contained", value, get_args(Contained)))


def contained_type(value: str) -> ContainedType:
    """Read `_containedType`. Raises FhirError."""
    return cast(ContainedType, _one_of("_containedType", value, get_args(ContainedType)))


def _elements(value: str, resource_type: str) -> tuple[str, ...]:
    definition = r4().type(resource_type)
    names = tuple(dict.fromkeys(value.split(",")))
    for name in names:
        if name not in definition.elements and name not in definition.choices:
            close = nearest(name, (*definition.elements, *definition.choices))
            raise bad_value("_elements", f"{resource_type} has no element {name!r} at its root.{close}")
    return names
