"""How operations of a plugin can be invoked, and what becomes of what they do.

https://hl7.org/fhir/R4/operations.html#executing
"""

from collections.abc import Iterator
from typing import Any

import pytest

from fhirhub.hub import open_hub
from fhirhub.interactions.openapi import openapi
from fhirhub.interactions.routes import ROUTES
from fhirhub.model.json import Json
from fhirhub.settings import Settings
from tests.interactions.hub_client import BASE, HubClient, entry, patient

PLUGIN = """
from fhirhub.plugin import Operation, hook

def definition(code, *parameters, **more):
    return {
        "resourceType": "OperationDefinition", "status": "active", "kind": "operation", "name": code.title(),
        "code": code, "system": False, "type": True, "instance": True, "resource": ["Patient"], "affectsState": False,
        "parameter": [*parameters, {"name": "said", "use": "out", "min": 0, "max": "*", "type": "string"}], **more}

PERIOD = {"name": "period", "use": "in", "min": 1, "max": "1", "type": "Period"}
PERSON = {"name": "person", "use": "in", "min": 0, "max": "1", "type": "Patient"}

def echo(call):
    said = [repr(call.query), str(call.cursor), str(call.version_id), *sorted(call.parameters)]
    return {"said": said}

def change(call):
    if call.logical_id is None:
        return None
    call.hub.patch("Patient", call.logical_id, {"active": True})
    return {"said": "done"}

def fail(call):
    raise KeyError("secret of a patient")

@hook
def fhirhub_register_operations(settings):
    return [
        Operation(definition("searching"), echo, search_parameters=True),
        Operation(definition("paging"), echo, pages=True, of_versions=True),
        Operation(definition("demanding", PERIOD), echo),
        Operation(definition("strict", PERSON), echo),
        Operation(definition("lax", PERSON), echo, takes_invalid=True),
        Operation(definition("changing", affectsState=True), change, transactional=True),
        Operation(definition("failing"), fail),
        Operation(definition("lying"), lambda call: {"never": "declared"}),
    ]
"""


@pytest.fixture(scope="module")
def hub(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubClient]:
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "saying.py").write_text(PLUGIN, encoding="utf-8")
    opened = open_hub(Settings(mongodb_uri=mongodb_uri, database=folder.name, plugins=("saying",), plugin_files=folder))
    try:
        yield HubClient(opened)
    finally:
        opened.database.drop()
        opened.close()


@pytest.fixture
def known(hub: HubClient) -> str:
    """The path of a Patient."""
    return f"Patient/{hub.post('Patient', patient()).id}"


def said(resource: Json) -> list[str]:
    return [row["valueString"] for row in resource["parameter"]]


def wrapped(resource: Any) -> Json:
    return {"resourceType": "Parameters", "parameter": [{"name": "person", "resource": resource}]}


def test_search_parameters_reach_the_operation(hub: HubClient) -> None:
    query = "name:exact=W%C3%A1ng&birthdate=ge2000&name=b"
    assert said(hub.get(f"Patient/$searching?{query}").resource)[0] == (
        "(('name:exact', 'Wáng'), ('birthdate', 'ge2000'), ('name', 'b'))"
    )
    assert hub.get(f"Patient/$paging?{query}").status == 400


def test_cursor_reaches_an_operation_that_has_pages_and_no_other(hub: HubClient, known: str) -> None:
    assert said(hub.get(f"{known}/$paging?_cursor=abc").resource)[1] == "abc"
    assert said(hub.get(f"{known}/$paging").resource)[1] == "None"
    refused = hub.get(f"{known}/$strict?_cursor=abc")
    assert (refused.status, "no parameter '_cursor'" in refused.issue["diagnostics"]) == (400, True)


def test_versions_are_for_operations_that_say_so(hub: HubClient, known: str) -> None:
    assert said(hub.get(f"{known}/_history/1/$paging").resource)[2] == "1"
    missing = hub.get(f"{known}/_history/2/$paging")
    assert (missing.status, missing.issue["code"]) == (404, "not-found")
    refused = hub.get(f"{known}/_history/1/$searching")
    assert (refused.status, refused.issue["code"]) == (404, "not-supported")


