"""update: https://hl7.org/fhir/R4/http.html#update, #upsert, #concurrency."""

from dataclasses import replace

import pytest

from fhirhub.hub import Hub
from fhirhub.store.parameter_failures import Failures
from tests.interactions.hub_client import BASE, Answer, HubClient, patient, unique


@pytest.fixture
def stored(hub: HubClient) -> Answer:
    return hub.post("Patient", patient(active=True))


def versions(hub: HubClient, logical_id: str) -> list[str]:
    """The version ids in the history, oldest first."""
    entries = hub.get(f"Patient/{logical_id}/_history").entries
    return [entry["response"]["etag"].removeprefix('W/"').rstrip('"') for entry in reversed(entries)]


def test_update_makes_the_next_version(hub: HubClient, stored: Answer) -> None:
    answer = hub.put(f"Patient/{stored.id}", patient(id=stored.id, active=False))
    assert (answer.status, answer.version_id) == (200, "2")
    assert answer.location == f"{BASE}/Patient/{stored.id}/_history/2"
    assert answer.resource["active"] is False
    assert stored.last_updated is not None
    assert answer.last_updated is not None
    assert answer.last_updated > stored.last_updated
    assert hub.get(f"Patient/{stored.id}").content == answer.content
    assert versions(hub, stored.id) == ["1", "2"]


def test_update_replaces_the_resource_and_keeps_nothing_of_the_old(hub: HubClient, stored: Answer) -> None:
    answer = hub.put(f"Patient/{stored.id}", patient(id=stored.id, gender="female"))
    assert set(answer.resource) == {"resourceType", "id", "meta", "gender"}


def test_update_takes_version_and_time_from_the_server(hub: HubClient, stored: Answer) -> None:
    meta = {"versionId": "77", "lastUpdated": "1999-01-01T00:00:00Z", "source": "#x", "tag": [{"code": "t"}]}
    answer = hub.put(f"Patient/{stored.id}", patient(id=stored.id, meta=meta))
    assert answer.resource["meta"] == {
        "versionId": "2",
        "lastUpdated": answer.resource["meta"]["lastUpdated"],
        "source": "#x",
        "tag": [{"code": "t"}],
    }
    assert not answer.resource["meta"]["lastUpdated"].startswith("1999")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "The body has no id, the URL says 'one'; they must be the same."),
        ({"id": "two"}, "The body has the id 'two', the URL says 'one'; they must be the same."),
    ],
    ids=["no id", "another id"],
)
def test_update_needs_the_id_of_the_url_in_the_body(hub: HubClient, more: dict[str, str], said: str) -> None:
    answer = hub.put("Patient/one", patient(**more))
    assert answer.status == 400
    assert answer.issue == {
        "severity": "error",
        "code": "invalid",
        "diagnostics": said,
        "expression": ["Patient.id"],
    }
    assert hub.get("Patient/one").status == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (None, 400, "structure"),
        ([], 400, "structure"),
        ({"resourceType": "Observation", "id": "one"}, 400, "invalid"),
        ({"id": "one"}, 400, "invalid"),
        ({"resourceType": ["Patient"], "id": "one"}, 400, "invalid"),
        ({"resourceType": "Patient", "id": 1}, 400, "invalid"),
        ({"resourceType": "Patient", "id": None}, 400, "invalid"),
    ],
    ids=["nothing", "array", "another type", "no type", "array as type", "number as id", "null as id"],
)
def test_update_refuses_bodies_of_the_wrong_kind(hub: HubClient, body: object, status: int, code: str) -> None:
    answer = hub.put("Patient/one", body)
    assert (answer.status, answer.issue["code"]) == (status, code)
    assert hub.get("Patient/one").status == 404


def test_update_of_an_invalid_resource_lists_all_findings_with_lines(hub: HubClient) -> None:
    body = '{"resourceType": "Patient",\n "id": "bad",\n "gender": "femal",\n "birthDate": "20-01-01"}'
    answer = hub.put("Patient/bad", body)
    assert answer.status == 400
    assert [(issue["expression"], issue["location"]) for issue in answer.issues] == [
        (["Patient.gender"], ["line 3, column 2"]),
        (["Patient.birthDate"], ["line 4, column 2"]),
    ]
    assert hub.get("Patient/bad").status == 404


