"""What a composite parameter is made of.

https://hl7.org/fhir/R4/search.html#composite
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from fhirhub.definitions import SearchComponent, SearchParameter
from fhirhub.fhirpath.errata import intended
from fhirhub.search.convert import CONVERTERS
from fhirhub.search.parameters import SearchParameters
from fhirhub.search.paths import branches

_RELATES_TO: Final = "http://hl7.org/fhir/SearchParameter/DocumentReference-relatesto"
_RELATION: Final = "http://hl7.org/fhir/SearchParameter/DocumentReference-relation"
_ERRATA: Final[Mapping[SearchComponent, str]] = MappingProxyType(
    {
        # DocumentReference.relationship names the definition of each part with the expression of the other.
        SearchComponent(_RELATES_TO, "code"): _RELATION,
        SearchComponent(_RELATION, "target"): _RELATES_TO,
    }
)


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a composite: the parameter it is like, and where its values stand within the element."""

    parameter: SearchParameter
    expression: str


@lru_cache(maxsize=1024)
def components(composite: SearchParameter, resource_type: str, parameters: SearchParameters) -> tuple[Component, ...]:
    """Return the parts of a composite parameter in order; none where a definition is not known, or not for the type."""
    found = []
    if not branches(composite, resource_type):
        return ()
    for part in composite.components:
        parameter = parameters.by_url(_ERRATA.get(part, part.definition).partition("|")[0])
        if parameter is None or parameter.type not in CONVERTERS:
            return ()
        found.append(Component(parameter, intended(part.expression, None)))
    return tuple(found)