@pytest.mark.parametrize("code", ["changing", "demanding"])
def test_get_is_refused_where_something_changes_or_cannot_be_said(hub: HubClient, known: str, code: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        refused = hub.send(method, f"{known}/${code}")
        assert (refused.status, refused.headers["Allow"]) == (405, "POST")
    assert hub.get(known).version_id == "1"


def test_methods_that_are_allowed_are_told(hub: HubClient, known: str) -> None:
    refused = hub.put(f"{known}/$paging", patient())
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, POST")
    head = hub.head(f"{known}/$paging")
    assert (head.status, head.content) == (200, None)


def test_instance_has_to_be_there(hub: HubClient, known: str) -> None:
    hub.delete(known)
    for path, status in ((known, 410), ("Patient/nobody", 404)):
        refused = hub.post(f"{path}/$changing")
        assert (refused.status, refused.issue["severity"]) == (status, "error")


def test_lenient_client_may_send_what_is_not_known(hub: HubClient) -> None:
    assert hub.get("Patient/$paging?strange=1", handling="lenient").status == 200
    refused = hub.get("Patient/$paging?strange=1")
    assert (refused.status, refused.issue["expression"]) == (400, ["http.strange"])


def test_resources_are_valid_where_the_operation_does_not_want_others(hub: HubClient) -> None:
    wrong = patient(gender="x")
    for body in (wrong, wrapped(wrong)):
        refused = hub.post("Patient/$strict", body)
        assert (refused.status, "gender" in str(refused.issue["expression"])) == (400, True)
        assert said(hub.post("Patient/$lax", body).resource)[-1] == "person"
    for body in (wrapped(3), wrapped({"resourceType": "Basic"}), {"resourceType": "Parameters", "parameter": 3}):
        assert hub.post("Patient/$lax", body).status == 400


def test_nothing_returned_is_no_content(hub: HubClient) -> None:
    answer = hub.post("Patient/$changing")
    assert (answer.status, answer.content) == (204, None)


def test_changes_in_a_transaction_go_with_it(hub: HubClient, known: str) -> None:
    broken = entry("PUT", "Basic/x", {"resourceType": "Basic"})
    assert hub.transaction(entry("POST", f"{known}/$changing"), broken).status == 400
    assert hub.get(known).version_id == "1"
    assert hub.transaction(entry("POST", f"{known}/$changing")).status == 200
    assert hub.get(known).resource["active"] is True


@pytest.mark.parametrize("code", ["failing", "lying"])
def test_plugin_that_fails_is_named_and_tells_nothing_else(hub: HubClient, code: str) -> None:
    answer = hub.get(f"Patient/${code}")
    assert (answer.status, answer.issue["code"]) == (500, "exception")
    assert answer.issue["diagnostics"] == f"The plugin 'saying' failed in its operation ${code} (KeyError)."


def test_operations_are_listed_with_their_definitions(hub: HubClient) -> None:
    rest = hub.get("metadata").resource["rest"][0]
    rows = {row["type"]: {each["name"]: each["definition"] for each in row["operation"]} for row in rest["resource"]}
    assert rows["Patient"]["changing"] == f"{BASE}/OperationDefinition/Patient-changing"
    assert "changing" not in rows["Group"]
    assert "changing" not in {each["name"] for each in rest["operation"]}
    read = hub.get("OperationDefinition/Patient-changing")
    assert (read.status, read.resource["affectsState"]) == (200, True)
    hub.put("OperationDefinition/Patient-changing", {**read.resource, "title": "Mine"})
    assert hub.get("OperationDefinition/Patient-changing").resource["title"] == "Mine"


def test_operations_are_described_for_openapi(hub: HubClient) -> None:
    call = hub.hub.call
    paths = openapi(ROUTES, call.site, call.operations)["paths"]
    assert set(paths["/Patient/$paging"]) == {"get", "post"}
    assert set(paths["/Patient/{id}/$changing"]) == {"post"}
    assert "/Patient/{id}/_history/{vid}/$paging" in paths
    assert "/Patient/{id}/_history/{vid}/$changing" not in paths
    assert "/Basic/$meta" in paths
    assert "/{type}/{id}/$meta" in paths
    assert "/Basic/$changing" not in paths
    parameters = {each.get("name"): each for each in paths["/Patient/{id}/$everything"]["get"]["parameters"]}
    assert parameters["_count"]["schema"] == {"type": "integer"}
    assert parameters["_type"]["schema"] == {"type": "array", "items": {"type": "string"}}
    assert "period" not in str(paths["/Patient/$demanding"]["post"]["parameters"])
