"""The search parameters of this server: those of R4, and those that were added to it.

https://hl7.org/fhir/R4/searchparameter.html
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from fhirhub.definitions import SearchParameter, r4

Place = tuple[str, str]
"""A resource type and the code of one of its search parameters."""


class SearchParameters:
    """An unchangeable set of search parameters by resource type and code; a new set is a new object.

    Two sets are equal when they have the same parameters: then they give the same index entries.

    Arguments:
        added: what is there beyond R4; a code of R4 cannot be given a new meaning and is left as it is. Of two with the
            same type and code the last one counts.
        building: types and codes that are indexed on every write but cannot be searched for yet, since the entries of
            what was there before are still being made; each with the share that is done, in percent.
        generation: rises with every change of the set; resources remember under which one they were indexed.
    """

    def __init__(
        self,
        added: Iterable[SearchParameter] = (),
        *,
        building: Mapping[Place, int] = MappingProxyType({}),
        generation: int = 0,
    ) -> None:
        self.added = tuple(added)
        self.building = MappingProxyType(dict(building))
        self.generation = generation
        more: dict[str, dict[str, SearchParameter]] = defaultdict(dict)
        for parameter in self.added:
            for name in types_of(parameter.base):
                if parameter.code not in r4().search_parameters(name):
                    more[name][parameter.code] = parameter
        self._more: Mapping[str, Mapping[str, SearchParameter]] = {
            name: MappingProxyType({**r4().search_parameters(name), **found}) for name, found in more.items()
        }
        self._by_url = {parameter.url: parameter for parameter in self.added}
        self._hash = hash(self.added)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, SearchParameters) and self.added == other.added)

    def __hash__(self) -> int:
        return self._hash

    def of(self, resource_type: str) -> Mapping[str, SearchParameter]:
        """Return the parameters of a resource type by code; KeyError where R4 has no such type."""
        return self._more.get(resource_type) or r4().search_parameters(resource_type)

    def by_url(self, url: str) -> SearchParameter | None:
        """Return the parameter of a canonical URL (without version), None where there is none."""
        return r4_by_url().get(url) or self._by_url.get(url)


def types_of(base: Iterable[str]) -> tuple[str, ...]:
    """Return the resource types that `SearchParameter.base` stands for, in their order."""
    named = frozenset(base)
    return tuple(
        name for name in r4().resource_types if name in named or "Resource" in named or r4().type(name).parent in named
    )


@cache
def r4_by_url() -> Mapping[str, SearchParameter]:
    """Return the search parameters of R4 by their canonical URL."""
    every = (each for name in r4().resource_types for each in r4().search_parameters(name).values())
    return MappingProxyType({each.url: each for each in every})


@cache
def r4_parameters() -> SearchParameters:
    """Return the search parameters of R4 alone."""
    return SearchParameters()
