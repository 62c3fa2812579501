"""Criteria on references: literal, logical, canonical, and by the hierarchy of what they refer to.

https://hl7.org/fhir/R4/search.html#reference
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, Literal

from fhirhub.definitions import SearchParameter, r4
from fhirhub.model.reference import RestfulReference, is_logical_id, parse_reference
from fhirhub.search import keys, syntax
from fhirhub.search.coded import coded
from fhirhub.search.criterion import Criterion
from fhirhub.search.filter import Filter, InHierarchy, TokenIs, TokenStartsWith, any_of
from fhirhub.search.paths import branches
from fhirhub.search.targets import holds_canonicals, some, targets
from fhirhub.search.textual import starting_with


def reference(criterion: Criterion, text: str) -> Filter:
    """Return the filter of one value of a reference parameter.

    Raises FhirError: no reference, or one to a type that the parameter does not lead to.
    """
    by_modifier = _BY_MODIFIER.get(criterion.modifier or "")
    return by_modifier(criterion, text) if by_modifier is not None else _literal(criterion, text)


def _literal(criterion: Criterion, text: str) -> Filter:
    code, modifier = criterion.parameter.code, criterion.modifier
    plain = syntax.unescape(text)
    allowed = targets(criterion.parameter, criterion.resource_type)
    if is_logical_id(plain):
        types = allowed if modifier is None else (modifier,)
        found = [TokenIs(f"{code}={name}/{plain}") for name in types]
        if modifier is None and holds_canonicals(criterion.parameter, criterion.resource_type):
            # A relative canonical without a type looks like an id.
            found.append(TokenIs(f"{code}={plain}"))
        return any_of(found)
    if modifier is not None:
        raise syntax.bad_value(criterion.name, f"{plain!r} is no logical id, which this modifier asks for.")
    _checked(criterion, plain, allowed)
    key = keys.reference_key(plain, criterion.site.base_url)
    if key is None:
        raise syntax.bad_value(criterion.name, f"{plain!r} is no reference that can be searched for.")
    return TokenIs(f"{code}={key}")


def _checked(criterion: Criterion, plain: str, allowed: tuple[str, ...]) -> RestfulReference | None:
    """Return a restful reference in its parts, None for another; refuse what can lead nowhere."""
    parsed = parse_reference(plain)
    if parsed is None:
        return None
    if parsed.version_id is not None:
        raise syntax.bad_value(
            criterion.name, f"{plain!r} names a version; references are found whatever version they name."
        )
    if parsed.base is None and parsed.resource_type not in allowed:
        raise syntax.bad_value(criterion.name, f"{parsed.resource_type} is none of its target types ({some(allowed)}).")
    return parsed


def _identifier(criterion: Criterion, text: str) -> Filter:
    return coded(criterion, f"{criterion.parameter.code}:identifier", text, systemless=False)


def _of_version(criterion: Criterion, canonical: str) -> Filter:
    """`:below` of a canonical: any version of the URL, or a version and those with more parts (`1` has `1.2`)."""
    code = criterion.parameter.code
    url, bar, version = canonical.partition("|")
    if not bar:
        # Below the base URL it has a key of its own.
        return TokenIs(f"{code}={keys.reference_key(url, criterion.site.base_url)}")
    if len(canonical) > keys.VALUE_LIMIT or not version:
        raise syntax.bad_value(criterion.name, f"the version of {canonical!r} is missing or cannot be compared.")
    return any_of([TokenIs(f"{code}={keys.escape(canonical)}"), TokenStartsWith(f"{code}={keys.escape(canonical)}.")])


def _related(direction: Literal["above", "below"]) -> Callable[[Criterion, str], Filter]:
    def hierarchical(criterion: Criterion, text: str) -> Filter:
        # The bar before a version is no separator here, escaped or not.
        plain = syntax.unescape(text)
        if direction == "below" and ":" in plain and holds_canonicals(criterion.parameter, criterion.resource_type):
            return _of_version(criterion, plain)
        parents = hierarchies(criterion.parameter, criterion.resource_type)
        if is_logical_id(plain):
            named = list(parents)
            logical_id = plain
        else:
            parsed = _checked(criterion, plain, targets(criterion.parameter, criterion.resource_type))
            if parsed is None or parsed.base not in (None, criterion.site.base_url):
                raise syntax.bad_value(criterion.name, f"{plain!r} refers to no resource of this server.")
            named, logical_id = [parsed.resource_type], parsed.logical_id
        if not named or any(name not in parents for name in named):
            raise syntax.bad_value(
                criterion.name, f"{named[0]} has no hierarchy; types that have one here: {some(tuple(parents))}."
            )
        code = criterion.parameter.code
        return any_of(InHierarchy(code, name, logical_id, parents[name], direction) for name in named)

    return hierarchical


def hierarchies(parameter: SearchParameter, resource_type: str) -> Mapping[str, str]:
    """Return those target types of a reference parameter that have a hierarchy, with the parameter that tells it."""
    return {
        name: parent for name in targets(parameter, resource_type) if (parent := parent_parameter(name)) is not None
    }


@cache
def parent_parameter(resource_type: str) -> str | None:
    """Return the reference parameter by which resources of a type name the one they are part of, None without one.

    It leads to its own type only, from an element of the name `partOf` or `parent...`.
    """
    for code, parameter in sorted(r4().search_parameters(resource_type).items()):
        if parameter.type != "reference" or targets(parameter, resource_type) != (resource_type,):
            continue
        found = branches(parameter, resource_type)
        names = {element.name for branch in found for element in branch.elements}
        if names and all(name == "partOf" or name.startswith("parent") for name in names):
            return code
    return None


_BY_MODIFIER: Final[Mapping[str, Callable[[Criterion, str], Filter]]] = MappingProxyType(
    {
        "identifier": _identifier,
        "text": starting_with,
        "above": _related("above"),
        "below": _related("below"),
    }
)
