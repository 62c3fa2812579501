"""Parameters whose values are indexed as those of others."""

from decimal import Decimal

import pytest

from fhirhub.definitions import SearchParameter, r4
from fhirhub.model.json import Json
from fhirhub.search.extract import extract
from fhirhub.search.filter import All, GroupIs, TokenIs, any_of
from fhirhub.search.site import Site
from fhirhub.search.unions import is_union, sources

from .criteria_check import filter_of, finds, refusal

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def coded(code: str) -> Json:
    return {"code": {"coding": [{"system": LOINC, "code": code, "display": f"what {code} is"}]}}


def kpa(value: str) -> Json:
    return {"valueQuantity": {"value": Decimal(value), "system": UCUM, "code": "kPa"}}


PRESSURE: Json = {
    "resourceType": "Observation",
    **coded("whole"),
    **kpa("1"),
    "component": [{**coded("part"), **kpa("2")}, {**coded("none"), "dataAbsentReason": {"text": "unknown"}}],
}


def test_unions_of_r4() -> None:
    found = {
        (name, parameter.code): {each.code for each in sources(parameter, name)}
        for name in r4().resource_types
        for parameter in r4().search_parameters(name).values()
        if is_union(parameter, name)
    }
    assert found == {
        ("Observation", f"combo-{code}"): {code, f"component-{code}"}
        for code in (
            "code",
            "code-value-concept",
            "code-value-quantity",
            "data-absent-reason",
            "value-concept",
            "value-quantity",
        )
    }


def test_a_parameter_that_was_added_is_indexed_itself() -> None:
    combined = r4().search_parameters("Observation")["combo-code"]
    fields = {name: getattr(combined, name) for name in combined.__slots__}
    added = SearchParameter(**fields | {"code": "any-code", "url": "urn:any-code"})
    assert sources(added, "Observation") == (added,)


def test_no_entry_has_the_name_of_a_union() -> None:
    entries = extract(PRESSURE, "Observation", Site("http://localhost/fhir"))
    groups = [group.parameter for group in entries.groups]
    assert not [text for text in (*entries.tokens, *groups) if text.startswith("combo")]
    assert not [each for each in entries.numbers if each.parameter.startswith("combo")]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("combo-code", "whole", True),
        ("combo-code", f"{LOINC}|part", True),
        ("combo-code", "another", False),
        ("combo-code:text", "what part", True),
        ("combo-code:not", "part", False),
        ("combo-code:not", "another", True),
        ("combo-code:missing", "false", True),
        ("combo-value-quantity", f"1|{UCUM}|kPa", True),
        ("combo-value-quantity", f"gt1999|{UCUM}|Pa", True),
        ("combo-value-quantity", "gt2", False),
        ("combo-value-quantity:missing", "true", False),
        ("combo-data-absent-reason:missing", "false", True),
        ("combo-value-concept:missing", "true", True),
        ("combo-code-value-quantity", "whole$1", True),
        ("combo-code-value-quantity", "part$2", True),
        ("combo-code-value-quantity", "whole$2", False),
        ("combo-code-value-quantity:missing", "false", True),
        ("combo-code-value-concept:missing", "false", False),
    ],
)
def test_a_union_finds_what_its_sources_find(name: str, value: str, expected: bool) -> None:
    assert finds(name, value, PRESSURE) is expected


def test_each_source_is_asked_by_its_own_index() -> None:
    expected = any_of([TokenIs("component-code=a|"), TokenIs("code=a|")])
    assert filter_of("Observation", "combo-code", "|a") == expected
    expected = any_of([GroupIs("code-value-quantity", All()), GroupIs("component-code-value-quantity", All())])
    assert filter_of("Observation", "combo-code-value-quantity:missing", "false") == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("combo-value-quantity", "abc"), ("combo-code-value-quantity", "a"), ("combo-code:in", "urn:unknown")],
)
def test_refusals_name_the_parameter_the_client_wrote(name: str, value: str) -> None:
    assert refusal("Observation", name, value)
