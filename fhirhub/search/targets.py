"""What a reference parameter can lead to.

https://hl7.org/fhir/R4/search.html#reference
"""

from functools import cache
from typing import Final

from fhirhub.definitions import SearchParameter, r4
from fhirhub.search.paths import ANY_RESOURCE, branches

_CANONICALS: Final = frozenset({"canonical", "uri"})


@cache
def targets(parameter: SearchParameter, resource_type: str) -> tuple[str, ...]:
    """Return the types a reference parameter can lead to from this type of resource.

    Its definition names those of all types it is for. Where nothing restricts them, these are all resource types.
    """
    named = parameter.target
    if not named or not ANY_RESOURCE.isdisjoint(named):
        named = r4().resource_types
    allowed: dict[str, None] = {}
    for branch in branches(parameter, resource_type):
        if branch.only is not None:
            allowed[branch.only] = None
            continue
        for element in branch.elements:
            if not element.targets or not ANY_RESOURCE.isdisjoint(element.targets):
                return named
            allowed |= dict.fromkeys(element.targets)
    return tuple(name for name in named if name in allowed) or named


@cache
def holds_canonicals(parameter: SearchParameter, resource_type: str) -> bool:
    """Whether a reference parameter can find elements that name their target by its canonical URL."""
    return not _CANONICALS.isdisjoint(_types(parameter, resource_type))


@cache
def holds_references(parameter: SearchParameter, resource_type: str) -> bool:
    """Whether a reference parameter can find other elements, which may have an identifier and a display."""
    found = branches(parameter, resource_type)
    return not all(branch.elements for branch in found) or not _types(parameter, resource_type) <= _CANONICALS


def _types(parameter: SearchParameter, resource_type: str) -> frozenset[str]:
    """The types of the elements a parameter finds, as far as its expression tells them."""
    return frozenset(element.type for branch in branches(parameter, resource_type) for element in branch.elements)


def some(names: tuple[str, ...]) -> str:
    """Return a list of types that is not too long for a sentence."""
    if len(names) == len(r4().resource_types):
        return "any type"
    return ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:8])} and {len(names) - 8} more"
