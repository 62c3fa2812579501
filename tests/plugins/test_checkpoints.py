"""Plugins veto, change, add to and hear of everything, whatever way a request comes: the hooks of requests.

The plugins are single files, as a site would put them in its folder.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhirhub.hub import Hub, open_hub
from fhirhub.model.json import Json, encode
from fhirhub.settings import Settings
from tests.interactions.hub_client import Answer, HubClient, entry
from tests.loading.loads import document, written

VETO = """
from fhirhub.plugin import Issue, hook

@hook
def fhirhub_authorize(interaction, reader):
    if interaction.resource_type == "Account" and interaction.code != "read" and not reader.read("Basic", "open"):
        return Issue("error", "forbidden", f"No {interaction.code} of accounts, {interaction.agent.kind}.")

@hook
def fhirhub_validate(resource, interaction, reader):
    if resource["resourceType"] != "Patient":
        return None
    found = []
    if resource.get("gender") == "unknown":
        found.append(Issue("error", "business-rule", "The gender must be known.", ("Patient.gender",)))
    if "birthDate" not in resource:
        found.append(Issue("warning", "incomplete", "There is no birth date.", ("Patient",)))
    if reader.read("Basic", "strict") and "name" not in resource:
        found.append(Issue("error", "business-rule", "A name is needed.", ("Patient.name",)))
    return found
"""

CHANGE = """
from fhirhub.plugin import hook

TAG = {"system": "urn:site", "code": "seen"}

@hook
def fhirhub_prepare(resource, interaction, reader):
    if resource["resourceType"] == "Patient":
        resource.setdefault("meta", {}).setdefault("tag", []).append(dict(TAG, display=interaction.code))
        resource["id"] = "not-yours"
        return resource

@hook
def fhirhub_present(resource, interaction, reader):
    if resource["resourceType"] == "Patient":
        resource.pop("telecom", None)
        resource["language"] = "en"
        return resource

@hook
def fhirhub_describe(statement):
    statement["copyright"] = "the site"
    return statement
"""

WATCH = """
from fhirhub.plugin import hook

SEEN = []

@hook
def fhirhub_after_interaction(answered):
    SEEN.append(answered)
    raise ValueError("an observer that fails harms nobody")
"""

FAIL = """
from fhirhub.plugin import FhirError, Failure, hook

@hook
def fhirhub_prepare(resource, interaction, reader):
    if resource["resourceType"] == "Basic" and resource.get("id") == "boom":
        raise ValueError("Frau Müller, born 1970")
    if resource["resourceType"] == "Basic" and resource.get("id") == "conflict":
        raise FhirError(Failure.CONFLICT, "Not now.")
