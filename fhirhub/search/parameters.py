"""The search parameters of this server: those of R4, and those that were added to it.

https://hl7.org/fhir/R4/searchparameter.html
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from fhirhub.definitions import SearchParameter, r4


class SearchParameters:
    """An unchangeable set of search parameters by resource type and code; a new set is a new object.

    Arguments:
        added: what is there beyond R4; a code of R4 cannot be given a new meaning and is left as it is.
        building: pairs of type and code that are indexed on every write but cannot be searched for yet, since the
            entries of what was there before are still being made.
        generation: rises with every change of the set; resources remember under which one they were indexed.
    """

    def __init__(
        self,
        added: Iterable[SearchParameter] = (),
        *,
        building: Iterable[tuple[str, str]] = (),
        generation: int = 0,
    ) -> None:
        more: dict[str, dict[str, SearchParameter]] = defaultdict(dict)
        for parameter in added:
            for base in parameter.base:
                names = r4().resource_types if base in ("Resource", "DomainResource") else (base,)
                for name in names:
                    if parameter.code not in r4().search_parameters(name):
                        more[name][parameter.code] = parameter
        self._more: Mapping[str, Mapping[str, SearchParameter]] = {
            name: MappingProxyType({**r4().search_parameters(name), **found}) for name, found in more.items()
        }
        self.building = frozenset(building)
        self.generation = generation

    def of(self, resource_type: str) -> Mapping[str, SearchParameter]:
        """Return the parameters of a resource type by code; KeyError where R4 has no such type."""
        return self._more.get(resource_type) or r4().search_parameters(resource_type)


@cache
def r4_parameters() -> SearchParameters:
    """Return the search parameters of R4 alone."""
    return SearchParameters()
