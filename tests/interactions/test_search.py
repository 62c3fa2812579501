"""search as an interaction: pages, totals, links: https://hl7.org/fhir/R4/http.html#search. Criteria: tests/search."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.interactions.hub_client import BASE, Answer, HubClient, mrn, patient, unique

KEYS: dict[str, Callable[[Any], Any]] = {
    "_id": lambda resource: resource["id"],
    "_lastUpdated": lambda resource: resource["meta"]["lastUpdated"],
}


def ids(answer: Answer) -> list[str]:
    assert answer.resource["type"] == "searchset"
    return [resource["id"] for resource in answer.resources]


@pytest.fixture(scope="module")
def seven(hub: HubClient) -> list[str]:
    """The ids of seven Patients, of which one was updated and stays the one created third."""
    created = [hub.post("Patient", patient(f"seven-{number}", gender="other")).id for number in range(7)]
    hub.put(f"Patient/{created[2]}", patient("seven-2", id=created[2], gender="other", active=True))
    gone = hub.post("Patient", patient("seven-gone", gender="other"))
    hub.delete(f"Patient/{gone.id}")
    return created


def test_search_answers_the_newest_first_with_total_and_self(hub: HubClient, seven: list[str]) -> None:
    answer = hub.get("Patient?gender=other")
    assert (answer.status, ids(answer)) == (200, seven[::-1])
    assert answer.resource["total"] == 7
    assert answer.resource["link"] == [{"relation": "self", "url": f"{BASE}/Patient?gender=other"}]


def test_search_entries_hold_the_resource_as_stored(hub: HubClient, seven: list[str]) -> None:
    answer = hub.get("Patient?identifier=seven-2")
    assert answer.entries == [
        {
            "fullUrl": f"{BASE}/Patient/{seven[2]}",
            "resource": hub.get(f"Patient/{seven[2]}").resource,
            "search": {"mode": "match"},
        }
    ]


def test_search_by_post_is_the_same(hub: HubClient, seven: list[str]) -> None:
    by_get, by_post = hub.get("Patient?gender=other&_count=3"), hub.post("Patient/_search?gender=other&_count=3")
    assert ids(by_get) == ids(by_post) == seven[:3:-1]
    assert by_get.resource["link"] == by_post.resource["link"]


def test_search_without_matches_answers_an_empty_bundle(hub: HubClient) -> None:
    answer = hub.get(f"Patient?identifier={unique()}")
    assert (answer.status, answer.resource["total"]) == (200, 0)
    assert "entry" not in answer.resource


def test_search_of_a_type_nobody_has_stored_is_empty(hub: HubClient) -> None:
    answer = hub.get("Slot?_total=accurate")
    assert (answer.status, answer.resource["total"], answer.entries) == (200, 0, [])


@pytest.mark.parametrize("sort", ["", "&_sort=_id", "&_sort=-_id", "&_sort=_lastUpdated", "&_sort=-_lastUpdated"])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
def test_pages_lead_to_the_end(hub: HubClient, seven: list[str], sort: str, count: int) -> None:
    pages = list(hub.pages(f"Patient?gender=other&_count={count}{sort}"))
    assert sorted(name for page in pages for name in ids(page)) == sorted(seven)
    assert [len(page.entries) for page in pages[:-1]] == [count] * (len(pages) - 1)
    assert 0 < len(pages[-1].entries) <= count
    resources = [resource for page in pages for resource in page.resources]
    if sort:
        name = sort.removeprefix("&_sort=")
        key = KEYS[name.removeprefix("-")]
        values = [key(resource) for resource in resources]
        assert values == sorted(values, reverse=name.startswith("-"))
        if "_lastUpdated" in name:
            assert values.index(max(values)) == [r["id"] for r in resources].index(seven[2])
    else:
        assert [resource["id"] for resource in resources] == seven[::-1]


def test_next_keeps_the_parameters_and_the_self_link_says_what_was_used(hub: HubClient, seven: list[str]) -> None:
    path = "Patient?identifier=http://hospital.example/mrn|seven-1,http://hospital.example/mrn|seven-3&_count=1"
    answer = hub.get(path)
    assert answer.link("self") == path
    onward = answer.link("next")
    assert onward is not None
    assert onward.startswith(f"{path}&_cursor=")
    assert ids(hub.get(onward)) == [seven[1]]


def test_count_above_the_maximum_counts_as_the_maximum(hub: HubClient, seven: list[str]) -> None:
    answer = hub.get("Patient?gender=other&_count=999999")
    assert answer.link("self") == "Patient?gender=other&_count=1000"
    assert len(answer.entries) == len(seven)


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("_count=3", None),
        ("_count=3&_total=none", None),
        ("_count=3&_total=accurate", 7),
        ("_count=3&_total=estimate", 7),
        ("_count=7", 7),
        ("_count=7&_total=none", None),
        ("_count=0", 7),
        ("_summary=count", 7),
        ("_count=2&_summary=count", 7),
    ],
)
@pytest.mark.usefixtures("seven")
def test_total_is_there_when_asked_for_or_known(hub: HubClient, query: str, total: int | None) -> None:
    answer = hub.get(f"Patient?gender=other&{query}")
    assert answer.status == 200
    assert answer.resource.get("total") == total
    if query == "_count=0" or "_summary" in query:
        assert answer.entries == []
        assert answer.link("next") is None


@pytest.mark.usefixtures("seven")
def test_total_is_the_same_on_every_page_that_has_one(hub: HubClient) -> None:
    pages = list(hub.pages("Patient?gender=other&_count=2&_total=accurate"))
    assert [page.resource["total"] for page in pages] == [7, 7, 7, 7]


def test_unknown_parameter_is_refused_with_a_suggestion(hub: HubClient) -> None:
    answer = hub.get("Patient?birthdat=2000")
    assert (answer.status, answer.issue["code"]) == (400, "not-supported")
    assert answer.issue["expression"] == ["http.birthdat"]
    assert "birthdate" in answer.issue["diagnostics"]


def test_unknown_parameter_is_ignored_when_lenient_and_said_so(hub: HubClient, seven: list[str]) -> None:
    answer = hub.get("Patient?gender=other&birthdat=2000", handling="lenient")
    *found, outcome = answer.entries
    assert [entry["resource"]["id"] for entry in found] == seven[::-1]
    assert outcome["search"] == {"mode": "outcome"}
    assert outcome["resource"]["resourceType"] == "OperationOutcome"
    (issue,) = outcome["resource"]["issue"]
    assert (issue["severity"], issue["code"], issue["expression"]) == ("warning", "not-supported", ["http.birthdat"])
    # The self link shows that the parameter had no effect.
    assert answer.link("self") == "Patient?gender=other"
    assert answer.resource["total"] == 7


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("_count=x", "value"),
        ("_count=-1", "value"),
        ("_count=1&_count=2", "value"),
        ("_sort=nope", "value"),
        ("_sort=birthdate,nope", "value"),
        ("_sort=", "value"),
        ("_sort=_id,name,gender,birthdate,family,given", "value"),
        ("_total=some", "value"),
        ("_summary=some", "value"),
        ("_elements=nope", "value"),
        ("_cursor=x", "value"),
        ("_cursor=", "value"),
        ("_cursor=é", "value"),
        ("_type=Patient", "not-supported"),
        ("_maxresults=5", "not-supported"),
        ("birthdate=x", "value"),
    ],
)
def test_search_refuses_what_it_does_not_understand(hub: HubClient, query: str, code: str) -> None:
    answer = hub.get(f"Patient?{query}")
    assert (answer.status, answer.issue["severity"], answer.issue["code"]) == (400, "error", code)
    assert query.partition("=")[0].partition(":")[0] in answer.issue["diagnostics"]


def test_pages_by_time_skip_nothing_that_stays_as_it_is(hub: HubClient) -> None:
    value = unique()
    still = [hub.post("Patient", patient(value)).id for _ in range(20)]
    moving = [hub.post("Patient", patient(value)).id for _ in range(5)]

    def pages() -> Iterator[Answer]:
        for number, page in enumerate(hub.pages(f"Patient?{mrn(value)}&_sort=_lastUpdated&_count=3")):
            yield page
            if number < 5:
                hub.put(f"Patient/{moving[number]}", patient(value, id=moving[number], active=True))

    resources = [resource for page in pages() for resource in page.resources]
    times = [resource["meta"]["lastUpdated"] for resource in resources]
    assert Counter(resource["id"] for resource in resources if resource["id"] in still) == Counter(still)
    assert all(earlier <= later for earlier, later in pairwise(times))
