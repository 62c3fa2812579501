"""What the tests of single criteria share: whether a resource is found by one, and what a refusal says."""

from datetime import UTC, datetime

import pytest

from fhirhub.errors import FhirError
from fhirhub.model.json import Json
from fhirhub.search.criterion import Criterion
from fhirhub.search.extract import extract
from fhirhub.search.filter import Filter
from fhirhub.search.match import matches
from fhirhub.search.predicates import predicate
from fhirhub.search.site import Site

SITE = Site("https://hub.example.org/fhir", lambda: datetime(2026, 1, 31, 12, 0, tzinfo=UTC))


def filter_of(resource_type: str, name: str, value: str, site: Site = SITE) -> Filter:
    code, _, modifier = name.partition(":")
    return predicate(
        Criterion(site.parameters.of(resource_type)[code], resource_type, modifier or None, value, site, alone=True)
    )


def finds(name: str, value: str, resource: Json, site: Site = SITE) -> bool:
    """Whether `name=value` finds the resource, by what is extracted from it."""
    resource_type = resource["resourceType"]
    entries = extract(resource, resource_type, site)
    return matches(filter_of(resource_type, name, value, site), logical_id="1", updated=0, entries=entries)


def refusal(resource_type: str, name: str, value: str, site: Site = SITE, *, code: str = "value") -> str:
    """Return what the refusal of `name=value` says; its issue names the parameter and has the code."""
    with pytest.raises(FhirError) as caught:
        filter_of(resource_type, name, value, site)
    (issue,) = caught.value.issues
    assert (caught.value.status, issue.severity, issue.code) == (400, "error", code)
    assert issue.expression == (f"http.{name}",)
    assert issue.diagnostics.startswith(f"Search parameter {name}: ")
    assert len(issue.diagnostics) < 500
    return issue.diagnostics
