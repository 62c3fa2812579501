"""patch as an interaction: https://hl7.org/fhir/R4/http.html#patch. The three languages have tests in tests/patch."""

from typing import Any

import pytest

from tests.interactions.hub_client import BASE, FHIR_JSON, JSON_PATCH, MERGE_PATCH, Answer, HubClient, patient, unique


def fhirpath(*operations: dict[str, Any]) -> dict[str, Any]:
    """A FHIRPath Patch; each operation's values are strings, `value` is itself a named part."""
    return {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [
                    {"name": name, **({"valueString": value} if isinstance(value, str) else value)}
                    for name, value in operation.items()
                ],
            }
            for operation in operations
        ],
    }


ACTIVATE = {
    JSON_PATCH: [{"op": "replace", "path": "/active", "value": True}],
    MERGE_PATCH: {"active": True},
    FHIR_JSON: fhirpath({"type": {"valueCode": "replace"}, "path": "Patient.active", "value": {"valueBoolean": True}}),
}
"""The same change in each of the three languages."""

NOTHING = {
    JSON_PATCH: [{"op": "replace", "path": "/active", "value": False}],
    MERGE_PATCH: {"active": False},
    FHIR_JSON: fhirpath({"type": {"valueCode": "replace"}, "path": "Patient.active", "value": {"valueBoolean": False}}),
}
NEW_ID = {
    JSON_PATCH: [{"op": "replace", "path": "/id", "value": "other"}],
    MERGE_PATCH: {"id": "other"},
    FHIR_JSON: fhirpath({"type": {"valueCode": "replace"}, "path": "Patient.id", "value": {"valueId": "other"}}),
}
INVALID = {
    JSON_PATCH: [{"op": "add", "path": "/gender", "value": "femal"}],
    MERGE_PATCH: {"gender": "femal"},
    FHIR_JSON: fhirpath(
        {"type": {"valueCode": "add"}, "path": "Patient", "name": "gender", "value": {"valueCode": "femal"}}
    ),
}

each_language = pytest.mark.parametrize("language", [JSON_PATCH, MERGE_PATCH, FHIR_JSON])


@pytest.fixture
def stored(hub: HubClient) -> Answer:
    return hub.post("Patient", patient(unique(), active=False))


@each_language
def test_patch_makes_the_next_version(hub: HubClient, stored: Answer, language: str) -> None:
    answer = hub.patch(f"Patient/{stored.id}", ACTIVATE[language], language)
    assert (answer.status, answer.version_id) == (200, "2")
    assert answer.location == f"{BASE}/Patient/{stored.id}/_history/2"
    expected = {**stored.resource, "active": True, "meta": answer.resource["meta"]}
    assert answer.resource == expected
    assert hub.get(f"Patient/{stored.id}").content == answer.content
    newest = hub.get(f"Patient/{stored.id}/_history").entries[0]
    assert newest["request"] == {"method": "PATCH", "url": f"Patient/{stored.id}"}


@each_language
def test_patch_that_changes_nothing_makes_no_version(hub: HubClient, stored: Answer, language: str) -> None:
    answer = hub.patch(f"Patient/{stored.id}", NOTHING[language], language)
    assert (answer.status, answer.version_id, answer.content) == (200, "1", stored.content)
    assert hub.get(f"Patient/{stored.id}/_history").resource["total"] == 1


@each_language
def test_patch_of_the_id_is_refused(hub: HubClient, stored: Answer, language: str) -> None:
    answer = hub.patch(f"Patient/{stored.id}", NEW_ID[language], language)
    assert (answer.status, answer.issue["severity"]) == (422, "error")
    assert hub.get(f"Patient/{stored.id}").content == stored.content
    assert hub.get("Patient/other").status == 404


