"""From one parameter with its modifier and value to a filter.

https://hl7.org/fhir/R4/search.html#modifiers
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from fhirhub.definitions import SearchParameter, SearchParameterType
from fhirhub.errors import Failure, FhirError
from fhirhub.model.reference import is_logical_id
from fhirhub.search import coded, syntax
from fhirhub.search.components import components
from fhirhub.search.composite import composite
from fhirhub.search.convert import is_indexed
from fhirhub.search.criterion import Criterion
from fhirhub.search.filter import All, Filter, GroupIs, IdIn, RangeIs, TokenIs, TokenStartsWith, any_of, leaves, none_of
from fhirhub.search.near import near
from fhirhub.search.numeric import number, quantity
from fhirhub.search.parameters import SearchParameters, r4_parameters
from fhirhub.search.referring import hierarchies, reference
from fhirhub.search.result_parameters import nearest
from fhirhub.search.targets import holds_canonicals, holds_references, some, targets
from fhirhub.search.temporal import date, updated
from fhirhub.search.text_query import text_query
from fhirhub.search.textual import phonetic, string, uri
from fhirhub.search.unions import sources

MODIFIERS: Final[Mapping[SearchParameterType, tuple[str, ...]]] = MappingProxyType(
    {
        "number": ("missing",),
        "date": ("missing",),
        "string": ("missing", "exact", "contains"),
        "token": ("missing", "not", "text", "in", "not-in", "above", "below", "of-type"),
        "reference": ("missing", "identifier", "text", "above", "below"),
        "composite": ("missing",),
        "quantity": ("missing",),
        "uri": ("missing", "above", "below"),
        "special": ("missing",),
    }
)
"""What can follow a colon, by type of the parameter; see `modifiers` for a single one."""

_OWN_MODIFIERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"_id": ("missing", "not"), "_lastUpdated": ("missing",), "_text": (), "_content": (), "phonetic": ("missing",)}
)

MAX_COMPARISONS: Final = 10_000
"""Most comparisons of one search; a bare id of a reference with many target types takes one for each."""


def modifiers(parameter: SearchParameter, resource_type: str) -> tuple[str, ...]:
    """Return the modifiers of a parameter, the target types of a reference not among them.

    Fewer than its type has, where what it finds gives some of them no meaning: a gender has no text.
    """
    if (own := _OWN_MODIFIERS.get(parameter.code)) is not None:
        return own
    names = MODIFIERS[parameter.type]
    if parameter.type == "token":
        meant = coded.modifiers(parameter, resource_type)
        return tuple(name for name in names if name in meant)
    if parameter.type == "reference":
        without: set[str] = set()
        if not hierarchies(parameter, resource_type):
            # A canonical has versions below it.
            without |= {"above"} if holds_canonicals(parameter, resource_type) else {"above", "below"}
        if not holds_references(parameter, resource_type):
            without |= {"identifier", "text"}
        return tuple(name for name in names if name not in without)
    return names


def is_supported(parameter: SearchParameter, resource_type: str, parameters: SearchParameters | None = None) -> bool:
    """Whether `predicate` can answer for a parameter of the type.

    Arguments:
        parameters: those that the components of a composite are among; those of R4 if not given.
    """
    if parameter.code in _SPECIAL:
        return True
    if parameter.type == "composite":
        return bool(components(parameter, resource_type, parameters or r4_parameters()))
    return is_indexed(parameter, resource_type)


def kind_of(parameter: SearchParameter) -> SearchParameterType:
    """Return the type of a parameter, `special` for a string that is not compared as one (`_text`, `phonetic`)."""
    return "special" if parameter.type == "string" and parameter.code in _SPECIAL else parameter.type


def predicate(criterion: Criterion) -> Filter:
    """Return the filter of a criterion whose parameter is supported.

    Raises FhirError: an unknown or unsupported modifier, a value that is none of the parameter's type.
    """
    _check_modifier(criterion)
    parts = syntax.alternatives(criterion.name, criterion.value)
    if criterion.modifier == "missing":
        return _missing(criterion, parts)
    found = _any(criterion, parts)
    return none_of(found) if criterion.modifier in ("not", "not-in") else found


def _any(criterion: Criterion, parts: list[str]) -> Filter:
    found: list[Filter] = []
    comparisons = 0
    for part in dict.fromkeys(parts):
        found.append(_one(criterion, part))
        # A few characters can ask for all codes of a value set, so not only what is left in the end counts.
        comparisons += leaves(found[-1])
        if comparisons > MAX_COMPARISONS:
            raise syntax.too_costly(criterion.name, f"it takes more than {MAX_COMPARISONS} comparisons; split it.")
    return any_of(found)


def _one(criterion: Criterion, text: str) -> Filter:
    """Return the filter of one of the values between the commas."""
    return any_of(_compared(each, text) for each in _asked(criterion))


def _asked(criterion: Criterion) -> list[Criterion]:
    """Return the criteria on the parameters whose index entries are those of the criterion's."""
    parameter = criterion.parameter
    found = sources(parameter, criterion.resource_type)
    if found == (parameter,):
        return [criterion]
    return [replace(criterion, parameter=each, within=criterion.name) for each in found]


