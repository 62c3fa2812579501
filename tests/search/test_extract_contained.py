"""Entries of contained resources, and places."""

from decimal import Decimal

import pytest

from fhirhub.model.json import Json
from fhirhub.search.extract import MAX_BESIDE, extract
from fhirhub.search.keys import string_key
from fhirhub.search.site import Site
from fhirhub.search.values import Contained, Point

from .conftest import BASE_URL

SITE = Site(BASE_URL)


def test_contained_resource_has_the_entries_of_its_type() -> None:
    patient = {"resourceType": "Patient", "id": "p", "name": [{"family": "Müller"}], "birthDate": "1970-01-01"}
    resource: Json = {"resourceType": "Observation", "contained": [patient], "subject": {"reference": "#p"}}
    (found,) = extract(resource, "Observation", SITE).contained
    assert (found.resource_type, found.logical_id) == ("Patient", "p")
    keys = {f"name={string_key('Müller')}", f"family={string_key('Müller')}", "phonetic=MALAR", "deceased=false|"}
    assert set(found.entries.tokens) == keys | {"^subject", "^patient"}
    assert [(each.parameter, each.low) for each in found.entries.dates] == [("birthdate", 0)]


def test_contained_resource_has_no_words_places_or_lists_of_its_own() -> None:
    position = {"latitude": Decimal("1.5"), "longitude": Decimal("2.5")}
    location = {"resourceType": "Location", "id": "l", "name": "Ward", "position": position}
    weight = {"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/1"}}
    weight |= {"effectiveDateTime": "2020", "valueQuantity": {"value": 3}, "code": {"coding": [{"code": "a"}]}}
    resource: Json = {"resourceType": "Encounter", "contained": [location, weight]}
    first, second = extract(resource, "Encounter", SITE).contained
    assert (first.entries.words, first.entries.points) == ([], [])
    assert f"name={string_key('Ward')}" in first.entries.tokens
    assert (second.entries.event, second.entries.listed) == (None, [])
    assert [each.parameter for each in second.entries.numbers] == ["value-quantity"]
    assert {group.parameter for group in second.entries.groups} == {"code-value-quantity"}


def test_contained_resource_refers_to_its_neighbours() -> None:
    """A reference to another contained resource is one to its type, as in the resource around them."""
    contained = [
        {"resourceType": "Observation", "id": "o", "subject": {"reference": "#p"}},
        {"resourceType": "Patient", "id": "p"},
    ]
    found = extract({"resourceType": "DiagnosticReport", "contained": contained}, "DiagnosticReport", SITE).contained
    assert {"subject=", "patient="} <= set(found[0].entries.tokens)


def test_contained_resource_without_id_cannot_be_found() -> None:
    contained = [{"resourceType": "Patient", "name": [{"family": "Li"}]}, {"resourceType": "Group", "id": "g"}]
    found = extract({"resourceType": "Observation", "contained": contained}, "Observation", SITE).contained
    assert [(each.resource_type, each.logical_id) for each in found] == [("Group", "g")]


def location(**position: object) -> Json:
    return {"resourceType": "Location", "position": position}


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(Decimal("42.256500"), Decimal("-83.694810")), (0, 0), (-90, 180), (90, -180)],
)
def test_position_is_a_point(latitude: Decimal | int, longitude: Decimal | int) -> None:
    found = extract(location(latitude=latitude, longitude=longitude, altitude=3), "Location", SITE)
    assert found.points == [Point(float(latitude), float(longitude))]
    assert found.tokens == ["near="]


@pytest.mark.parametrize(
    "position",
    [{"latitude": 91, "longitude": 0}, {"latitude": 0, "longitude": Decimal("-180.01")}, {"latitude": 1}, {"id": "x"}],
)
def test_position_that_is_nowhere_on_earth_is_present_but_no_point(position: Json) -> None:
    found = extract(location(**position), "Location", SITE)
    assert found.points == []
    assert found.tokens == ["near="]


def test_location_without_position_has_neither() -> None:
    found = extract({"resourceType": "Location", "status": "active"}, "Location", SITE)
    assert (found.points, found.tokens) == ([], ["status=active|"])


def held(resource: Json, logical_id: str) -> Contained:
    found = extract(resource, resource["resourceType"], SITE).contained
    return next(each for each in found if each.logical_id == logical_id)


def test_contained_resource_knows_the_parameters_that_lead_to_it() -> None:
    contained = [{"resourceType": "Patient", "id": each} for each in ("p", "q", "unused")]
    resource: Json = {"resourceType": "Observation", "contained": contained}
    resource |= {"subject": {"reference": "#p"}, "performer": [{"reference": "#q"}, {"reference": "#p"}]}
    assert {"^subject", "^patient", "^performer"} <= set(held(resource, "p").entries.tokens)
    assert [key for key in held(resource, "q").entries.tokens if "^" in key] == ["^performer"]
    assert [key for key in held(resource, "unused").entries.tokens if "^" in key] == []


def test_contained_resource_holds_those_beside_it_that_it_refers_to() -> None:
    medicine = {"resourceType": "Medication", "id": "m", "manufacturer": {"reference": "#o"}}
    company = {"resourceType": "Organization", "id": "o", "name": "Acme", "partOf": {"reference": "#o"}}
    resource: Json = {"resourceType": "MedicationRequest", "contained": [medicine, company]}
    resource["medicationReference"] = {"reference": "#m"}
    found = held(resource, "m")
    assert {"^medication", "manufacturer^"} <= set(found.entries.tokens)
    (beside,) = found.entries.contained
    assert (beside.resource_type, beside.logical_id, beside.entries.contained) == ("Organization", "o", [])
    assert {f"name={string_key('Acme')}", "^manufacturer"} <= set(beside.entries.tokens)
    assert not any(key.startswith("^") for key in held(resource, "o").entries.tokens)


def test_contained_resources_that_all_refer_to_a_large_one_do_not_all_hold_it() -> None:
    large = {"resourceType": "Organization", "id": "o", "alias": [f"name {number}" for number in range(300)]}
    small = [{"resourceType": "Patient", "id": f"p{n}", "managingOrganization": {"reference": "#o"}} for n in range(50)]
    found = extract({"resourceType": "Observation", "contained": [large, *small]}, "Observation", SITE).contained
    copied = [beside for each in found for beside in each.entries.contained]
    assert 0 < sum(len(each.entries.tokens) for each in copied) <= 2 * MAX_BESIDE
    assert len(found) == 51
