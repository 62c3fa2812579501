"""What the tests of search share: a fixed clock, a base URL, and a parser that has both."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from fhirhub.errors import FhirError
from fhirhub.model.request import Handling
from fhirhub.search.parse import SearchQuery, parse
from fhirhub.search.site import Site

BASE_URL = "https://hub.example.org/fhir"
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

Search = Callable[..., SearchQuery]


@pytest.fixture
def search() -> Search:
    """Parse `search("Patient", ("name", "ann"), ...)`."""

    def parsed(resource_type: str, *parameters: tuple[str, str], handling: Handling = "strict") -> SearchQuery:
        return parse(resource_type, parameters, handling=handling, site=Site(BASE_URL, lambda: NOW))

    return parsed


def refused(search: Search, resource_type: str, *parameters: tuple[str, str], **handling: str) -> FhirError:
    """Return the error with which a search is refused; it names one of the parameters."""
    with pytest.raises(FhirError) as caught:
        search(resource_type, *parameters, **handling)
    (issue,) = caught.value.issues
    assert (caught.value.status, issue.severity) == (400, "error")
    assert issue.expression in [(f"http.{name}",) for name, _ in parameters]
    assert issue.diagnostics.startswith(f"Search parameter {issue.expression[0].removeprefix('http.')}: ")
    return caught.value
