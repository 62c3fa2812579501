"""From one parameter with its modifier and value to a filter.

https://hl7.org/fhir/R4/search.html#modifiers, #token, #string, #uri and #reference
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from fhirhub.definitions import SearchParameter, SearchParameterType
from fhirhub.errors import Failure, FhirError
from fhirhub.model.reference import is_logical_id, parse_reference
from fhirhub.search import keys, syntax
from fhirhub.search.convert import SYSTEMLESS, is_indexed
from fhirhub.search.criterion import Criterion
from fhirhub.search.filter import All, Filter, IdIn, RangeIs, TokenIs, TokenStartsWith, any_of, none_of
from fhirhub.search.folding import fold
from fhirhub.search.paths import ANY_RESOURCE, branches
from fhirhub.search.temporal import date, updated

MODIFIERS: Final[Mapping[SearchParameterType, tuple[str, ...]]] = MappingProxyType(
    {
        "token": ("missing", "not"),
        "string": ("missing", "exact"),
        "uri": ("missing",),
        "reference": ("missing", "identifier"),
        "date": ("missing",),
    }
)
"""What follows a colon, by type of the parameter; a reference also takes each of its target types."""


def is_supported(parameter: SearchParameter, resource_type: str) -> bool:
    """Whether `predicate` can answer for a parameter of the type."""
    return parameter.code in _SPECIAL or is_indexed(parameter, resource_type)


def predicate(criterion: Criterion) -> Filter:
    """Return the filter of a criterion whose parameter is supported.

    Raises FhirError: an unknown or unsupported modifier, a value that is none of the parameter's type.
    """
    _check_modifier(criterion)
    parts = syntax.alternatives(criterion.name, criterion.value)
    if criterion.modifier == "missing":
        return _missing(criterion, parts)
    one = _SPECIAL.get(criterion.parameter.code) or _BY_TYPE[criterion.parameter.type]
    found = any_of(one(criterion, part) for part in parts)
    return none_of(found) if criterion.modifier == "not" else found


def _check_modifier(criterion: Criterion) -> None:
    modifier, kind = criterion.modifier, criterion.parameter.type
    if modifier is None or modifier in MODIFIERS[kind]:
        return
    known = ", ".join(f":{each}" for each in MODIFIERS[kind])
    if kind == "reference":
        targets = _targets(criterion.parameter, criterion.resource_type)
        if modifier in targets:
            return
        known += f" and its target types ({_some(targets)})"
    raise FhirError(
        Failure.NOT_SUPPORTED,
        f"Search parameter {criterion.name}: the modifier :{modifier} is not supported for {criterion.parameter.code}, "
        f"a parameter of type {kind}; supported: {known}.",
        expression=[f"http.{criterion.name}"],
    )


def _missing(criterion: Criterion, parts: list[str]) -> Filter:
    if parts not in (["true"], ["false"]):
        raise syntax.bad_value(criterion.name, f"expected true or false, not {criterion.value!r}.")
    code = criterion.parameter.code
    present: Filter
    if code in _SPECIAL:
        present = All()
    elif criterion.parameter.type == "date":
        present = any_of([RangeIs("date", code), TokenIs(f"{code}=")])
    else:
        present = TokenStartsWith(f"{code}=")
    return none_of(present) if parts == ["true"] else present


def _token(criterion: Criterion, text: str) -> Filter:
    systemless = _is_systemless(criterion.parameter, criterion.resource_type)
    return _coded(criterion, criterion.parameter.code, text, systemless=systemless)


def _coded(criterion: Criterion, code: str, text: str, *, systemless: bool) -> Filter:
    parts = [syntax.unescape(part) for part in syntax.split(criterion.name, text, "|")]
    match parts:
        case [value]:
            key = f"{code}={keys.whole(value)}|"
            return TokenIs(key) if systemless else TokenStartsWith(key)
        case ["", value] if value:
            return TokenIs(f"{code}={keys.whole(value)}|")
        case [system, value] if system:
            if systemless:
                raise syntax.bad_value(
                    criterion.name,
                    f"its codes carry no system; search for {syntax.escape(value) or 'the code'!r} alone.",
                )
            return TokenIs(f"{code}={keys.whole(value) if value else ''}|{keys.system_id(system)}")
        case _:
            raise syntax.bad_value(
                criterion.name,
                f"{text!r} is not of the form code, system|code, |code or system|; a bar within a code is written \\|.",
            )


def _string(criterion: Criterion, text: str) -> Filter:
    plain = syntax.unescape(text)
    code = criterion.parameter.code
    if criterion.modifier == "exact":
        return TokenIs(f"{code}={keys.string_key(plain)}")
    folded = fold(plain)
    if not folded:
        raise syntax.bad_value(criterion.name, f"{plain!r} has no character that counts in a comparison.")
    if len(folded) > keys.STRING_LIMIT:
        raise syntax.bad_value(
            criterion.name,
            f"only the first {keys.STRING_LIMIT} characters of a text can be searched; shorten the value.",
        )
    return TokenStartsWith(f"{code}={keys.escape(folded)}")


def _uri(criterion: Criterion, text: str) -> Filter:
    return TokenIs(f"{criterion.parameter.code}={keys.whole(syntax.unescape(text))}")


def _reference(criterion: Criterion, text: str) -> Filter:
    code, modifier = criterion.parameter.code, criterion.modifier
    if modifier == "identifier":
        return _coded(criterion, f"{code}:identifier", text, systemless=False)
    plain = syntax.unescape(text)
    targets = _targets(criterion.parameter, criterion.resource_type)
    if is_logical_id(plain):
        types = targets if modifier is None else (modifier,)
        found = [TokenIs(f"{code}={name}/{plain}") for name in types]
        if modifier is None and _holds_uris(criterion.parameter, criterion.resource_type):
            # A relative canonical without a type looks like an id.
            found.append(TokenIs(f"{code}={plain}"))
        return any_of(found)
    if modifier is not None:
        raise syntax.bad_value(criterion.name, f"{plain!r} is no logical id, which this modifier asks for.")
    parsed = parse_reference(plain)
    if parsed is not None and parsed.version_id is not None:
        raise syntax.bad_value(
            criterion.name, f"{plain!r} names a version; references are found whatever version they name."
        )
    if parsed is not None and parsed.base is None and targets and parsed.resource_type not in targets:
        raise syntax.bad_value(
            criterion.name, f"{parsed.resource_type} is none of its target types ({_some(targets)})."
        )
    key = keys.reference_key(plain, criterion.site.base_url)
    if key is None:
        raise syntax.bad_value(criterion.name, f"{plain!r} is no reference that can be searched for.")
    return TokenIs(f"{code}={key}")


def _id(criterion: Criterion, text: str) -> Filter:
    plain = syntax.unescape(text)
    if not is_logical_id(plain):
        raise syntax.bad_value(criterion.name, f"{plain!r} is no logical id (letters, digits, - and ., at most 64).")
    return IdIn(frozenset([plain]))


@cache
def _is_systemless(parameter: SearchParameter, resource_type: str) -> bool:
    """Whether every element the parameter can find is of a type without systems, as its expression shows."""
    found = branches(parameter, resource_type)
    return all(branch.elements and all(e.type in SYSTEMLESS for e in branch.elements) for branch in found)


@cache
def _targets(parameter: SearchParameter, resource_type: str) -> tuple[str, ...]:
    """The types a reference parameter can find in this type of resource; its definition names those of all types."""
    allowed: dict[str, None] = {}
    for branch in branches(parameter, resource_type):
        if branch.only is not None:
            allowed[branch.only] = None
            continue
        for element in branch.elements:
            if not element.targets or not ANY_RESOURCE.isdisjoint(element.targets):
                return parameter.target
            allowed |= dict.fromkeys(element.targets)
    if not parameter.target:
        return tuple(allowed)
    return tuple(name for name in parameter.target if name in allowed) or parameter.target


@cache
def _holds_uris(parameter: SearchParameter, resource_type: str) -> bool:
    elements = (element for branch in branches(parameter, resource_type) for element in branch.elements)
    return any(element.type in ("canonical", "uri") for element in elements)


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:8])} and {len(names) - 8} more"


_SPECIAL: Final[Mapping[str, Callable[[Criterion, str], Filter]]] = MappingProxyType(
    {"_id": _id, "_lastUpdated": updated}
)
_BY_TYPE: Final[Mapping[SearchParameterType, Callable[[Criterion, str], Filter]]] = MappingProxyType(
    {"token": _token, "string": _string, "uri": _uri, "reference": _reference, "date": date}
)
