"""What a row of the route table says.

https://hl7.org/fhir/R4/http.html#summary
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fhirhub.interactions.call import Call
from fhirhub.model.request import FhirRequest, FhirResponse, Method

Handler = Callable[[FhirRequest, Call], FhirResponse]

TYPE: Final = "[type]"
ID: Final = "[id]"
MEMBER: Final = "[member]"
"""A type that belongs to a compartment, or `*` for all of them."""
VERSION: Final = "[vid]"

_NONE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Route:
    """One row.

    Arguments:
        interaction: the code of https://hl7.org/fhir/R4/valueset-type-restful-interaction.html, or of the system level.
        method: the HTTP method; HEAD is answered by the GET rows.
        path: segments; those in brackets stand for a type, a logical id or a version id.
        handler: the interaction.
        parameters: URL parameters it knows besides `_format` and `_pretty`; None: it checks them itself.
    """

    interaction: str
    method: Method
    path: tuple[str, ...]
    handler: Handler
    parameters: frozenset[str] | None = _NONE