def _compared(criterion: Criterion, text: str) -> Filter:
    return (_SPECIAL.get(criterion.parameter.code) or _BY_TYPE[criterion.parameter.type])(criterion, text)


def _check_modifier(criterion: Criterion) -> None:
    modifier, parameter = criterion.modifier, criterion.parameter
    if modifier is None:
        return
    valid = modifiers(parameter, criterion.resource_type)
    if modifier in valid:
        return
    allowed: tuple[str, ...] = ()
    known = ", ".join(f":{each}" for each in valid) or "none"
    if parameter.type == "reference":
        allowed = targets(parameter, criterion.resource_type)
        if modifier in allowed:
            return
        known += f" and its target types ({some(allowed)})"
    hint = nearest(f":{modifier}", [f":{name}" for name in (*valid, *allowed)])
    raise FhirError(
        Failure.NOT_SUPPORTED,
        f"Search parameter {criterion.name}: the modifier :{modifier} is not supported for {parameter.code}, "
        f"a parameter of type {parameter.type}; supported: {known}.{hint}",
        expression=[f"http.{criterion.name}"],
    )


def _missing(criterion: Criterion, parts: list[str]) -> Filter:
    if parts not in (["true"], ["false"]):
        raise syntax.bad_value(criterion.name, f"expected true or false, not {criterion.value!r}.")
    present = any_of(_present(each.parameter) for each in _asked(criterion))
    return none_of(present) if parts == ["true"] else present


def _present(parameter: SearchParameter) -> Filter:
    code = parameter.code
    if code in ("_id", "_lastUpdated"):
        return All()
    match parameter.type:
        case "date":
            return any_of([RangeIs("date", code), TokenIs(f"{code}=")])
        case "number" | "quantity":
            # Of a range in two units there is no bare number.
            return any_of([RangeIs("number", code), TokenIs(f"{code}=")])
        case "composite":
            return GroupIs(code, All())
        case _:
            return TokenStartsWith(f"{code}=")


def _id(criterion: Criterion, text: str) -> Filter:
    plain = syntax.unescape(text)
    if not is_logical_id(plain):
        raise syntax.bad_value(criterion.name, f"{plain!r} is no logical id (letters, digits, - and ., at most 64).")
    return IdIn(frozenset([plain]))


def _composite(criterion: Criterion, text: str) -> Filter:
    return composite(criterion, text, _one)


_SPECIAL: Final[Mapping[str, Callable[[Criterion, str], Filter]]] = MappingProxyType(
    {"_id": _id, "_lastUpdated": updated, "_text": text_query, "_content": text_query, "phonetic": phonetic}
)
_BY_TYPE: Final[Mapping[SearchParameterType, Callable[[Criterion, str], Filter]]] = MappingProxyType(
    {
        "number": number,
        "date": date,
        "string": string,
        "token": coded.token,
        "reference": reference,
        "composite": _composite,
        "quantity": quantity,
        "uri": uri,
        "special": near,
    }
)
