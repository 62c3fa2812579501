"""$meta, $meta-add and $meta-delete. https://hl7.org/fhir/R4/resource-operation-meta.html"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fhirhub.model.json import Json
from tests.builtin.parameters import returned, sent
from tests.interactions.hub_client import HubClient, entry, patient, unique

TAGS = "http://tags.example"
PROFILE = "http://profiles.example/one"


def tag(code: str, **more: Any) -> Json:
    return {"system": TAGS, "code": code, **more}


def add(meta: Json) -> Json:
    return sent(valueMeta_meta=meta)


def stored(hub: HubClient, **meta: Any) -> str:
    """The path of a new Patient with a meta."""
    return f"Patient/{hub.post('Patient', patient(meta=meta) if meta else patient()).id}"


def test_meta_of_an_instance_and_of_its_versions(hub: HubClient) -> None:
    path = stored(hub, tag=[tag("a")], profile=[PROFILE])
    hub.post(f"{path}/$meta-add", add({"tag": [tag("b")]}))
    current = returned(hub.get(f"{path}/$meta").resource)
    assert (current["versionId"], current["tag"], current["profile"]) == ("2", [tag("a"), tag("b")], [PROFILE])
    assert returned(hub.post(f"{path}/$meta").resource) == current
    assert returned(hub.get(f"{path}/_history/1/$meta").resource)["tag"] == [tag("a")]
    missing = hub.get(f"{path}/_history/7/$meta")
    assert (missing.status, missing.issue["code"]) == (404, "not-found")
    hub.delete(path)
    assert hub.get(f"{path}/$meta").status == 410
    assert returned(hub.get(f"{path}/_history/1/$meta").resource)["tag"] == [tag("a")]


def test_adding_is_that_of_sets_and_makes_one_version(hub: HubClient) -> None:
    path = stored(hub, tag=[tag("a", display="A", version="1")], source="urn:x")
    more = {
        "tag": [tag("a", display="other", version="2"), tag("b"), tag("b", display="again"), {"code": "a"}],
        "security": [tag("a")],
        "profile": [PROFILE, PROFILE],
        "versionId": "77",
        "source": "urn:y",
    }
    made = returned(hub.post(f"{path}/$meta-add", add(more)).resource)
    assert made["tag"] == [tag("a", display="A", version="1"), tag("b"), {"code": "a"}]
    assert (made["security"], made["profile"], made["source"]) == ([tag("a")], [PROFILE], "urn:x")
    assert made["versionId"] == "2"
    assert hub.get(path).resource["meta"] == made
    again = hub.post(f"{path}/$meta-add", add(more))
    assert again.status == 200
    assert returned(again.resource) == made
    assert hub.get(path).version_id == "2"


def test_deleting_is_that_of_sets_and_leaves_nothing_empty(hub: HubClient) -> None:
    path = stored(hub, tag=[tag("a"), tag("b")], security=[tag("s")], profile=[PROFILE])
    less = {"tag": [tag("a", display="whatever"), tag("never")], "security": [tag("s")], "profile": ["urn:no"]}
    made = returned(hub.post(f"{path}/$meta-delete", add(less)).resource)
    assert made == hub.get(path).resource["meta"]
    assert (made["tag"], made["profile"], made["versionId"]) == ([tag("b")], [PROFILE], "2")
    assert "security" not in made
    hub.post(f"{path}/$meta-delete", add(less))
    assert hub.get(path).version_id == "2"


def test_extensions_of_profiles_stay_with_their_profile(hub: HubClient) -> None:
    note = {"extension": [{"url": "http://x.example/why", "valueString": "second"}]}
    path = stored(hub, profile=["urn:1", "urn:2"], _profile=[None, note])
    made = returned(hub.post(f"{path}/$meta-delete", add({"profile": ["urn:1"]})).resource)
    assert (made["profile"], made["_profile"]) == (["urn:2"], [note])
    made = returned(hub.post(f"{path}/$meta-add", add({"profile": ["urn:3"]})).resource)
    assert (made["profile"], made["_profile"]) == (["urn:2", "urn:3"], [note, None])


def test_writers_at_the_same_time_lose_nothing(hub: HubClient) -> None:
    path = stored(hub)
    codes = [f"c{number}" for number in range(12)]
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda code: hub.post(f"{path}/$meta-add", add({"tag": [tag(code)]})), codes))
    assert {answer.status for answer in answers} == {200}
    found = hub.get(path)
    assert {each["code"] for each in found.resource["meta"]["tag"]} == set(codes)
    assert found.version_id == str(1 + len(codes))


def test_changes_in_a_transaction_are_part_of_it(hub: HubClient) -> None:
    path = stored(hub)
    wrong = entry("PUT", f"Observation/{unique()}", {"resourceType": "Observation"})
    change = entry("POST", f"{path}/$meta-add", add({"tag": [tag("in")]}))
    assert hub.transaction(change, wrong).status == 400
    assert hub.get(path).version_id == "1"
    answer = hub.transaction(change)
    assert answer.status == 200, answer.resource
    assert returned(answer.resource["entry"][0]["resource"])["tag"] == [tag("in")]
    assert hub.get(path).resource["meta"]["tag"] == [tag("in")]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("GET", "Patient/{id}/$meta-add", None, 405, "does not take GET"),
        ("POST", "Patient/{id}/$meta-add", None, 400, "meta: it is missing"),
        ("POST", "Patient/{id}/$meta-add?meta=x", None, 400, "can only carry primitive"),
        ("POST", "Patient/{id}/$meta-add", sent(valueString_meta="x"), 400, "it takes valueMeta, not valueString"),
        ("POST", "Patient/{id}/$meta-add", add({"tag": "x"}), 400, ""),
        ("POST", "Patient/{id}/$meta-add", add({"tag": [{"kode": "x"}]}), 400, "kode"),
        ("POST", "Patient/{id}/$meta-add", {"resourceType": "Parameters", "parameter": [add({})]}, 400, ""),
        ("POST", "Patient/{id}/_history/1/$meta-add", add({"tag": [tag("x")]}), 404, "no operation $meta-add here"),
        ("POST", "Patient/$meta-add", add({"tag": [tag("x")]}), 404, "no operation $meta-add here"),
        ("POST", "Patient/nobody/$meta-delete", add({"tag": [tag("x")]}), 404, "There is no Patient"),
        ("GET", "Patient/{id}/_history/0/$meta", None, 404, "There is no version"),
        ("GET", "Patient/{id}/_history/%00/$meta", None, 404, "There is no version"),
        ("GET", "Patient/{id}/$meta?tag=x", None, 400, "no parameter 'tag'"),
        ("PUT", "Patient/{id}/$meta", add({}), 405, "does not take PUT"),
        ("GET", "Pateint/$meta", None, 404, "Did you mean Patient"),
        ("POST", "Patient/{id}/$meta-add", [], 400, "must be a Parameters"),
        ("POST", "Patient/{id}/$meta-add", {"resourceType": {}}, 400, "must be a Parameters"),
    ],
)
def test_what_cannot_be_understood_is_refused(
    hub: HubClient, method: str, path: str, body: Any, status: int, says: str
) -> None:
    known = hub.post("Patient", patient()).id
    answer = hub.send(method, path.format(id=known), body)
    assert (answer.status, says in str(answer.issues)) == (status, True), answer.resource
    assert hub.get(f"Patient/{known}").version_id == "1"


def test_empty_meta_changes_nothing(hub: HubClient) -> None:
    path = stored(hub, tag=[tag("a")])
    for operation in ("$meta-add", "$meta-delete"):
        answer = hub.post(f"{path}/{operation}", add({"versionId": "9"}))
        assert (answer.status, returned(answer.resource)["tag"]) == (200, [tag("a")])
    assert hub.get(path).version_id == "1"