def test_update_of_an_unknown_id_creates_the_resource_under_it(hub: HubClient) -> None:
    logical_id = unique()
    answer = hub.put(f"Patient/{logical_id}", patient(id=logical_id))
    assert (answer.status, answer.version_id) == (201, "1")
    assert answer.location == f"{BASE}/Patient/{logical_id}/_history/1"
    assert hub.get(f"Patient/{logical_id}").content == answer.content


def test_update_of_a_deleted_resource_brings_it_back_as_a_new_version(hub: HubClient, stored: Answer) -> None:
    hub.delete(f"Patient/{stored.id}")
    answer = hub.put(f"Patient/{stored.id}", patient(id=stored.id, active=True))
    assert (answer.status, answer.version_id) == (201, "3")
    assert hub.get(f"Patient/{stored.id}").content == answer.content
    assert versions(hub, stored.id) == ["1", "2", "3"]
    history = hub.get(f"Patient/{stored.id}/_history").entries
    assert [entry["response"]["status"] for entry in history] == ["201", "204", "201"]


def test_history_still_says_201_for_a_return_that_is_superseded(hub: HubClient, stored: Answer) -> None:
    hub.delete(f"Patient/{stored.id}")
    hub.put(f"Patient/{stored.id}", patient(id=stored.id, active=True))
    hub.put(f"Patient/{stored.id}", patient(id=stored.id, active=False))
    history = hub.get(f"Patient/{stored.id}/_history").entries
    assert [entry["response"]["status"] for entry in history] == ["200", "201", "204", "201"]


@pytest.mark.parametrize("tag", ['W/"1"', '"1"', "1", ' W/"1" ', "*", 'W/"9", W/"1"', '"9","1"'])
def test_update_with_if_match_of_the_current_version_is_made(hub: HubClient, stored: Answer, tag: str) -> None:
    answer = hub.put(f"Patient/{stored.id}", patient(id=stored.id, active=False), if_match=tag)
    assert (answer.status, answer.version_id) == (200, "2")


@pytest.mark.parametrize("tag", ['W/"2"', '"0"', "x", 'W/"8", W/"9"', ""])
def test_update_with_if_match_of_another_version_is_412(hub: HubClient, stored: Answer, tag: str) -> None:
    answer = hub.put(f"Patient/{stored.id}", patient(id=stored.id, active=False), if_match=tag)
    assert (answer.status, answer.issue["code"]) == (412, "conflict")
    assert "is version 1" in answer.issue["diagnostics"]
    assert hub.get(f"Patient/{stored.id}").content == stored.content


@pytest.mark.parametrize("tag", ['W/"1"', "*"])
def test_update_with_if_match_of_what_does_not_exist_is_412(hub: HubClient, tag: str) -> None:
    answer = hub.put("Patient/none", patient(id="none"), if_match=tag)
    assert (answer.status, answer.issue["code"]) == (412, "conflict")
    assert "does not exist" in answer.issue["diagnostics"]
    assert hub.get("Patient/none").status == 404


def test_update_with_if_match_can_name_the_version_of_a_deletion(hub: HubClient, stored: Answer) -> None:
    hub.delete(f"Patient/{stored.id}")
    body = patient(id=stored.id)
    anything, old = (hub.put(f"Patient/{stored.id}", body, if_match=tag) for tag in ("*", 'W/"1"'))
    back = hub.put(f"Patient/{stored.id}", body, if_match='W/"2"')
    assert (anything.status, old.status) == (412, 412)
    assert (back.status, back.version_id) == (201, "3")


@pytest.mark.parametrize("tag", ["*", 'W/"1"', 'W/"5", "1"'])
def test_update_with_if_none_match_refuses_what_exists(hub: HubClient, stored: Answer, tag: str) -> None:
    answer = hub.put(f"Patient/{stored.id}", patient(id=stored.id, active=False), if_none_match=tag)
    assert (answer.status, answer.issue["code"]) == (412, "conflict")
    assert hub.get(f"Patient/{stored.id}").content == stored.content


def test_update_with_if_none_match_star_creates_what_does_not_exist(hub: HubClient) -> None:
    logical_id = unique()
    answer = hub.put(f"Patient/{logical_id}", patient(id=logical_id), if_none_match="*")
    assert (answer.status, answer.version_id) == (201, "1")


