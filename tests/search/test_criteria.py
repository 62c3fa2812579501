"""Criteria of conditional interactions: strict, never empty, and one text for one meaning."""

import pytest

from fhirhub.errors import FhirError
from fhirhub.search.criteria import canonical_criteria, parse_criteria
from fhirhub.search.filter import And, Filter, TokenIs
from fhirhub.search.keys import system_id
from fhirhub.search.site import Site

from .conftest import BASE_URL, NOW


def parsed(query: str, resource_type: str = "Patient") -> Filter:
    return parse_criteria(resource_type, query, Site(BASE_URL, lambda: NOW))


@pytest.mark.parametrize(
    "query",
    [
        "identifier=http://a.example.org|1",
        "?identifier=http://a.example.org|1",
        "Patient?identifier=http://a.example.org|1",
        "identifier=http%3A%2F%2Fa.example.org%7C1",
    ],
)
def test_criteria_are_read_in_every_spelling(query: str) -> None:
    assert parsed(query) == TokenIs(f"identifier=1|{system_id('http://a.example.org')}")


def test_criteria_may_hold_a_question_mark_of_their_own() -> None:
    assert parsed("identifier=http://a.example.org?x|1") == TokenIs(
        f"identifier=1|{system_id('http://a.example.org?x')}"
    )


def test_criteria_are_joined_by_and() -> None:
    assert parsed("active=true&gender=male") == And((TokenIs("active=true|"), TokenIs("gender=male|")))


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "select nothing"),
        ("?", "select nothing"),
        ("Patient?", "select nothing"),
        ("_count=1&gender=male", "_count"),
        ("gender=male&_format=json", "_format"),
        ("Group?code=1", "for Group, not for Patient"),
        ("gendr=male", "Did you mean gender"),
        ("gender=", "empty"),
        ("identifier=%ff", "decoded"),
    ],
)
def test_criteria_that_select_wrongly_are_refused(query: str, reason: str) -> None:
    with pytest.raises(FhirError, match=reason) as caught:
        parsed(query)
    assert caught.value.status == 400


def test_canonical_criteria_are_equal_for_equal_criteria() -> None:
    texts = {
        canonical_criteria("Patient", query)
        for query in (
            "identifier=http://a|1&gender=male,female",
            "?gender=female%2Cmale&identifier=http%3A//a%7C1",
            "Patient?gender=male,female,male&identifier=http://a|1&identifier=http://a|1",
            "gender=male,female&identifier=http://a|1",
        )
    }
    assert texts == {"Patient?gender=female,male&identifier=http://a|1"}


def test_canonical_criteria_differ_for_different_criteria() -> None:
    queries = [
        "identifier=a|1", "identifier=a\\|1", "identifier=a,1", "identifier=a\\,1", "identifier=1", "identifier:not=1",
        "identifier=1&active=true", "name=1",
    ]  # fmt: skip
    assert len({canonical_criteria("Patient", query) for query in queries}) == len(queries)
    assert canonical_criteria("Person", "name=1") != canonical_criteria("Patient", "name=1")


def test_canonical_criteria_leave_an_expression_as_it_is() -> None:
    quoted = '_filter=family eq "a\\"b"'
    assert canonical_criteria("Patient", quoted) == f"Patient?{quoted}"
    one, other = (canonical_criteria("Observation", f'patient._filter=family eq "{name}"') for name in ("a,b", "b,a"))
    assert one != other
