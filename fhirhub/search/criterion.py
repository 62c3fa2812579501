"""One criterion of a search, as the client wrote it.

https://hl7.org/fhir/R4/search.html#parameters
"""

from dataclasses import dataclass

from fhirhub.definitions import SearchParameter
from fhirhub.search.site import Site


@dataclass(frozen=True, slots=True)
class Criterion:
    """One search parameter of a request: `name[:modifier]=value`, and what its meaning depends on."""

    parameter: SearchParameter
    resource_type: str
    modifier: str | None
    value: str
    site: Site

    @property
    def name(self) -> str:
        """The parameter as the client wrote it."""
        return self.parameter.code if self.modifier is None else f"{self.parameter.code}:{self.modifier}"