@pytest.mark.parametrize(
    "body",
    [
        '{"resourceType":"Patient","id":"ID","active":true,"multipleBirthInteger":1}',
        '{"multipleBirthInteger": 1, "active": true,\n "id": "ID", "resourceType": "Patient"}',
        '{"resourceType":"Patient","id":"ID","meta":{"versionId":"9"},"active":true,"multipleBirthInteger":1}',
    ],
    ids=["same bytes", "other order and space", "other version in meta"],
)
def test_update_that_changes_nothing_makes_no_version(hub: HubClient, body: str) -> None:
    logical_id = unique()
    body = body.replace("ID", logical_id)
    first = hub.put(
        f"Patient/{logical_id}",
        f'{{"resourceType":"Patient","id":"{logical_id}","active":true,"multipleBirthInteger":1}}',
    )
    again = hub.put(f"Patient/{logical_id}", body)
    assert (again.status, again.version_id, again.content) == (200, "1", first.content)
    assert again.last_updated == first.last_updated
    assert versions(hub, logical_id) == ["1"]


@pytest.mark.parametrize(
    ("before", "after"),
    [("1.50", "1.5"), ("1.5", "1.50"), ("1", "1.0"), ("0.0", "-0.0"), ("100", "1E+2")],
)
def test_update_that_changes_only_the_digits_of_a_decimal_is_a_change(hub: HubClient, before: str, after: str) -> None:
    logical_id = unique()

    def write(value: str) -> Answer:
        return hub.put(
            f"Observation/{logical_id}",
            f'{{"resourceType":"Observation","id":"{logical_id}","status":"final","code":{{"text":"x"}},'
            f'"valueQuantity":{{"value":{value}}}}}',
        )

    assert write(before).version_id == "1"
    assert write(after).version_id == "2"


def test_update_that_changes_the_order_of_an_array_is_a_change(hub: HubClient, stored: Answer) -> None:
    names = [{"text": "a"}, {"text": "b"}]
    one = hub.put(f"Patient/{stored.id}", patient(id=stored.id, name=names))
    two = hub.put(f"Patient/{stored.id}", patient(id=stored.id, name=names[::-1]))
    assert (one.version_id, two.version_id) == ("2", "3")


def test_update_that_changes_nothing_still_minds_if_match(hub: HubClient, stored: Answer) -> None:
    answer = hub.put(f"Patient/{stored.id}", patient(id=stored.id, active=True), if_match='W/"4"')
    assert (answer.status, answer.issue["code"]) == (412, "conflict")


@pytest.mark.parametrize("prefer", ["minimal", "representation", "OperationOutcome", None])
def test_update_answers_with_the_body_that_was_asked_for(hub: HubClient, stored: Answer, prefer: str | None) -> None:
    answer = hub.put(f"Patient/{stored.id}", patient(id=stored.id), prefer_return=prefer)
    assert (answer.status, answer.version_id) == (200, "2")
    assert answer.location == f"{BASE}/Patient/{stored.id}/_history/2"
    if prefer == "minimal":
        assert answer.content is None
    elif prefer == "OperationOutcome":
        assert (answer.issue["severity"], answer.issue["code"]) == ("information", "informational")
        assert answer.issue["diagnostics"] == f"Patient/{stored.id} stored as version 2."
    else:
        assert answer.content == hub.get(f"Patient/{stored.id}").content


class TestWithoutUpdateAsCreate:
    @pytest.fixture
    def strict(self, hub: HubClient) -> HubClient:
        """The hub with the other rule."""
        call = replace(hub.hub.call, rules=replace(hub.hub.call.rules, update_create=False))
        return HubClient(Hub(call, hub.hub.database, Failures()))

    def test_update_of_an_unknown_id_is_405(self, strict: HubClient) -> None:
        answer = strict.put("Patient/mine", patient(id="mine"))
        assert (answer.status, answer.issue["code"]) == (405, "not-supported")
        assert answer.headers["Allow"] == "GET, HEAD"
        assert strict.get("Patient/mine").status == 404

    def test_update_of_a_known_resource_works(self, strict: HubClient) -> None:
        created = strict.post("Patient", patient())
        answer = strict.put(f"Patient/{created.id}", patient(id=created.id, active=True))
        assert (answer.status, answer.version_id) == (200, "2")

    def test_conditional_update_with_an_id_nobody_has_is_405(self, strict: HubClient) -> None:
        answer = strict.put(f"Patient?identifier={unique()}", patient(id="mine"))
        assert (answer.status, answer.issue["code"]) == (405, "not-supported")

    def test_conditional_update_without_an_id_still_creates(self, strict: HubClient) -> None:
        value = unique()
        answer = strict.put(f"Patient?identifier={value}", patient(value))
        assert (answer.status, answer.version_id) == (201, "1")
        assert strict.get(f"Patient/{answer.id}").content == answer.content
