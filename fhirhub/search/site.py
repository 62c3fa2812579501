"""What the index entries of a resource and the meaning of a search depend on, besides the two themselves.

https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from fhirhub.search.parameters import SearchParameters, r4_parameters
from fhirhub.search.terminology import Terminology, r4_terminology


@dataclass(frozen=True, slots=True)
class Site:
    """The server, as far as search has to know it.

    Arguments:
        base_url: the service base without a slash at its end; absolute references below it count as local.
        now: the clock; the prefix `ap` needs it.
        zone: the time zone of dates and times that name none.
        parameters: the search parameters there are.
        terminology: knows code systems and value sets.
        full_text: whether words are indexed, for `_text` and `_content`.
        failed: told when a parameter cannot be evaluated on a resource, with the type, the code and what was raised;
            the resource then has no entries for it.
    """

    base_url: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    zone: tzinfo = UTC
    parameters: SearchParameters = field(default_factory=r4_parameters)
    terminology: Terminology = field(default_factory=r4_terminology)
    full_text: bool = True
    failed: Callable[[str, str, Exception], None] = lambda resource_type, code, error: None
