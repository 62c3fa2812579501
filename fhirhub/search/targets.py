"""What a reference parameter can lead to.

https://hl7.org/fhir/R4/search.html#reference
"""

from functools import cache

from fhirhub.definitions import SearchParameter, r4
from fhirhub.search.paths import ANY_RESOURCE, branches


@cache
def targets(parameter: SearchParameter, resource_type: str) -> tuple[str, ...]:
    """Return the types a reference parameter can lead to from this type of resource.

    Its definition names those of all types it is for. Where nothing restricts them, these are all resource types.
    """
    named = parameter.target or r4().resource_types
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
    elements = (element for branch in branches(parameter, resource_type) for element in branch.elements)
    return any(element.type in ("canonical", "uri") for element in elements)
