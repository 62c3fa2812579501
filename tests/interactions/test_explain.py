"""_explain: what a search costs the database, in place of what it finds."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from fhirhub.errors import FhirError
from fhirhub.http.xml_read import from_xml
from fhirhub.http.xml_write import to_xml
from fhirhub.model.json import Json
from fhirhub.model.request import FhirRequest
from fhirhub.validation import validate_resource

from .hub_client import HubClient, entry, hub_on, observation


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    with hub_on(mongodb_uri) as client:
        for name in ("chen", "li"):
            client.put(f"Patient/{name}", {"resourceType": "Patient", "id": name, "name": [{"family": name}]})
            for number in range(3):
                about = {"subject": {"reference": f"Patient/{name}"}, "effectiveDateTime": f"2020-01-0{number + 1}"}
                client.post("Observation", observation(code={"coding": [{"system": "urn:s", "code": "a"}]}, **about))
        held = {"resourceType": "Patient", "id": "p", "name": [{"family": "held"}]}
        client.post("Condition", {"resourceType": "Condition", "subject": {"reference": "#p"}, "contained": [held]})
        for number in range(20):
            client.put(
                f"Group/g{number}", {"resourceType": "Group", "id": f"g{number}", "type": "person", "actual": True}
            )
        for number in range(15):
            client.post("Organization", {"resourceType": "Organization", "name": f"Ward {number}"})
        yield client


def values(parts: list[Json]) -> dict[str, Any]:
    return {part["name"]: value for part in parts for key, value in part.items() if key.startswith("value")}


def named(parameters: Json, name: str) -> list[dict[str, Any]]:
    return [values(each["part"]) for each in parameters["parameter"] if each["name"] == name]


def steps(parameters: Json) -> list[dict[str, Any]]:
    return named(parameters, "query")


def explained(hub: HubClient, search: str) -> Json:
    """What is said of a search: valid Parameters, whose sums are those of the queries."""
    answer = hub.get(f"{search}{'&' if '?' in search else '?'}_explain=true")
    assert answer.status == 200
    assert validate_resource(answer.resource) == []
    total = values(answer.resource["parameter"])
    for name in ("keysExamined", "documentsExamined"):
        assert total[name] == sum(step[name] for step in steps(answer.resource))
    for name in ("scansCollection", "sortsInMemory"):
        assert total[name] == any(step[name] for step in steps(answer.resource))
    return answer.resource


def test_explained_search_names_index_keys_and_documents(hub: HubClient) -> None:
    resource = explained(hub, "Observation?patient=chen&code=urn:s|a&_sort=-date")
    (step,) = steps(resource)
    assert (step["purpose"], step["resourceType"], step["index"]) == ("page", "Observation", "listed")
    assert (step["rows"], step["documentsExamined"]) == (3, 3)
    assert step["stages"].startswith("IXSCAN listed → FETCH")
    assert not step["scansCollection"]
    assert not step["sortsInMemory"]
    total = values(resource["parameter"])
    assert (total["rows"], total["documentsExamined"], total["scansCollection"]) == (3, 3, False)
    assert total["milliseconds"] > 0
    (search,) = named(resource, "search")
    assert search == {"resourceType": "Observation", "filter": "patient is Patient/chen and code is a of urn:s"}


def test_explained_chain_shows_each_step_and_what_became_of_it(hub: HubClient) -> None:
    resource = explained(hub, "Observation?patient.name=chen")
    chain, page = steps(resource)
    assert (chain["purpose"], chain["resourceType"], chain["index"], chain["rows"]) == ("chain", "Patient", "tokens", 1)
    assert (page["purpose"], page["resourceType"], page["rows"]) == ("page", "Observation", 3)
    assert "Patient/chen" in page["command"]
    (search,) = named(resource, "search")
    assert search["filter"] == "patient refers to a Patient that has (name starts with 'chen')"
    assert "patient is Patient/chen" in search["resolvedFilter"]


def test_explained_reverse_chain_shows_each_step(hub: HubClient) -> None:
    resource = explained(hub, "Patient?_has:Observation:patient:code=a")
    assert [(step["purpose"], step["resourceType"]) for step in steps(resource)] == [
        ("chain", "Observation"),
        ("page", "Patient"),
    ]
    assert steps(resource)[0]["rows"] == 2
    (search,) = named(resource, "search")
    assert search["resolvedFilter"] == "_id is chen or li"


def test_explained_search_of_several_types_tells_each(hub: HubClient) -> None:
    resource = explained(hub, "?_type=Observation,Patient,Device&_lastUpdated=gt2020&_summary=count")
    searched = named(resource, "search")
    # Nobody ever stored a Device, so nobody is asked for one.
    assert [each["resourceType"] for each in searched] == ["Observation", "Patient"]
    assert {each["filter"] for each in searched} == {"_lastUpdated is at or after 2021-01-01T00:00:00Z"}
    assert [(step["purpose"], step["resourceType"], step["rows"]) for step in steps(resource)] == [
        ("total", "Observation", 6),
        ("total", "Patient", 2),
    ]
    total = values(resource["parameter"])
    assert (total["rows"], total["total"]) == (0, 8)


@pytest.mark.parametrize("search", ["Patient/chen/Observation?code=a", "Patient/chen/*?_type=Observation"])
def test_explained_compartment_tells_who_it_belongs_to(hub: HubClient, search: str) -> None:
    resource = explained(hub, search)
    (searched,) = named(resource, "search")
    assert searched["resourceType"] == "Observation"
    assert "subject is Patient/chen or performer is Patient/chen" in searched["filter"]
    assert [(step["purpose"], step["rows"]) for step in steps(resource)] == [("page", 3)]


@pytest.mark.parametrize(("which", "own"), [("true", 0), ("both", 1)])
def test_explained_search_among_contained_resources_asks_all_containers(hub: HubClient, which: str, own: int) -> None:
    resource = explained(hub, f"Patient?name=held,chen&_contained={which}&_total=accurate")
    (searched,) = named(resource, "search")
    assert searched == {"resourceType": "Patient", "filter": "name starts with 'held' or 'chen'"}
    found = {step["resourceType"]: step for step in steps(resource)}
    assert set(found) == {"Condition", "Group", "Observation", "Organization", "Patient"}
    assert (found["Condition"]["rows"], found["Patient"]["rows"]) == (1, own)
    assert '"t": "Patient"' in found["Condition"]["command"]
    assert values(resource["parameter"])["total"] == 1 + own


def test_search_by_post_is_explained_as_one_by_get(hub: HubClient) -> None:
    # HTTP puts the parameters of a form among those of the URL.
    for path in ("Observation/_search", "_search", "Patient/chen/Observation/_search"):
        asked = f"{path}?_type=Observation&_explain=true" if path == "_search" else f"{path}?code=a&_explain=true"
        answer = hub.post(asked)
        assert answer.resource["resourceType"] == "Parameters"
        (searched,) = named(answer.resource, "search")
        assert searched["resourceType"] == "Observation"
        assert [step["purpose"] for step in steps(answer.resource)] == ["page"]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_search_in_a_bundle_is_explained(hub: HubClient, kind: str) -> None:
    asked = entry("GET", "Observation?patient.name=li&_explain=true")
    answer = hub.post("", {"resourceType": "Bundle", "type": kind, "entry": [asked]})
    (resource,) = answer.resources
    assert [step["purpose"] for step in steps(resource)] == ["chain", "page"]
    assert values(resource["parameter"])["rows"] == 3


@pytest.mark.parametrize("criterion", ["actual:not=true", "code:missing=false", "characteristic:text=x"])
def test_explained_total_agrees_with_what_is_found(hub: HubClient, criterion: str) -> None:
    total = values(explained(hub, f"Group?{criterion}&_summary=count")["parameter"])["total"]
    assert total == hub.get(f"Group?{criterion}&_summary=count").resource["total"] == 0


@pytest.mark.parametrize(
    "search",
    [
        "Group?actual:not=true&code:not=b0,b1,b2",
        "Group?type=person&actual:not=true",
        "Group?_sort=type&actual:not=true",
        "Group?code:not=b0&_summary=count",
        "Group?_filter=not (actual eq true)",
    ],
)
def test_search_that_scans_the_collection_says_so(hub: HubClient, search: str) -> None:
    resource = explained(hub, search)
    total = values(resource["parameter"])
    assert (total["rows"], total["documentsExamined"], total["scansCollection"]) == (0, 20, True)
    assert all(step["scansCollection"] for step in steps(resource) if step["purpose"] != "chain")


@pytest.mark.parametrize("search", ["Group", "Group?actual=true", "Group?actual=true&_summary=count"])
def test_search_whose_every_document_counts_scans_nothing(hub: HubClient, search: str) -> None:
    total = values(explained(hub, search)["parameter"])
    assert (total.get("total"), total["scansCollection"]) == (20, False)


def test_part_of_a_text_is_looked_for_in_all_texts(hub: HubClient) -> None:
    total = values(explained(hub, "Organization?name:contains=x")["parameter"])
    assert (total["rows"], total["documentsExamined"], total["scansCollection"]) == (0, 15, True)
    total = values(explained(hub, "Organization?name=ward 1")["parameter"])
    assert (total["rows"], total["scansCollection"]) == (6, False)


def test_sorting_in_memory_is_told(hub: HubClient) -> None:
    (step,) = steps(explained(hub, "Group?_sort=type&_count=5"))
    assert (step["kind"], step["rows"], step["sortsInMemory"]) == ("aggregate", 6, True)
    assert "$sort" in step["stages"]


def test_total_and_includes_are_queries_of_their_own(hub: HubClient) -> None:
    resource = explained(hub, "Observation?code=a&_count=2&_total=accurate&_include=Observation:patient")
    found = [(step["purpose"], step["resourceType"], step["rows"]) for step in steps(resource)]
    assert found == [
        ("page", "Observation", 3),
        ("include", "Observation", 2),
        ("include", "Patient", 1),
        ("total", "Observation", 6),
    ]
    total = values(resource["parameter"])
    assert (total["rows"], total["included"], total["total"]) == (2, 1, 6)
    behind = explained(hub, "Patient?_id=chen&_revinclude=Observation:patient")
    assert [(step["purpose"], step["rows"]) for step in steps(behind)][-1] == ("include", 3)


def test_characters_xml_cannot_hold_are_written_as_escapes(hub: HubClient) -> None:
    resource = explained(hub, "Observation?code=%01%EF%BF%BE%E5%BC%A0&code:not=%02|b")
    (search,) = named(resource, "search")
    assert search["filter"] == "code is \\x01\\ufffe张 and not (code is b of \\x02)"
    xml = to_xml(resource)
    assert from_xml(xml) == resource


def test_what_a_client_is_told_besides_is_in_the_outcome(hub: HubClient) -> None:
    answer = hub.get("Observation?code=a&nonsense=1&_explain=true", handling="lenient")
    (outcome,) = [each["resource"] for each in answer.resource["parameter"] if each["name"] == "outcome"]
    assert "nonsense" in outcome["issue"][0]["diagnostics"]
    assert values(answer.resource["parameter"])["rows"] == 6


@pytest.mark.parametrize("value", ["yes", "", "false"])
def test_explain_takes_nothing_but_true(hub: HubClient, value: str) -> None:
    for search in ("Observation?", "?_type=Observation&", "Patient/chen/Observation?"):
        answer = hub.get(f"{search}_explain={value}")
        assert answer.status == 400
        assert "_explain" in answer.issue["diagnostics"]


def test_explained_search_with_a_mistake_is_refused_like_any(hub: HubClient) -> None:
    for search in ("Observation?nonsense=1", f"Patient?_id={','.join(['1'] * 2_000)}"):
        plain, answer = hub.get(search), hub.get(f"{search}&_explain=true")
        assert (answer.status, answer.issues) == (400, plain.issues)


def test_explain_is_refused_where_the_site_does_not_allow_it(hub: HubClient) -> None:
    call = hub.hub.call
    closed = replace(call, rules=replace(call.rules, explain=False))
    for path in (("Observation",), (), ("Patient", "chen", "Observation"), ("Patient", "chen", "*")):
        asked = FhirRequest(method="GET", path=path, query=(("_explain", "true"),))
        with pytest.raises(FhirError) as refused:
            call.dispatch(asked, closed)
        assert refused.value.status == 403
        assert refused.value.issues[0].code == "forbidden"
        assert call.dispatch(replace(asked, query=()), closed).status == 200
