"""$validate. https://hl7.org/fhir/R4/resource-operation-validate.html"""

from typing import Any

import pytest

from fhirhub.model.json import Json
from tests.builtin.parameters import sent
from tests.interactions.hub_client import HubClient, entry, observation, patient, unique

CORE = "http://hl7.org/fhir/StructureDefinition"
FINE = [{"severity": "information", "code": "informational", "diagnostics": "All OK"}]
WRONG: Json = {"resourceType": "Patient", "gender": "femail"}


def found(hub: HubClient, path: str, body: Json | None = None) -> list[tuple[str, str]]:
    """Severity and code of the issues of an outcome, which has to come with 200."""
    answer = hub.post(path, body)
    assert answer.status == 200, answer.resource
    return [(issue["severity"], issue["code"]) for issue in answer.issues]


@pytest.mark.parametrize("path", ["Patient/$validate", "Patient/$validate?mode=create"])
def test_valid_resource_is_all_right(hub: HubClient, path: str) -> None:
    for body in (patient(), sent(resource=patient())):
        answer = hub.post(path, body)
        assert (answer.status, answer.issues) == (200, FINE)
    assert hub.get(f"Patient?_id={unique()}").resource["total"] == 0


def test_invalid_resource_is_what_was_asked_about_and_no_bad_request(hub: HubClient) -> None:
    direct = hub.post("Patient/$validate", WRONG)
    wrapped = hub.post("Patient/$validate", sent(resource=WRONG, valueCode_mode="create"))
    assert (direct.status, wrapped.status) == (200, 200)
    assert direct.issues == wrapped.issues
    assert (direct.issue["severity"], direct.issue["expression"]) == ("error", ["Patient.gender"])
    assert direct.issues == hub.post("Patient", WRONG).issues


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"resourceType": "Pateint"}, "Pateint"),
        ({"resourceType": "Observation", "status": "final", "code": {"text": "x"}}, "is a 'Observation'"),
        ({"resourceType": "Patient", "name": 3}, "name"),
        ({"resourceType": "Patient", "meta": 3}, "meta"),
        ({"resourceType": "Patient", "meta": {"profile": 3}}, "profile"),
        ({"resourceType": "Patient", "meta": {"profile": [3, {}, None]}}, "profile"),
        ({"resourceType": "Patient", "id": "a b"}, "id"),
        ({"resourceType": "Patient", "kind": {"deep": [[[[{}]]]]}}, "kind"),
        ({"resourceType": "Patient", "contained": [{"resourceType": "Nothing"}]}, "Nothing"),
        ({"resourceType": "Patient", "\x00": "\ud7ff"}, "Patient"),
    ],
)
def test_whatever_is_sent_is_judged(hub: HubClient, resource: Json, expected: str) -> None:
    for body in (resource, sent(resource=resource)):
        for path in ("Patient/$validate", "Patient/$validate?mode=create"):
            answer = hub.post(path, body)
            assert answer.status == 200, answer.resource
            assert "error" in {issue["severity"] for issue in answer.issues}
            assert expected in str(answer.issues)


def test_stored_resource_can_be_validated(hub: HubClient) -> None:
    known = hub.post("Patient", patient()).id
    for answer in (hub.get(f"Patient/{known}/$validate"), hub.post(f"Patient/{known}/$validate")):
        assert (answer.status, answer.issues) == (200, FINE)
    assert hub.get("Patient/$validate").status == 400
    assert hub.get(f"Patient/{unique()}/$validate").status == 404


def test_update_is_judged_as_one_of_that_instance(hub: HubClient) -> None:
    known = hub.post("Patient", patient()).id
    path = f"Patient/{known}/$validate?mode=update"
    assert hub.post(path, patient(id=known)).issues == FINE
    other = hub.post(path, patient(id="other"))
    assert (other.status, other.issue["expression"]) == (200, ["Patient.id"])
    assert "they must be the same" in other.issue["diagnostics"]
    assert "has no id" in hub.post(path, patient()).issue["diagnostics"]
    assert found(hub, path, WRONG | {"id": known}) == [("error", "code-invalid")]
    assert hub.get(f"Patient/{known}").version_id == "1"


def test_deletion_is_judged_without_content(hub: HubClient) -> None:
    known = hub.post("Patient", patient()).id
    for answer in (
        hub.post(f"Patient/{known}/$validate", sent(valueCode_mode="delete")),
        hub.get(f"Patient/{known}/$validate?mode=delete"),
    ):
        assert (answer.status, answer.issue["severity"]) == (200, "information")
        assert f"Patient/{known} can be deleted" in answer.issue["diagnostics"]
    hub.delete(f"Patient/{known}")
    assert hub.get(f"Patient/{known}/$validate?mode=delete").status == 410


