"""Chains into contained resources over a whole hub: https://hl7.org/fhir/R4/search.html#contained."""

from collections.abc import Iterator

import pytest

from fhirhub.model.json import Json
from fhirhub.search.filter import Filter, Holds, Or, TokenIs
from fhirhub.search.parse import parse
from fhirhub.search.site import Site
from fhirhub.store.resolve import resolve
from tests.interactions.hub_client import BASE, Answer, HubClient, entry, hub_on, observation, patient


def to(target: str) -> dict[str, str]:
    return {"reference": target}


def concept(code: str) -> Json:
    return {"coding": [{"code": code}]}


def medication(logical_id: str, code: str, **elements: object) -> Json:
    return {"resourceType": "Medication", "id": logical_id, "code": concept(code), **elements}


def order(logical_id: str, medicine: str, *contained: Json) -> Json:
    fixed = {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": to("Patient/1")}
    held = {"contained": list(contained)} if contained else {}
    return {**fixed, "id": logical_id, "medicationReference": to(medicine), **held}


def organization(logical_id: str, name: str) -> Json:
    return {"resourceType": "Organization", "id": logical_id, "name": name}


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    with hub_on(mongodb_uri) as client:
        stored = [
            patient(id="1", name=[{"family": "Stored"}]),
            organization("acme", "Acme"),
            organization("other", "Other"),
            medication("m", "stored", manufacturer=to("Organization/acme")),
            order("plain", "Medication/m"),
            order("made", "#m", medication("m", "a", manufacturer=to("Organization/acme"), status="active")),
            order(
                "beside",
                "#m",
                medication("m", "b", manufacturer=to("#o")),
                medication("n", "c", manufacturer=to("#p")),
                organization("o", "Inner"),
                organization("p", "Unused"),
            ),
            observation(id="out", subject=to("Patient/1"), code=concept("x")),
            observation(
                id="in",
                subject=to("#1"),
                contained=[
                    patient(id="1", name=[{"family": "Held"}], gender="male"),
                    observation(id="o", subject=to("Patient/1"), code=concept("inner")),
                ],
            ),
        ]
        answer = client.transaction(*(entry("PUT", f"{each['resourceType']}/{each['id']}", each) for each in stored))
        assert answer.status == 200, answer.resource
        yield client


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.resource
    return sorted(resource["id"] for resource in answer.resources)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("MedicationRequest?medication.code=a", ["made"]),
        ("MedicationRequest?medication.code=a,stored", ["made", "plain"]),
        ("MedicationRequest?medication:Medication.code:not=a", ["beside", "plain"]),
        ("MedicationRequest?medication.status:missing=true", ["beside", "plain"]),
        # What is contained, but not what the parameter leads to.
        ("MedicationRequest?medication.code=c", []),
        # Outwards from the contained one: to a stored one, and to one beside it.
        ("MedicationRequest?medication.manufacturer.name=acme", ["made", "plain"]),
        ("MedicationRequest?medication.manufacturer.name=inner", ["beside"]),
        ("MedicationRequest?medication.manufacturer.name=unused", []),
        ("MedicationRequest?medication.manufacturer.name=inner,acme", ["beside", "made", "plain"]),
        # The conditions of one chain are about one and the same contained resource.
        ('MedicationRequest?_filter=medication[code eq b].manufacturer.name eq "inner"', ["beside"]),
        ('MedicationRequest?_filter=medication[code eq c].manufacturer.name eq "inner"', []),
        ("Observation?patient.name=held", ["in"]),
        ("Observation?subject:Patient.gender=male", ["in"]),
        # The id of a contained resource is none of a stored one.
        ("Observation?patient._id=1", ["out"]),
        ("Observation?patient=1", ["out"]),
        ("Observation?patient._has:Observation:patient:code=x", ["out"]),
        # Contained resources are found through what contains them and in no other way.
        ("Patient?_has:Observation:patient:code=x", ["1"]),
        ("Patient?_has:Observation:patient:code=inner", []),
        ("Medication?code=a", []),
    ],
)
def test_chain_looks_into_contained_resources(hub: HubClient, query: str, expected: list[str]) -> None:
    answer = hub.get(query)
    assert ids(answer) == expected
    assert answer.resource["total"] == len(expected)


def plain(hub: HubClient, resource_type: str, name: str, value: str) -> Filter:
    filter = parse(resource_type, [(name, value)], handling="strict", site=Site(BASE)).filter
    return resolve(filter, resource_type, collections=hub.hub.database.collections)


def test_chain_that_no_contained_resource_fulfils_stays_one_of_tokens(hub: HubClient) -> None:
    assert plain(hub, "MedicationRequest", "medication.code", "stored") == TokenIs("medication=Medication/m")
    held = plain(hub, "MedicationRequest", "medication.manufacturer.name", "acme")
    made = Holds("medication", "Medication", TokenIs("manufacturer=Organization/acme"))
    assert held == Or((TokenIs("medication=Medication/m"), made))


def test_transaction_sees_contained_resources_it_will_write(hub: HubClient) -> None:
    fresh = order("fresh", "#m", medication("m", "fresh"))
    reads = entry("GET", "MedicationRequest?medication.code=fresh")
    basis = {"resourceType": "Basic", "code": concept("b"), "subject": to("MedicationRequest?medication.code=fresh")}
    answer = hub.transaction(entry("PUT", "MedicationRequest/fresh", fresh), entry("POST", "Basic", basis), reads)
    assert answer.status == 200, answer.resource
    assert answer.entries[2]["resource"]["total"] == 1
    location = answer.entries[1]["response"]["location"].removeprefix(f"{BASE}/").partition("/_history")[0]
    assert hub.get(location).resource["subject"]["reference"] == "MedicationRequest/fresh"
    assert hub.delete("MedicationRequest/fresh").status == 204
    assert ids(hub.get("MedicationRequest?medication.code=fresh")) == []