"""

FILES = {"veto": VETO, "change": CHANGE, "watch": WATCH, "fail": FAIL}
PATIENT: Json = {
    "resourceType": "Patient",
    "gender": "female",
    "birthDate": "1980",
    "name": [{"family": "Wang"}],
    "telecom": [{"system": "phone", "value": "123"}],
}
UNKNOWN: Json = {**PATIENT, "gender": "unknown"}


@pytest.fixture
def hub(mongodb_uri: str, database_name: str, tmp_path: Path) -> Iterator[HubClient]:
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    opened = open_hub(
        Settings(mongodb_uri=mongodb_uri, database=database_name, plugins=tuple(FILES), plugin_files=tmp_path)
    )
    try:
        yield HubClient(opened)
    finally:
        opened.close()


def seen(hub: Hub) -> list[Any]:
    (watch,) = (plugin for plugin in hub.hooks.plugins if plugin.name == "watch")
    found: list[Any] = watch.module.SEEN
    return found


def errors(answer: Answer) -> list[tuple[str, str]]:
    issues = answer.resource["issue"]
    return [(issue["code"], issue["diagnostics"]) for issue in issues if issue["severity"] == "error"]


def text_of(answer: Answer) -> str:
    return encode(answer.resource).decode()


def stored(hub: HubClient, resource_type: str, logical_id: str) -> Json:
    found = hub.hub.call.find.current(resource_type, logical_id)
    assert found is not None
    return found.resource()


def test_veto_of_an_interaction_is_403_on_every_path(hub: HubClient) -> None:
    account = {"resourceType": "Account", "status": "active"}
    refused = [("forbidden", "No create of accounts, anonymous.")]
    answer = hub.post("Account", account)
    assert (answer.status, errors(answer)) == (403, refused)
    answer = hub.post("Account", account, if_none_exist="identifier=1")
    assert (answer.status, errors(answer)) == (403, refused)
    answer = hub.transaction(entry("POST", "Account", account), entry("POST", "Patient", PATIENT))
    assert (answer.status, errors(answer)) == (403, refused)
    assert hub.get("Patient?_summary=count").resource["total"] == 0
    answer = hub.batch(entry("POST", "Account", account), entry("POST", "Patient", PATIENT))
    assert [row["response"]["status"] for row in answer.resource["entry"]] == ["403", "201"]
    assert hub.get("Account").status == 403
    assert hub.get("Account/1").status == 404
    assert hub.get("").status == 200


def test_finding_about_a_resource_is_422_on_every_path(hub: HubClient) -> None:
    finding = [("business-rule", "The gender must be known.")]
    for answer in (
        hub.post("Patient", UNKNOWN),
        hub.post("Patient", UNKNOWN, if_none_exist="identifier=1"),
        hub.put("Patient/1", {**UNKNOWN, "id": "1"}),
        hub.put("Patient?identifier=1", UNKNOWN),
        hub.transaction(entry("POST", "Patient", UNKNOWN), entry("PUT", "Patient/2", {**PATIENT, "id": "2"})),
    ):
        assert (answer.status, errors(answer)) == (422, finding)
    assert hub.put("Patient/3", {**PATIENT, "id": "3"}).status == 201
    answer = hub.patch("Patient/3", {"gender": "unknown"}, "application/merge-patch+json")
    assert (answer.status, errors(answer)) == (422, finding)
    assert stored(hub, "Patient", "3")["gender"] == "female"
    assert hub.get("Patient?_summary=count").resource["total"] == 1


def test_warning_refuses_nothing(hub: HubClient) -> None:
    assert hub.post("Patient", {"resourceType": "Patient"}).status == 201


def test_structure_is_judged_before_plugins_are_asked(hub: HubClient) -> None:
    answer = hub.post("Patient", {**UNKNOWN, "birthDate": "tomorrow"})
    assert answer.status == 400
    assert all("gender" not in text for _, text in errors(answer))


def test_check_reads_what_its_transaction_has_written(hub: HubClient) -> None:
    strict = {"resourceType": "Basic", "id": "strict", "code": {"text": "strict"}}
    nameless = {"resourceType": "Patient", "birthDate": "1980"}
    answer = hub.transaction(entry("PUT", "Basic/strict", strict), entry("PUT", "Patient/1", {**nameless, "id": "1"}))
    assert (answer.status, errors(answer)) == (422, [("business-rule", "A name is needed.")])
    assert hub.get("Basic/strict").status == 404
    assert hub.post("Patient", nameless).status == 201


def test_change_is_stored_on_every_path(hub: HubClient) -> None:
    hub.put("Patient/1", {**PATIENT, "id": "1"})
    hub.transaction(entry("PUT", "Patient/2", {**PATIENT, "id": "2"}))
    hub.batch(entry("PUT", "Patient/3", {**PATIENT, "id": "3"}))
    loaded = written(hub.hub, document({**PATIENT, "id": "4"}))
    assert not loaded.refusals
    for logical_id in "1234":
        found = stored(hub, "Patient", logical_id)
        assert found["meta"]["tag"] == [{"system": "urn:site", "code": "seen", "display": "update"}]
        assert found["id"] == logical_id
    assert hub.get("Patient?_tag=urn:site|seen&_summary=count").resource["total"] == 4


def test_what_leaves_the_server_is_presented_and_what_is_stored_is_not(hub: HubClient) -> None:
    created = hub.put("Patient/1", {**PATIENT, "id": "1"})
    searched = hub.get("Patient?_id=1").resource["entry"][0]["resource"]
    history = hub.get("Patient/1/_history").resource["entry"][0]["resource"]
    batch = hub.batch(entry("GET", "Patient/1")).resource["entry"][0]["resource"]
    for shown in (created.resource, hub.get("Patient/1").resource, searched, history, batch):
        assert "telecom" not in shown
        assert shown["language"] == "en"
    kept = stored(hub, "Patient", "1")
    assert kept["telecom"] == PATIENT["telecom"]
    assert "language" not in kept
    assert hub.get("metadata").resource["copyright"] == "the site"


def test_plugin_reads_what_is_stored_and_a_user_what_is_presented(hub: HubClient) -> None:
    hub.put("Patient/1", {**PATIENT, "id": "1"})
    (plugin, *_) = hub.hub.hooks.plugins
    own = hub.hub.hub_of(plugin)
    assert own.agent.kind == "plugin"
    assert (own.read("Patient", "1") or {})["telecom"] == PATIENT["telecom"]
    assert [found["telecom"] for found in own.search("Patient", "name=wang")] == [PATIENT["telecom"]]


def test_observer_hears_of_everything_and_its_failure_of_nobody(hub: HubClient) -> None:
    heard = seen(hub.hub)
    heard.clear()
    assert hub.put("Patient/1", {**PATIENT, "id": "1"}).status == 201
    assert hub.get("Patient/9").status == 404
    hub.transaction(entry("POST", "Basic", {"resourceType": "Basic", "code": {"text": "x"}}))
    told = [(each.interaction.code, each.interaction.within, each.status) for each in heard]
    assert told == [
        ("update", None, 201),
        ("read", None, 404),
        ("create", "transaction", 201),
        ("transaction", None, 200),
    ]
    assert (heard[0].resource_type, heard[0].logical_id, heard[0].version_id) == ("Patient", "1", "1")
    assert heard[2].resource_type == "Basic"
    assert heard[2].logical_id


def test_failing_shape_refuses_without_telling_of_patients(hub: HubClient) -> None:
    boom = {"resourceType": "Basic", "id": "boom", "code": {"text": "x"}}
    answer = hub.put("Basic/boom", boom)
    assert answer.status == 500
    assert "fail" in text_of(answer)
    assert "fhirhub_prepare" in text_of(answer)
    assert "Müller" not in text_of(answer)
    assert hub.get("Basic/boom").status == 404
    answer = hub.put("Basic/conflict", {**boom, "id": "conflict"})
    assert (answer.status, errors(answer)) == (409, [("conflict", "Not now.")])


def test_report_counts_calls_and_failures(hub: HubClient) -> None:
    hub.put("Patient/1", {**PATIENT, "id": "1"})
    answer = hub.get("$plugins")
    assert answer.status == 200
    text = text_of(answer)
    assert all(name in text for name in FILES)
    assert "fhirhub_after_interaction" in text
