"""What points somewhere: URIs by segments, references by hierarchy and text, places by distance."""

from decimal import Decimal

import pytest

from fhirhub.definitions import r4
from fhirhub.model.json import Json
from fhirhub.search.filter import InHierarchy, Or, Within
from fhirhub.search.near import DEFAULT_METRES
from fhirhub.search.referring import parent_parameter

from .criteria_check import SITE, filter_of, finds, refusal

VALUE_SETS = (
    "http://acme.org",
    "http://acme.org/",
    "http://acme.org/fhir",
    "http://acme.org/fhir/ValueSet/123",
    "http://acme.org/fhir/ValueSet/123/_history/5",
    "http://acme.org/fhir/ValueSet/1234",
    "http://acme.org/fhirplace",
    "http://acme.org.example/fhir",
    "urn:oid:1.2.3",
    "urn:oid:1.2.3.4",
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("url=http://acme.org/fhir/ValueSet/123", {3}),
        ("url:below=http://acme.org/fhir/", {3, 4, 5}),
        ("url:below=http://acme.org/fhir", {2, 3, 4, 5}),
        ("url:below=http://acme.org/fhir/ValueSet/123", {3, 4}),
        ("url:below=http://acme.org", {0, 1, 2, 3, 4, 5, 6}),
        ("url:above=http://acme.org/fhir/ValueSet/123/_history/5", {0, 1, 2, 3, 4}),
        ("url:above=http://acme.org/fhirplace/x", {0, 1, 6}),
        ("url:above=http://acme.org.example/fhir/x,urn:oid:1.2.3.4", None),
        ("url=urn:oid:1.2.3", {8}),
    ],
)
def test_uri_is_above_or_below_by_whole_segments(query: str, expected: set[int] | None) -> None:
    name, _, value = query.partition("=")
    if expected is None:
        assert "is no URL" in refusal("ValueSet", name, value)
        return
    found = {n for n, url in enumerate(VALUE_SETS) if finds(name, value, {"resourceType": "ValueSet", "url": url})}
    assert found == expected


def test_uri_without_segments_is_refused() -> None:
    assert "'urn:oid:1.2' is no URL" in refusal("ValueSet", "url:below", "urn:oid:1.2")
    assert "of more than 500 characters" in refusal("ValueSet", "url:below", f"http://a/{'b' * 500}")
    text = refusal("ValueSet", "url:contains", "a", code="not-supported")
    assert "supported: :missing, :above, :below." in text


def test_long_uri_is_found_below_its_beginning() -> None:
    url = f"http://acme.org/fhir/{'x/' * 600}end"
    resource: Json = {"resourceType": "ValueSet", "url": url}
    assert finds("url:below", "http://acme.org/fhir", resource)
    assert finds("url", url, resource)
    assert not finds("url", f"{url}x", resource)


def test_types_with_a_hierarchy_are_those_that_name_a_parent() -> None:
    found = {name: parent for name in r4().resource_types if (parent := parent_parameter(name)) is not None}
    assert found == {
        "CarePlan": "part-of",
        "DeviceDefinition": "parent",
        "Encounter": "part-of",
        "Location": "partof",
        "Organization": "partof",
        "ResearchStudy": "partof",
        "Specimen": "parent",
        "Task": "part-of",
    }


@pytest.mark.parametrize("direction", ["above", "below"])
@pytest.mark.parametrize("value", ["1", "Location/1", f"{SITE.base_url}/Location/1"])
def test_reference_is_above_or_below_in_the_hierarchy_of_its_target(direction: str, value: str) -> None:
    found = filter_of("Encounter", f"location:{direction}", value)
    assert found == InHierarchy("location", "Location", "1", "partof", direction)  # type: ignore[arg-type]  # the two parameters are the two literals


def test_bare_id_stands_for_every_target_type_with_a_hierarchy() -> None:
    found = filter_of("Observation", "subject:below", "1")
    assert found == InHierarchy("subject", "Location", "1", "partof", "below")
    several = filter_of("Patient", "general-practitioner:above", "Organization/1,Organization/2")
    assert isinstance(several, Or)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("subject:below", "Patient/1", "Patient has no hierarchy; types that have one here: Location"),
        ("subject:below", "Practitioner/1", "none of its target types"),
        ("subject:below", "Location/1/_history/2", "names a version"),
        ("subject:below", "http://other.example.org/Location/1", "refers to no resource of this server"),
        ("subject:below", "urn:uuid:0c3b", "refers to no resource of this server"),
    ],
)
def test_reference_without_hierarchy_is_refused(name: str, value: str, says: str) -> None:
    assert says in refusal("Observation", name, value)


