"""The criteria of a Subscription: a search, `Observation?code=http://loinc.org|1975-2`.

https://hl7.org/fhir/R4/subscription-definitions.html#Subscription.criteria
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from fhirhub.plugin import FhirError, Reader, r4_resource_types

_OF_RESULTS: Final = frozenset(
    {"_sort", "_count", "_include", "_revinclude", "_summary", "_elements", "_total", "_contained", "_containedType"}
    | {"_cursor", "_explain", "_format", "_pretty"}
)
"""What says how a result looks, and nothing of what matches."""


class BadCriteria(ValueError):
    """The criteria cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """A resource type, and the search parameters that one of it has to fulfil."""

    resource_type: str
    query: tuple[tuple[str, str], ...]

    def match(self, reader: Reader, logical_id: str) -> bool:
        """Whether a resource, as it is now, fulfils them. Raises FhirError: they are no search any more."""
        return reader.count(self.resource_type, (*self.query, ("_id", logical_id))) > 0


def parse(text: str) -> Criteria:
    """Return the criteria that a text says. Raises BadCriteria: it is no search of one type."""
    name, _, query = text.partition("?")
    if name not in r4_resource_types():
        raise BadCriteria(f"they begin with a resource type, such as Observation?code=1975-2, not with {name[:80]!r}")
    pairs = tuple(parse_qsl(query, keep_blank_values=True))
    for parameter, _ in pairs:
        if parameter.partition(":")[0] in _OF_RESULTS:
            raise BadCriteria(f"{parameter[:80]} says nothing of what matches")
    return Criteria(name, pairs)


def check(criteria: Criteria, reader: Reader) -> None:
    """Raise BadCriteria where a search would be refused."""
    try:
        reader.page(criteria.resource_type, (*criteria.query, ("_count", "0")))
    except FhirError as error:
        raise BadCriteria(str(error)) from error
