"""Criteria on tokens: codes, identifiers, value sets and hierarchies.

https://hl7.org/fhir/R4/search.html#token
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, Literal

from fhirhub.definitions import Element, SearchParameter, r4, r4_value_sets
from fhirhub.model.reference import parse_reference
from fhirhub.search import keys, syntax
from fhirhub.search.convert import SYSTEMLESS
from fhirhub.search.criterion import Criterion
from fhirhub.search.filter import Filter, TokenIs, TokenStartsWith, any_of
from fhirhub.search.paths import branches
from fhirhub.search.result_parameters import nearest
from fhirhub.search.terminology_expansion import Coding
from fhirhub.search.textual import starting_with

MAX_CODES: Final = 10_000
"""Most codes that a value set, or a branch of a hierarchy, may stand for."""

MAX_NAMED: Final = 20
"""Most codes that a refusal names where none is like the one that was sent."""

_MIME_TYPES: Final = "http://hl7.org/fhir/ValueSet/mimetypes"
_HIERARCHICAL: Final = frozenset({"CodeableConcept", "Coding"})


def token(criterion: Criterion, text: str) -> Filter:
    """Return the filter of one value of a token parameter; that of `:not` and `:not-in` is still to be negated.

    Raises FhirError: a value of another form than the modifier takes, an unknown value set, code system or code.
    """
    by_modifier = _BY_MODIFIER.get(criterion.modifier or "")
    if by_modifier is not None:
        return by_modifier(criterion, text)
    code, systemless = criterion.parameter.code, _is_systemless(criterion.parameter, criterion.resource_type)
    found = coded(criterion, code, text, systemless=systemless)
    if criterion.alone:
        _check_code(criterion, text)
    return found


def _check_code(criterion: Criterion, text: str) -> None:
    """Refuse a code that no resource can have: whoever asks for `gender:not=mael` would get everybody."""
    known = codes(criterion.parameter, criterion.resource_type)
    code = syntax.unescape(syntax.split(criterion.name, text, "|")[-1])
    if known is None or code in known or not code:
        return
    hint = nearest(code, known)
    if not hint:
        hint = f" The codes are {', '.join(known)}." if len(known) <= MAX_NAMED else f" There are {len(known)} codes."
    raise syntax.bad_value(criterion.name, f"no {criterion.resource_type} can have the code {code[:80]!r} there.{hint}")


def coded(criterion: Criterion, code: str, text: str, *, systemless: bool) -> Filter:
    """Return the filter of `code`, `system|code`, `|code` or `system|`.

    Arguments:
        code: what keys start with: that of the parameter, maybe with a modifier.
        systemless: whether the elements carry no systems.

    Raises FhirError: none of these forms, or a system where the elements carry none.
    """
    parts = [syntax.unescape(part) for part in syntax.split(criterion.name, text, "|")]
    match parts:
        case [value]:
            key = f"{code}={keys.whole(value)}|"
            return TokenIs(key) if systemless else TokenStartsWith(key)
        case ["", value] if value:
            return TokenIs(f"{code}={keys.whole(value)}|")
        case [system, value] if system:
            if systemless:
                return _of_implied(criterion, code, system, value)
            return TokenIs(f"{code}={keys.whole(value) if value else ''}|{keys.system_id(system)}")
        case _:
            raise syntax.bad_value(
                criterion.name,
                f"{text!r} is not of the form code, system|code, |code or system|; a bar within a code is written \\|.",
            )


def _of_implied(criterion: Criterion, code: str, system: str, value: str) -> Filter:
    """`system|code` of elements that are a mere code: the system is the one that their bindings tell."""
    implied = _implied(criterion.parameter, criterion.resource_type)
    if system not in implied:
        known = f" but {' or '.join(implied)}" if implied else ""
        alone = repr(syntax.escape(value)) if value else "the code"
        raise syntax.bad_value(criterion.name, f"its codes carry no system{known}; search for {alone} alone.")
    values = [value] if value else sorted(implied[system] or ())
    if not values:
        raise syntax.bad_value(criterion.name, f"the codes of {system} cannot all be told; search for single ones.")
    return any_of(TokenIs(f"{code}={keys.whole(each)}|") for each in values)


@cache
def modifiers(parameter: SearchParameter, resource_type: str) -> frozenset[str]:
    """Return the modifiers that mean something for what a token parameter finds."""
    types = {element.type for element in _elements(parameter, resource_type)}
    anything = not types or "Extension" in types
    found = {"missing", "not"}
    if anything or types - SYSTEMLESS:
        found.add("text")
    if anything or "Identifier" in types:
        found.add("of-type")
    if anything or types & _HIERARCHICAL or _implied(parameter, resource_type):
        found |= {"in", "not-in", "above", "below"}
    if _is_mime_type(parameter, resource_type):
        found.add("below")
    return frozenset(found)


def _of_type(criterion: Criterion, text: str) -> Filter:
    parts = [syntax.unescape(part) for part in syntax.split(criterion.name, text, "|")]
    if len(parts) != 3 or not all(parts):
        raise syntax.bad_value(
            criterion.name,
            f"{text!r} is not of the form system|code|value: the type of an identifier, and its value.",
        )
    system, code, value = parts
    name = f"{criterion.parameter.code}:of-type"
    return TokenIs(f"{name}={keys.whole(code)}|{keys.system_id(system)}|{keys.whole(value)}")


def _in(criterion: Criterion, text: str) -> Filter:
    canonical = syntax.unescape(text)
    reference = parse_reference(canonical)
    if reference is not None and reference.base in (None, criterion.site.base_url):
        if reference.resource_type != "ValueSet":
            raise syntax.bad_value(criterion.name, f"{canonical!r} refers to no ValueSet.")
        local = f"ValueSet/{reference.logical_id}"
        members = criterion.site.terminology.members(local)
        # A server that stores value sets under their own canonical is asked for by that as well.
        if members is None and reference.base is not None:
            members = criterion.site.terminology.members(canonical)
    else:
        members = criterion.site.terminology.members(canonical)
    if members is None:
        hint = nearest(canonical, tuple(r4_value_sets()), likeness=0.8)
        raise syntax.bad_value(
            criterion.name,
            f"the value set {canonical!r} is not known here, or its codes cannot all be told.{hint}",
        )
    return _any_coding(criterion, members, f"the value set {canonical!r}")


def _related(direction: Literal["above", "below"]) -> Callable[[Criterion, str], Filter]:
    def hierarchical(criterion: Criterion, text: str) -> Filter:
        parts = [syntax.unescape(part) for part in syntax.split(criterion.name, text, "|")]
        parameter, resource_type = criterion.parameter, criterion.resource_type
        implied = _implied(parameter, resource_type)
        if direction == "below" and len(parts) == 1 and _is_mime_type(parameter, resource_type):
            return _mime_type(criterion, parts[0])
        match parts:
            case [system, code] if system and code:
                systems = [system]
            case [code] if code and implied:
                systems = list(implied)
            case _:
                forms = "code" if _is_systemless(parameter, resource_type) else "system|code"
                raise syntax.bad_value(criterion.name, f"{text!r} is not of the form {forms}.")
        terminology = criterion.site.terminology
        reach = terminology.subsumed if direction == "below" else terminology.subsuming
        codings = {(system, each) for system in systems for each in reach(system, code) or ()}
        if not codings:
            where = f"the code system {systems[0]!r}" if len(systems) == 1 else "its code systems"
            raise syntax.bad_value(criterion.name, f"{where} is not known here completely, or has no code {code!r}.")
        return _any_coding(criterion, codings, f"{code!r} with all {direction} it")

    return hierarchical


def _any_coding(criterion: Criterion, codings: Iterable[Coding], what: str) -> Filter:
    """Return the filter of any of these codes; one without system counts where the element implies its system."""
    parameter, resource_type = criterion.parameter, criterion.resource_type
    code, implied = parameter.code, _implied(parameter, resource_type)
    systemless = _is_systemless(parameter, resource_type)
    found: list[Filter] = []
    for system, value in sorted(codings):
        if len(found) >= MAX_CODES:
            raise syntax.too_costly(criterion.name, f"{what} has more than {MAX_CODES} codes.")
        if not systemless:
            found.append(TokenIs(f"{code}={keys.whole(value)}|{keys.system_id(system)}"))
        if system in implied:
            found.append(TokenIs(f"{code}={keys.whole(value)}|"))
    return any_of(found)


def _mime_type(criterion: Criterion, text: str) -> Filter:
    """`image`, `image/*`, `image/png`: what is of the type; parameters such as a charset follow a semicolon."""
    key = f"{criterion.parameter.code}={keys.escape(text.removesuffix('/*'))}"
    if "/" not in text or text.endswith("/*"):
        return TokenStartsWith(f"{key}/")
    return any_of([TokenIs(f"{key}|"), TokenStartsWith(f"{key};")])


def _elements(parameter: SearchParameter, resource_type: str) -> tuple[Element, ...]:
    """The elements a parameter finds; () where its expression does not tell all of them."""
    found = branches(parameter, resource_type)
    if not all(branch.elements for branch in found):
        return ()
    return tuple(element for branch in found for element in branch.elements)


@cache
def _is_systemless(parameter: SearchParameter, resource_type: str) -> bool:
    """Whether every element the parameter can find is of a type without systems, as its expression shows."""
    elements = _elements(parameter, resource_type)
    return bool(elements) and all(element.type in SYSTEMLESS for element in elements)


@cache
def codes(parameter: SearchParameter, resource_type: str) -> tuple[str, ...] | None:
    """Every code that the elements a parameter finds can have, by their required bindings; None where open."""
    found: dict[str, None] = {}
    for branch in branches(parameter, resource_type):
        if not branch.elements and not branch.is_boolean:
            return None
        if branch.is_boolean or any(element.type == "boolean" for element in branch.elements):
            found |= dict.fromkeys(("true", "false"))
        for element in branch.elements:
            if element.type == "boolean":
                continue
            codes = r4().value_sets.get(element.binding or "") if element.type == "code" else None
            if codes is None:
                return None
            found |= dict.fromkeys(sorted(codes))
    return tuple(found) or None


@cache
def _implied(parameter: SearchParameter, resource_type: str) -> Mapping[str, frozenset[str] | None]:
    """The code systems of elements that are a mere code, each with its codes, None where those cannot all be told.

    Their bindings tell both.
    """
    systems: dict[str, frozenset[str] | None] = {}
    for element in _elements(parameter, resource_type):
        if element.type == "code" and element.binding is not None:
            for system, codes in r4().codings.get(element.binding, {}).items():
                known = systems.get(system, frozenset())
                systems[system] = None if codes is None or known is None else known | codes
    return MappingProxyType(systems)


@cache
def _is_mime_type(parameter: SearchParameter, resource_type: str) -> bool:
    elements = _elements(parameter, resource_type)
    return bool(elements) and all(element.binding == _MIME_TYPES for element in elements)


_BY_MODIFIER: Final[Mapping[str, Callable[[Criterion, str], Filter]]] = MappingProxyType(
    {
        "text": starting_with,
        "of-type": _of_type,
        "in": _in,
        "not-in": _in,
        "above": _related("above"),
        "below": _related("below"),
    }
)