def test_text_of_a_reference_is_its_display() -> None:
    observation: Json = {"resourceType": "Observation", "subject": {"reference": "Patient/1", "display": "Anna Müller"}}
    assert finds("subject:text", "ANNA MUL", observation)
    assert not finds("subject:text", "müller", observation)
    assert finds("subject", "Patient/1", observation)


def test_canonical_reference_is_found_with_and_without_version() -> None:
    url = "http://example.org/Questionnaire/q"
    answers: Json = {"resourceType": "QuestionnaireResponse", "questionnaire": f"{url}|2"}
    assert finds("questionnaire", f"{url}|2", answers)
    assert finds("questionnaire", url, answers)
    assert not finds("questionnaire", f"{url}|1", answers)


def place(latitude: str, longitude: str) -> Json:
    position = {"latitude": Decimal(latitude), "longitude": Decimal(longitude)}
    return {"resourceType": "Location", "position": position}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("48.137|11.575|10|km", True),
        ("48.137|11.575|10", True),
        ("48.137|11.575|5000|m", True),
        ("48.137|11.575|100|m", False),
        ("48.137|11.575|4|[mi_i]", True),
        ("48.137|11.575|2|[mi_i]", False),
        ("48.137|11.575", True),
        ("48.5|11.575", True),
        ("48.7|11.575", False),
        ("48.7|11.575|60", True),
        ("48.137|11.575||", True),
        ("-48.137|-168.425|20000|km", False),
        ("-48.137|-168.425|30000|km", True),
        ("0|0|0|km,48.137|11.575|10|km", True),
    ],
)
def test_near_takes_distance_and_unit(value: str, expected: bool) -> None:
    # Some 4.8 km from the point asked for.
    assert finds("near", value, place("48.18", "11.57")) is expected


def test_near_without_distance_is_fifty_kilometres() -> None:
    assert DEFAULT_METRES == 50_000
    assert filter_of("Location", "near", "-83.694810|42.256500") == Within(-83.69481, 42.2565, 50_000.0)
    assert filter_of("Location", "near", "-83.694810|42.256500|11.20|km") == Within(-83.69481, 42.2565, 11_200.0)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("1", "latitude|longitude|distance|units"),
        ("1|2|3|km|5", "latitude|longitude|distance|units"),
        ("91|0", "91 is no latitude"),
        ("0|-180.5", "-180.5 is no longitude"),
        ("a|b", "'a' is no number"),
        ("1|2|-3", "is negative"),
        ("1|2|3|miles", "'miles' is no UCUM unit of length"),
        ("1|2|3|kg", "'kg' is no UCUM unit of length"),
        ("1|2||km|", "latitude|longitude|distance|units"),
        ("1|2||km", "'' is no number"),
        (f"1|2|1{'0' * 1000}", "is no number"),
    ],
)
def test_near_of_no_form_is_refused(value: str, says: str) -> None:
    assert says in refusal("Location", "near", value)


def test_near_of_a_great_distance_is_everywhere() -> None:
    assert finds("near", "0|0|1e900|km", place("48.18", "11.57"))
    assert finds("near:missing", "true", {"resourceType": "Location"})
    assert finds("near:missing", "false", place("1", "1"))


def test_canonical_below_the_base_url_is_found_in_every_version() -> None:
    url = f"{SITE.base_url}/PlanDefinition/1"
    for canonical in (url, f"{url}|2"):
        plan = {"resourceType": "CarePlan", "instantiatesCanonical": [canonical]}
        assert finds("instantiates-canonical:below", url, plan)
    assert not finds("instantiates-canonical:below", f"{url}|1", plan)


@pytest.mark.parametrize("modifier", ["identifier", "text"])
def test_canonical_has_neither_identifier_nor_text(modifier: str) -> None:
    said = refusal("CarePlan", f"instantiates-canonical:{modifier}", "1", code="not-supported")
    assert "supported: :missing, :below and its target types" in said