@pytest.mark.parametrize(
    ("profile", "issues"),
    [
        (f"{CORE}/Patient", [("information", "informational")]),
        (f"{CORE}/Patient|4.0.1", [("information", "informational")]),
        (f"{CORE}/Resource", [("information", "informational")]),
        (f"{CORE}/DomainResource", [("information", "informational")]),
        (f"{CORE}/Observation", [("error", "invalid")]),
        (f"{CORE}/Patient|5.0.0", [("error", "not-supported")]),
        (f"{CORE}/bp", [("error", "not-supported")]),
        ("http://hospital.example/profile|1", [("error", "not-supported")]),
    ],
)
@pytest.mark.parametrize("mode", ["", "mode=profile&"])
def test_profile_that_is_not_known_is_never_conformed_to(
    hub: HubClient, profile: str, issues: list[tuple[str, str]], mode: str
) -> None:
    answer = hub.post(f"Patient/$validate?{mode}profile={profile}", patient())
    assert answer.status == 200
    assert [(issue["severity"], issue["code"]) for issue in answer.issues] == issues
    if issues != [("information", "informational")]:
        assert profile in answer.issue["diagnostics"]


def test_profiles_that_a_resource_claims_are_warned_of(hub: HubClient) -> None:
    claims = patient(meta={"profile": [f"{CORE}/Patient", "http://hospital.example/vip"]})
    answer = hub.post("Patient/$validate", claims)
    assert (answer.issue["severity"], answer.issue["code"]) == ("warning", "not-supported")
    assert "http://hospital.example/vip" in answer.issue["diagnostics"]
    asked = hub.post("Patient/$validate?profile=http://hospital.example/vip", claims)
    assert asked.issue["severity"] == "error"


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("Patient/$validate", None, "resource: it is missing"),
        ("Patient/$validate?mode=update", patient(), "mode: update is asked of an instance"),
        ("Patient/$validate?mode=delete", patient(), "mode: delete is asked of an instance"),
        ("Patient/{id}/$validate?mode=create", patient(), "mode: create is asked of a type"),
        ("Patient/{id}/$validate?mode=update", None, "resource: it is missing"),
        ("Patient/$validate?mode=check", patient(), "there are create, update"),
        ("Patient/$validate?mode=profile", patient(), "profile: the mode profile needs one"),
        ("Patient/$validate?mode=", patient(), '"" is not a code'),
        ("Patient/$validate?mode=create&mode=create", patient(), "at most 1 times"),
        ("Patient/$validate?strict=true", patient(), "no parameter 'strict'"),
        ("Patient/$validate?profile=a%20b", patient(), '"a b" is not a uri'),
        ("Patient/$validate", {"resourceType": "Parameters", "parameter": [{"name": "resource"}]}, "takes a resource"),
        ("Patient/$validate", sent(resource=patient(), valueInteger_mode=1), "takes valueCode, not valueInteger"),
        ("Patient/$validate", {"resourceType": "Parameters", "parameter": {"name": "resource"}}, "array"),
        ("Patient/$validate", {"resourceType": "Parameters", "parameter": [{"resource": patient()}]}, "name"),
        ("Patient/$validate", {"resourceType": "Parameters", "parameter": [3]}, ""),
        ("Patient/$validate", sent(resource=3), ""),
        ("Patient/$validate", sent(resource={"resourceType": ["Patient"]}), ""),
        ("Patient/$validate", [patient()], "must be a Parameters resource"),
        ("Patient/$validate", {"resourceType": None}, "must be a Parameters resource"),
    ],
)
def test_request_that_cannot_be_understood_is_refused(hub: HubClient, path: str, body: Any, says: str) -> None:
    known = hub.post("Patient", patient()).id
    answer = hub.post(path.format(id=known), body)
    assert answer.status == 400
    assert any(says in issue["diagnostics"] for issue in answer.issues), answer.resource


def test_parameters_themselves_are_validated_as_a_parameter(hub: HubClient) -> None:
    assert hub.post("Parameters/$validate", sent(resource=sent(valueString_x="y"))).issues == FINE
    assert found(hub, "Parameters/$validate", sent(resource={"resourceType": "Parameters", "parameter": 3}))[0][0] == (
        "error"
    )


def test_batch_can_validate_and_a_transaction_cannot(hub: HubClient) -> None:
    row = entry("POST", "Observation/$validate", observation())
    answer = hub.batch(row, entry("POST", "Patient/$validate", WRONG))
    outcomes = [each["response"]["outcome"] for each in answer.entries]
    assert [each["issue"][0]["severity"] for each in outcomes] == ["information", "error"]
    assert hub.transaction(row).status == 400
