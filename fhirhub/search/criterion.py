"""One criterion of a search, as the client wrote it.

https://hl7.org/fhir/R4/search.html#parameters
"""

from dataclasses import dataclass

from fhirhub.definitions import SearchParameter
from fhirhub.search.site import Site


@dataclass(frozen=True, slots=True)
class Criterion:
    """One search parameter of a request: `name[:modifier]=value`, and what its meaning depends on.

    Arguments:
        within: the composite parameter a component is part of: errors speak of that one.
        alone: whether it is asked of one type only. A value that resources of the type cannot have is then a mistake;
            of several types that are asked at once, it may be meant for another.
    """

    parameter: SearchParameter
    resource_type: str
    modifier: str | None
    value: str
    site: Site
    within: str | None = None
    alone: bool = False

    @property
    def name(self) -> str:
        """The parameter as the client wrote it."""
        if self.within is not None:
            return self.within
        return self.parameter.code if self.modifier is None else f"{self.parameter.code}:{self.modifier}"
