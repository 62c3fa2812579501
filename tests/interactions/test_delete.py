"""delete: https://hl7.org/fhir/R4/http.html#delete."""

import pytest

from tests.interactions.hub_client import Answer, HubClient, mrn, patient, unique


@pytest.fixture
def stored(hub: HubClient) -> Answer:
    return hub.post("Patient", patient(unique()))


def test_delete_makes_a_version_that_reads_as_gone(hub: HubClient, stored: Answer) -> None:
    answer = hub.delete(f"Patient/{stored.id}")
    assert (answer.status, answer.content, answer.version_id) == (204, None, "2")
    gone = hub.get(f"Patient/{stored.id}")
    assert (gone.status, gone.issue["code"]) == (410, "deleted")


def test_delete_keeps_the_history(hub: HubClient, stored: Answer) -> None:
    hub.delete(f"Patient/{stored.id}")
    deletion, creation = hub.get(f"Patient/{stored.id}/_history").entries
    assert deletion["request"] == {"method": "DELETE", "url": f"Patient/{stored.id}"}
    assert (deletion["response"]["status"], deletion["response"]["etag"]) == ("204", 'W/"2"')
    assert "resource" not in deletion
    assert creation["resource"] == stored.resource


def test_delete_hides_the_resource_from_searches(hub: HubClient, stored: Answer) -> None:
    criteria = mrn(stored.resource["identifier"][0]["value"])
    assert hub.get(f"Patient?{criteria}").resource["total"] == 1
    hub.delete(f"Patient/{stored.id}")
    for query in (
        criteria,
        f"_id={stored.id}",
        f"{criteria}&_summary=count",
        f"_id={stored.id}&birthdate:missing=true",
    ):
        found = hub.get(f"Patient?{query}")
        assert (found.status, found.resource["total"], found.entries) == (200, 0, [])


@pytest.mark.parametrize("prefer", ["minimal", "representation", None])
def test_delete_twice_succeeds_and_changes_nothing(hub: HubClient, stored: Answer, prefer: str | None) -> None:
    hub.delete(f"Patient/{stored.id}")
    again = hub.delete(f"Patient/{stored.id}", prefer_return=prefer)
    assert (again.status, again.content) == (204, None)
    assert hub.get(f"Patient/{stored.id}/_history").resource["total"] == 2


def test_delete_of_what_never_was_succeeds_and_leaves_nothing(hub: HubClient) -> None:
    answer = hub.delete("Patient/never")
    assert (answer.status, answer.content) == (204, None)
    assert hub.get("Patient/never").status == 404
    assert hub.get("Patient/never/_history").status == 404


def test_delete_says_what_it_did_when_asked(hub: HubClient, stored: Answer) -> None:
    first, second = (hub.delete(f"Patient/{stored.id}", prefer_return="OperationOutcome") for _ in range(2))
    assert (first.status, second.status) == (200, 200)
    assert first.issue["diagnostics"] == f"Patient/{stored.id} deleted with version 2."
    assert second.issue["diagnostics"] == f"Patient/{stored.id} did not exist; nothing was changed."
    assert {first.issue["severity"], second.issue["severity"]} == {"information"}


def test_delete_with_if_match_of_another_version_is_412(hub: HubClient, stored: Answer) -> None:
    answer = hub.delete(f"Patient/{stored.id}", if_match='W/"3"')
    assert (answer.status, answer.issue["code"]) == (412, "conflict")
    assert hub.get(f"Patient/{stored.id}").content == stored.content


def test_delete_with_if_match_of_the_current_version_is_made(hub: HubClient, stored: Answer) -> None:
    answer = hub.delete(f"Patient/{stored.id}", if_match='W/"1"')
    assert (answer.status, answer.version_id) == (204, "2")


def test_create_update_and_delete_in_turns_number_all_versions(hub: HubClient, stored: Answer) -> None:
    body = patient(id=stored.id)
    for _ in range(3):
        hub.delete(f"Patient/{stored.id}")
        hub.put(f"Patient/{stored.id}", body)
    history = hub.get(f"Patient/{stored.id}/_history").entries
    assert [entry["response"]["etag"] for entry in history] == [f'W/"{number}"' for number in range(7, 0, -1)]
    assert [entry["request"]["method"] for entry in history] == ["PUT", "DELETE"] * 3 + ["POST"]
