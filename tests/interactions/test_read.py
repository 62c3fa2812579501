"""read and vread: https://hl7.org/fhir/R4/http.html#read, #vread and conditional reads (#cread)."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from tests.interactions.hub_client import BASE, Answer, HubClient, patient, unique


@pytest.fixture
def stored(hub: HubClient) -> Answer:
    """A Patient in its second version."""
    created = hub.post("Patient", patient())
    return hub.put(f"Patient/{created.id}", patient(id=created.id, active=True))


def test_read_answers_the_current_version_with_its_etag_and_time(hub: HubClient, stored: Answer) -> None:
    answer = hub.get(f"Patient/{stored.id}")
    assert (answer.status, answer.version_id, answer.last_updated) == (200, "2", stored.last_updated)
    assert answer.content == stored.content
    assert answer.resource["meta"]["versionId"] == "2"
    assert stored.last_updated is not None
    instant = stored.last_updated.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert answer.resource["meta"]["lastUpdated"] == instant


def test_head_is_answered_like_get(hub: HubClient, stored: Answer) -> None:
    answer = hub.head(f"Patient/{stored.id}")
    assert (answer.status, answer.version_id, answer.last_updated) == (200, "2", stored.last_updated)


def test_read_of_an_unknown_id_is_404(hub: HubClient) -> None:
    answer = hub.get("Patient/nobody")
    assert answer.status == 404
    assert answer.issue == {
        "severity": "error",
        "code": "not-found",
        "diagnostics": "There is no Patient with the id 'nobody'.",
    }


def test_read_of_a_type_nobody_has_stored_is_404(hub: HubClient) -> None:
    answer = hub.get("VisionPrescription/1")
    assert (answer.status, answer.issue["code"]) == (404, "not-found")


def test_read_of_a_deleted_resource_is_410_with_the_version_of_the_deletion(hub: HubClient, stored: Answer) -> None:
    hub.delete(f"Patient/{stored.id}")
    answer = hub.get(f"Patient/{stored.id}")
    assert (answer.status, answer.issue["code"], answer.headers["ETag"]) == (410, "deleted", 'W/"3"')
    assert answer.issue["diagnostics"] == f"Patient/{stored.id} was deleted with version 3."


@pytest.mark.parametrize("logical_id", ["a_b", "x" * 65, "ä", "a b"])
def test_read_of_what_is_no_id_is_400(hub: HubClient, logical_id: str) -> None:
    answer = hub.get(f"Patient/{logical_id}")
    assert (answer.status, answer.issue["code"]) == (400, "value")
    assert repr(logical_id) in answer.issue["diagnostics"]


@pytest.mark.parametrize(
    "tags", ['W/"2"', '"2"', "2", "*", 'W/"1", W/"2"', 'W/"1",W/"2"', ' W/"2" '], ids=lambda tags: tags.strip()
)
def test_read_with_a_tag_the_client_has_is_304_without_body(hub: HubClient, stored: Answer, tags: str) -> None:
    answer = hub.get(f"Patient/{stored.id}", if_none_match=tags)
    assert (answer.status, answer.content, answer.version_id) == (304, None, "2")
    assert answer.last_updated == stored.last_updated


@pytest.mark.parametrize("tags", ['W/"1"', 'W/"1", W/"3"', 'W/"22"'])
def test_read_with_another_tag_answers_the_resource(hub: HubClient, stored: Answer, tags: str) -> None:
    answer = hub.get(f"Patient/{stored.id}", if_none_match=tags)
    assert (answer.status, answer.content) == (200, stored.content)


def test_read_if_modified_since_counts_whole_seconds(hub: HubClient, stored: Answer) -> None:
    assert stored.last_updated is not None
    second = stored.last_updated.replace(microsecond=0)
    same = hub.get(f"Patient/{stored.id}", if_modified_since=format_datetime(second, usegmt=True))
    before = hub.get(
        f"Patient/{stored.id}", if_modified_since=format_datetime(second - timedelta(seconds=1), usegmt=True)
    )
    assert (same.status, same.content, same.version_id) == (304, None, "2")
    assert (before.status, before.content) == (200, stored.content)


def test_read_if_none_match_overrides_if_modified_since(hub: HubClient, stored: Answer) -> None:
    assert stored.last_updated is not None
    later = format_datetime(stored.last_updated + timedelta(days=1), usegmt=True)
    answer = hub.get(f"Patient/{stored.id}", if_none_match='W/"1"', if_modified_since=later)
    assert (answer.status, answer.content) == (200, stored.content)


def test_read_ignores_an_if_modified_since_that_is_no_date(hub: HubClient, stored: Answer) -> None:
    """RFC 9110, 13.1.3: a recipient MUST ignore the field if its value is not a valid date."""
    answer = hub.get(f"Patient/{stored.id}", if_modified_since="yesterday")
    assert (answer.status, answer.content) == (200, stored.content)


def test_conditional_read_of_a_deleted_resource_is_410(hub: HubClient, stored: Answer) -> None:
    hub.delete(f"Patient/{stored.id}")
    assert hub.get(f"Patient/{stored.id}", if_none_match="*").status == 410


def test_vread_answers_each_version_as_it_was_returned_when_written(hub: HubClient) -> None:
    first = hub.post("Patient", patient(unique()))
    path = f"Patient/{first.id}"
    written = [first, *(hub.put(path, patient(id=first.id, language=f"en-{number}")) for number in range(2, 6))]
    for number, version in enumerate(written, 1):
        answer = hub.get(f"Patient/{first.id}/_history/{number}")
        assert (answer.status, answer.content) == (200, version.content)
        assert (answer.version_id, answer.last_updated) == (str(number), version.last_updated)
        assert version.location == f"{BASE}/Patient/{first.id}/_history/{number}"


@pytest.mark.parametrize("version", ["0", "3", "01", "-1", "x", "2.0", "99999999999", "٢"])
def test_vread_of_a_version_that_never_was_is_404(hub: HubClient, stored: Answer, version: str) -> None:
    answer = hub.get(f"Patient/{stored.id}/_history/{version}")
    assert (answer.status, answer.issue["code"]) == (404, "not-found")
    assert repr(version) in answer.issue["diagnostics"]


def test_vread_of_an_unknown_resource_is_404(hub: HubClient) -> None:
    answer = hub.get("Patient/nobody/_history/1")
    assert (answer.status, answer.issue["code"]) == (404, "not-found")


def test_vread_of_the_deletion_is_410_and_of_the_versions_before_it_works(hub: HubClient, stored: Answer) -> None:
    hub.delete(f"Patient/{stored.id}")
    deletion, before = (hub.get(f"Patient/{stored.id}/_history/{number}") for number in (3, 2))
    assert (deletion.status, deletion.issue["code"], deletion.headers["ETag"]) == (410, "deleted", 'W/"3"')
    assert (before.status, before.content) == (200, stored.content)


def test_vread_of_a_version_the_client_has_is_304(hub: HubClient, stored: Answer) -> None:
    answer = hub.get(f"Patient/{stored.id}/_history/1", if_none_match='W/"1"')
    assert (answer.status, answer.content, answer.version_id) == (304, None, "1")


@pytest.mark.parametrize("below", ["version/1", "_history/1/x", "version", "_history/1/_history"])
def test_paths_that_lead_nowhere_are_404(hub: HubClient, stored: Answer, below: str) -> None:
    answer = hub.get(f"Patient/{stored.id}/{below}")
    assert (answer.status, answer.issue["code"]) == (404, "not-found")
    assert below in answer.issue["diagnostics"]


def test_unknown_type_is_404_with_a_suggestion(hub: HubClient) -> None:
    for answer in (hub.get("Pateint/1"), hub.post("Pateint", patient()), hub.get("Pateint?name=x")):
        assert (answer.status, answer.issue["code"]) == (404, "not-supported")
        assert answer.issue["diagnostics"] == "'Pateint' is not a resource type of FHIR R4. Did you mean Patient?"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "Patient/1", "DELETE, GET, HEAD, PATCH, PUT"),
        ("DELETE", "Patient/1/_history/1", "GET, HEAD"),
        ("PUT", "", "GET, HEAD, POST"),
        ("GET", "_search", "POST"),
        ("DELETE", "_history", "GET, HEAD"),
        ("POST", "metadata", "GET, HEAD"),
        ("GET", "Patient/_search", "POST"),
    ],
)
def test_method_a_path_does_not_take_is_405_with_allow(hub: HubClient, method: str, path: str, allowed: str) -> None:
    answer = hub.send(method, path)
    assert (answer.status, answer.issue["code"]) == (405, "not-supported")
    assert sorted(answer.headers["Allow"].split(", ")) == allowed.split(", ")


def test_unknown_parameter_is_refused_when_strict_and_ignored_when_lenient(hub: HubClient, stored: Answer) -> None:
    strict = hub.get(f"Patient/{stored.id}?_sumary=true")
    lenient = hub.get(f"Patient/{stored.id}?_sumary=true", handling="lenient")
    assert (strict.status, strict.issue["code"]) == (400, "not-supported")
    assert "'_sumary'" in strict.issue["diagnostics"]
    assert (lenient.status, lenient.content) == (200, stored.content)


@pytest.mark.parametrize("send", ["post", "put", "delete"])
def test_writes_refuse_parameters_they_do_not_know(hub: HubClient, stored: Answer, send: str) -> None:
    path = "Patient?a=b" if send == "post" else f"Patient/{stored.id}?a=b"
    body = {} if send == "delete" else {"body": patient(id=stored.id)}
    answer = getattr(hub, send)(path, **body)
    assert (answer.status, answer.issue["code"]) == (400, "not-supported")
    assert "'a'" in answer.issue["diagnostics"]
