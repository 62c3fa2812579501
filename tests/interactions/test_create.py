"""create: https://hl7.org/fhir/R4/http.html#create."""

import pytest

from tests.interactions.hub_client import BASE, FHIR_JSON, HubClient, observation, patient, unique


def test_create_stores_the_resource_as_version_1_under_a_new_id(hub: HubClient) -> None:
    answer = hub.post("Patient", patient(active=True))
    assert (answer.status, answer.version_id) == (201, "1")
    assert answer.location == f"{BASE}/Patient/{answer.id}/_history/1"
    assert answer.resource["id"] == answer.id
    assert answer.resource["meta"]["versionId"] == "1"
    assert answer.resource["active"] is True
    assert hub.get(f"Patient/{answer.id}").content == answer.content


def test_create_ignores_id_version_and_time_of_the_body(hub: HubClient) -> None:
    meta = {"versionId": "5", "lastUpdated": "2001-01-01T00:00:00Z", "profile": ["http://example.org/p"]}
    answer = hub.post("Patient", patient(id="mine", meta=meta))
    assert answer.status == 201
    assert answer.id != "mine"
    assert answer.resource["id"] == answer.id
    assert answer.resource["meta"]["versionId"] == "1"
    assert answer.resource["meta"]["lastUpdated"] > "2020"
    assert answer.resource["meta"]["profile"] == ["http://example.org/p"]
    assert hub.get("Patient/mine").status == 404


def test_create_twice_makes_two_resources(hub: HubClient) -> None:
    one, two = (hub.post("Patient", patient()) for _ in range(2))
    assert one.id != two.id
    assert (one.status, two.status) == (201, 201)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "structure"),
        ([1], "structure"),
        ("text", "structure"),
        ({}, "invalid"),
        ({"resourceType": "Group"}, "invalid"),
        ({"resourceType": {}}, "invalid"),
    ],
    ids=repr,
)
def test_create_refuses_what_is_no_resource_of_the_type(hub: HubClient, body: object, code: str) -> None:
    answer = hub.send("POST", "Patient", None if body is None else body if not isinstance(body, str) else f'"{body}"')
    assert (answer.status, answer.issue["code"]) == (400, code)


def test_create_of_an_invalid_resource_stores_nothing_and_lists_all_findings(hub: HubClient) -> None:
    value = unique()
    answer = hub.post("Patient", patient(value, active="yes", birthDate="12", surname="x"))
    assert answer.status == 400
    assert {issue["expression"][0] for issue in answer.issues} == {
        "Patient.active",
        "Patient.birthDate",
        "Patient.surname",
    }
    assert all(issue["severity"] == "error" for issue in answer.issues)
    assert hub.get(f"Patient?identifier={value}").resource["total"] == 0


def test_create_refuses_a_conditional_reference_outside_a_transaction(hub: HubClient) -> None:
    answer = hub.post("Observation", observation(subject={"reference": "Patient?identifier=1"}))
    assert answer.status == 400
    assert answer.issue["expression"] == ["Observation.subject.reference"]


@pytest.mark.parametrize("prefer", ["minimal", "representation", "OperationOutcome", None])
def test_create_answers_with_the_body_that_was_asked_for(hub: HubClient, prefer: str | None) -> None:
    answer = hub.post("Patient", patient(), prefer_return=prefer)
    assert (answer.status, answer.version_id) == (201, "1")
    stored = hub.get(f"Patient/{answer.id}")
    assert stored.last_updated == answer.last_updated
    if prefer == "minimal":
        assert answer.content is None
    elif prefer == "OperationOutcome":
        assert answer.issue == {
            "severity": "information",
            "code": "informational",
            "diagnostics": f"Patient/{answer.id} created as version 1.",
        }
    else:
        assert answer.content == stored.content


def test_create_of_every_resource_type_finds_its_collection(hub: HubClient) -> None:
    """The first resource of a type makes collection and indexes; a later one only writes."""
    for _ in range(2):
        answer = hub.post("Basic", {"resourceType": "Basic", "code": {"text": "x"}}, content_type=FHIR_JSON)
        assert hub.get(f"Basic/{answer.id}").content == answer.content
    names = set(hub.database["Basic"].index_information())
    assert {"tokens", "dates", "created", "updated"} <= names