@pytest.mark.parametrize(
    ("language", "body"),
    [
        (MERGE_PATCH, {"id": None}),
        (MERGE_PATCH, {"resourceType": "Group"}),
        (JSON_PATCH, [{"op": "remove", "path": "/id"}]),
        (JSON_PATCH, [{"op": "remove", "path": "/resourceType"}]),
        (JSON_PATCH, [{"op": "replace", "path": "", "value": []}]),
        (JSON_PATCH, [{"op": "replace", "path": "", "value": "x"}]),
    ],
)
def test_patch_of_what_makes_the_resource_itself_is_refused(
    hub: HubClient, stored: Answer, language: str, body: Any
) -> None:
    answer = hub.patch(f"Patient/{stored.id}", body, language)
    assert (answer.status, answer.issue["severity"]) == (422, "error")
    assert hub.get(f"Patient/{stored.id}").content == stored.content


@each_language
def test_patch_with_an_invalid_result_is_refused_with_the_finding(
    hub: HubClient, stored: Answer, language: str
) -> None:
    answer = hub.patch(f"Patient/{stored.id}", INVALID[language], language)
    assert answer.status in {400, 422}
    assert answer.issue["expression"] == ["Patient.gender"]
    assert hub.get(f"Patient/{stored.id}").content == stored.content


def test_patch_cannot_set_version_or_time(hub: HubClient, stored: Answer) -> None:
    meta = {"versionId": "9", "lastUpdated": "1999-01-01T00:00:00Z", "tag": [{"code": "new"}]}
    answer = hub.patch(f"Patient/{stored.id}", {"meta": meta}, MERGE_PATCH)
    assert answer.version_id == "2"
    assert answer.resource["meta"]["versionId"] == "2"
    assert not answer.resource["meta"]["lastUpdated"].startswith("1999")
    assert answer.resource["meta"]["tag"] == [{"code": "new"}]


def test_patch_keeps_the_digits_of_what_it_does_not_touch(hub: HubClient) -> None:
    body = '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.500}}'
    created = hub.post("Observation", body)
    answer = hub.patch(f"Observation/{created.id}", {"status": "amended"}, MERGE_PATCH)
    assert answer.content is not None
    assert b'"valueQuantity":{"value":1.500}' in answer.content
    assert answer.resource["status"] == "amended"


def test_patch_of_an_unknown_resource_is_404(hub: HubClient) -> None:
    answer = hub.patch("Patient/nobody", {"active": True}, MERGE_PATCH)
    assert (answer.status, answer.issue["code"]) == (404, "not-found")


def test_patch_of_a_deleted_resource_is_410(hub: HubClient, stored: Answer) -> None:
    hub.delete(f"Patient/{stored.id}")
    answer = hub.patch(f"Patient/{stored.id}", {"active": True}, MERGE_PATCH)
    assert (answer.status, answer.issue["code"]) == (410, "deleted")
    assert hub.get(f"Patient/{stored.id}/_history").resource["total"] == 2


@each_language
def test_patch_minds_if_match(hub: HubClient, stored: Answer, language: str) -> None:
    refused = hub.patch(f"Patient/{stored.id}", ACTIVATE[language], language, if_match='W/"2"')
    made = hub.patch(f"Patient/{stored.id}", ACTIVATE[language], language, if_match='W/"1"')
    assert (refused.status, refused.issue["code"]) == (412, "conflict")
    assert (made.status, made.version_id) == (200, "2")


@pytest.mark.parametrize(
    ("language", "body", "status"),
    [
        (JSON_PATCH, None, 400),
        (JSON_PATCH, {"op": "add"}, 400),
        (FHIR_JSON, {"resourceType": "Patient"}, 400),
        (JSON_PATCH, [{"op": "test", "path": "/active", "value": True}], 422),
        (JSON_PATCH, [{"op": "remove", "path": "/nothing"}], 422),
        ("text/plain", {"active": True}, 415),
        ("application/json", {"active": True}, 415),
    ],
)
def test_patch_that_is_none_is_refused(hub: HubClient, stored: Answer, language: str, body: Any, status: int) -> None:
    answer = hub.patch(f"Patient/{stored.id}", body, language)
    assert (answer.status, answer.issue["severity"]) == (status, "error")
    assert answer.issue["diagnostics"]
    assert hub.get(f"Patient/{stored.id}").content == stored.content
