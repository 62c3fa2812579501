"""What a search may cost, and what a client is told whose search costs more: docs/interactions.md."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fhirhub.errors import FhirError
from fhirhub.search.filter import All, IdIn, TokenIs
from fhirhub.search.result_parameters import SortKey
from fhirhub.store.cursor import cursor_key
from fhirhub.store.embedded import find_mongod
from fhirhub.store.plan import Page
from fhirhub.store.searches import Searches
from tests.interactions.hub_client import HubClient, hub_on, observation, patient
from tests.store.test_outage import Mongod

FAMILY = (SortKey("family", "string"),)


def searches(hub: HubClient, limit: int) -> Searches:
    return Searches(hub.hub.database.collections, seconds=5, max_computed=limit)


def test_a_computed_sort_of_too_many_matches_is_too_costly(hub: HubClient) -> None:
    for number in range(8):
        hub.post("Patient", patient(gender="male" if number % 2 else "female", name=[{"family": f"f{number}"}]))
    assert len(searches(hub, 8).find({"Patient": All()}, Page(FAMILY))) == 8
    with pytest.raises(FhirError) as caught:
        searches(hub, 7).find({"Patient": All()}, Page(FAMILY))
    (issue,) = caught.value.issues
    assert (caught.value.status, issue.code, issue.expression) == (400, "too-costly", ("http._sort",))
    for said in ("7", "_lastUpdated", "birthdate"):
        assert said in issue.diagnostics
    # A criterion that leaves few enough makes it affordable; the orders of indexes always are.
    few = searches(hub, 4).find({"Patient": TokenIs("gender=male|")}, Page(FAMILY))
    assert len(few) == 4
    for key in (SortKey("_id", "token"), SortKey("_lastUpdated", "date"), SortKey("birthdate", "date", True)):
        assert len(searches(hub, 1).find({"Patient": All()}, Page((key,)))) == 8


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    named = os.environ.get("FHIRHUB_MONGOD")
    running = Mongod(find_mongod(Path(named) if named else None, os.environ), tmp_path_factory.mktemp("limits"))
    yield running
    running.kill()


SEARCHES = {
    "page": "Observation?status=final",
    "computed": "Observation?_sort=status",
    "list": "Observation?patient=Patient/1&_sort=-date",
    "list of a code without its system": "Observation?code=1&_sort=-date",
    "total": "Observation?status=final&_total=accurate",
    "system": "?_type=Observation,Patient",
    "compartment": "Patient/1/Observation",
    "contained": "Patient?_contained=true",
    "contained total": "Patient?_contained=true&_containedType=contained&_summary=count",
    "without an index": "Observation?status:not=final",
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_the_database_stops_is_too_costly_and_says_what_to_add(own: Mongod, name: str) -> None:
    with hub_on(own.uri, max_time_ms=1000) as hub:
        hub.post("Observation", observation())
        cursor_key()
        # Every command that has a limit is told at once that its time is up.
        with own.failing("maxTimeAlwaysTimeOut"):
            answer = hub.get(SEARCHES[name])
        assert (answer.status, answer.issue["severity"], answer.issue["code"]) == (400, "error", "too-costly")
        assert "longer than allowed" in answer.issue["diagnostics"]
        assert hub.get(SEARCHES[name]).status == 200
        if name == "page":
            assert "patient, code, category, date" in answer.issue["diagnostics"]


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_without_answer_in_time_is_too_costly_while_the_database_lives(own: Mongod, name: str) -> None:
    """The driver stops waiting before MongoDB stops working: the failure is that of a lost connection."""
    with hub_on(own.uri, max_time_ms=300) as hub:
        hub.post("Observation", observation())
        with own.failing(failCommands=["find", "aggregate"], blockConnection=True, blockTimeMS=900):
            answer = hub.get(SEARCHES[name])
        assert (answer.status, answer.issue["code"]) == (400, "too-costly")
        assert "Add criteria" in answer.issue["diagnostics"]


def test_the_secret_of_cursors_is_made_once_by_whoever_comes_first(hub: HubClient) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = {key.result() for key in [threads.submit(cursor_key) for _ in range(8)]}
    assert keys == {hub.database["installation"].find_one()["cursor_key"]}
    assert {len(key) for key in keys} == {32}


def test_a_search_that_becomes_too_large_for_the_database_is_too_costly(hub: HubClient) -> None:
    many = IdIn(frozenset(f"{number:064}" for number in range(230_000)))
    with pytest.raises(FhirError) as caught:
        hub.hub.database.find.search("Patient", many, Page())
    (issue,) = caught.value.issues
    assert (caught.value.status, issue.code) == (400, "too-costly")
    assert "larger than the database takes" in issue.diagnostics
