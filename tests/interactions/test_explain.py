"""_explain: what a search costs the database, in place of what it finds."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from fhirhub.errors import FhirError
from fhirhub.model.json import Json
from fhirhub.model.request import FhirRequest
from fhirhub.validation import validate_resource

from .hub_client import HubClient, hub_on, observation


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    with hub_on(mongodb_uri) as client:
        for name in ("chen", "li"):
            client.put(f"Patient/{name}", {"resourceType": "Patient", "id": name, "name": [{"family": name}]})
            for number in range(3):
                about = {"subject": {"reference": f"Patient/{name}"}, "effectiveDateTime": f"2020-01-0{number + 1}"}
                client.post("Observation", observation(code={"coding": [{"system": "urn:s", "code": "a"}]}, **about))
        yield client


def values(parts: list[Json]) -> dict[str, Any]:
    return {part["name"]: value for part in parts for key, value in part.items() if key.startswith("value")}


def steps(parameters: Json) -> list[dict[str, Any]]:
    return [values(each["part"]) for each in parameters["parameter"] if each["name"] == "query"]


def test_explained_search_names_index_keys_and_documents(hub: HubClient) -> None:
    answer = hub.get("Observation?patient=chen&code=urn:s|a&_sort=-date&_explain=true")
    assert answer.status == 200
    assert validate_resource(answer.resource) == []
    (step,) = steps(answer.resource)
    assert (step["resourceType"], step["index"]) == ("Observation", "listed")
    assert (step["rows"], step["documentsExamined"]) == (3, 3)
    assert not step["scansCollection"]
    assert not step["sortsInMemory"]
    total = values(answer.resource["parameter"])
    assert (total["rows"], total["documentsExamined"], total["scansCollection"]) == (3, 3, False)
    assert total["milliseconds"] > 0
    assert "TokenIs" in total["filter"]
    assert "patient=Patient/chen" in total["filter"]


def test_explained_chain_shows_each_step(hub: HubClient) -> None:
    answer = hub.get("Observation?patient.name=chen&_explain=true")
    assert [step["resourceType"] for step in steps(answer.resource)] == ["Patient", "Observation"]
    assert "Patient/chen" in steps(answer.resource)[1]["command"]


def test_search_that_scans_the_collection_says_so(hub: HubClient) -> None:
    many = ",".join(f"b{number}" for number in range(3))
    for number in range(20):
        hub.put(f"Group/g{number}", {"resourceType": "Group", "id": f"g{number}", "type": "person", "actual": True})
    answer = hub.get(f"Group?actual:not=true&code:not={many}&_explain=true")
    total = values(answer.resource["parameter"])
    assert (total["rows"], total["documentsExamined"], total["scansCollection"]) == (0, 20, True)
    # A list of all, newest first, goes along the same index, and wastes nothing.
    listed = values(hub.get("Group?_explain=true").resource["parameter"])
    assert (listed["rows"], listed["scansCollection"]) == (20, False)


def test_total_and_includes_are_queries_of_their_own(hub: HubClient) -> None:
    answer = hub.get("Observation?code=a&_count=2&_total=accurate&_include=Observation:patient&_explain=true")
    found = steps(answer.resource)
    assert {step["resourceType"] for step in found} == {"Patient", "Observation"}
    assert {step["kind"] for step in found} >= {"find", "aggregate"}


@pytest.mark.parametrize("value", ["yes", "", "false"])
def test_explain_takes_nothing_but_true(hub: HubClient, value: str) -> None:
    answer = hub.get(f"Observation?_explain={value}")
    assert answer.status == 400
    assert "_explain" in answer.issue["diagnostics"]


def test_explain_is_refused_where_the_site_does_not_allow_it(hub: HubClient) -> None:
    call = hub.hub.call
    closed = replace(call, rules=replace(call.rules, explain=False))
    asked = FhirRequest(method="GET", path=("Observation",), query=(("_explain", "true"),))
    with pytest.raises(FhirError) as refused:
        call.dispatch(asked, closed)
    assert refused.value.status == 403
    assert refused.value.issues[0].code == "forbidden"
    assert call.dispatch(replace(asked, query=()), closed).status == 200
