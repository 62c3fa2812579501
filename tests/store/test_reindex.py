"""Reindexing: it reaches every resource, goes on after a kill, lets concurrent writes win and tells how far it is.

docs/how-it-works/search-parameters.md
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from fhirhub.model.json import Json
from fhirhub.search.parameters import SearchParameters
from fhirhub.search.site import Site
from fhirhub.store.commit import Commits
from fhirhub.store.entries import FIELDS
from fhirhub.store.lease import Holder
from fhirhub.store.reindex import Lost, Pace, Reindexer
from fhirhub.store.search_parameters import REFRESH_SECONDS, Registry
from fhirhub.store.stamp import StampClock
from fhirhub.store.stored import Draft
from tests import processes
from tests.interactions.hub_client import BASE, HubClient, observation, patient
from tests.interactions.test_search_parameters import ids, nicknamed, parameter

QUICK = Pace(pause_share=0, poll_seconds=0.02, settle_seconds=0.05, chunk=3, late_seconds=(60.0, 0.0))


def parameters(answer: Json) -> list[Json]:
    """The Parameters as dictionaries by name; several of a name only among those called type and run."""
    return [_row(each) for each in answer["parameter"]]


def _row(parameter: Json) -> Json:
    row: Json = {"is": parameter["name"]}
    if "part" not in parameter:
        return row | {"value": next(parameter[key] for key in parameter if key != "name")}
    for part in parameter["part"]:
        if "part" in part:
            row.setdefault(part["name"], []).append(_row(part))
        else:
            row[part["name"]] = next(part[key] for key in part if key != "name")
    return row


def runs(hub: HubClient) -> list[Json]:
    return [row for row in parameters(hub.get("$reindex").resource) if row["is"] == "run"]


def spoil(hub: HubClient, resource_type: str) -> None:
    """Take the index entries away, as another base URL or an older fhirhub would have made others."""
    hub.database[resource_type].update_many({"n": {"$gt": 0}}, {"$unset": dict.fromkeys((*FIELDS, "x"), "")})
    hub.database[resource_type].update_many({"n": {"$gt": 0}}, {"$set": {"k": ["old=x"], "w": ["old"], "e": 1}})


def eventually(holds: Callable[[], bool], what: str) -> None:
    assert processes.eventually(holds), f"{what}: not within 30 s"


def test_reindex_of_everything_makes_all_entries_anew(hub: HubClient) -> None:
    for number in range(10):
        hub.put(f"Patient/{number}", patient(id=str(number), gender="female", birthDate="1980"))
    hub.put("Observation/o", observation(id="o", subject={"reference": "Patient/1"}))
    hub.delete("Patient/9")
    before = {name: list(hub.database[name].find(sort=[("_id", 1)])) for name in ("Patient", "Observation")}
    spoil(hub, "Patient")
    spoil(hub, "Observation")
    assert ids(hub, "Patient?gender=female") == set()
    asked = hub.post("$reindex")
    assert (asked.status, asked.headers["Content-Location"]) == (202, f"{BASE}/$reindex")
    assert parameters(asked.resource)[0] == {"is": "state", "value": "waiting"}
    assert hub.hub.reindexer(QUICK).step()
    (run,) = runs(hub)
    assert (run["state"], run["percent"], run["done"], run["failed"]) == ("done", 100, 10, 0)
    assert {row["name"]: (row["done"], row["complete"]) for row in run["type"]} == {
        "Observation": (1, True),
        "Patient": (9, True),
    }
    for name, documents in before.items():
        after = list(hub.database[name].find(sort=[("_id", 1)]))
        # What was deleted has no entries, and is not looked at.
        assert [d for d in after if d["m"] != "DELETE"] == [d for d in documents if d["m"] != "DELETE"]
    assert len(ids(hub, "Patient?gender=female")) == 9


def test_reindex_of_types_leaves_the_others_alone(hub: HubClient) -> None:
    hub.put("Patient/p", patient(id="p", gender="male"))
    hub.put("Observation/o", observation(id="o"))
    spoil(hub, "Patient")
    spoil(hub, "Observation")
    body = {"resourceType": "Parameters", "parameter": [{"name": "type", "valueCode": "Observation"}]}
    assert hub.post("$reindex", body).status == 202
    assert hub.hub.reindexer(QUICK).step()
    assert ids(hub, "Observation?status=final") == {"o"}
    assert ids(hub, "Patient?gender=male") == set()
    assert [row["name"] for row in runs(hub)[0]["type"]] == ["Observation"]


def test_reindex_of_a_parameter_is_of_the_types_it_is_for(hub: HubClient) -> None:
    hub.put("Patient/p", nicknamed("A", id="p"))
    hub.put("Observation/o", observation(id="o"))
    hub.put("SearchParameter/n", parameter(id="n"))
    reindexer = hub.hub.reindexer(QUICK)
    reindexer.step()
    spoil(hub, "Patient")
    assert hub.post("SearchParameter/n/$reindex").status == 202
    assert reindexer.step()
    assert ids(hub, "Patient?nickname=A") == {"p"}
    assert runs(hub)[0]["wanted"] == "Patient"
    named = {"resourceType": "Parameters", "parameter": [{"name": "parameter", "valueUri": parameter()["url"]}]}
    assert hub.post("$reindex", named).status == 202
    assert runs(hub)[0]["wanted"] == "Patient"


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("$reindex?type=Patinet", None, 404, "Did you mean Patient?"),
        ("$reindex?kind=Patient", None, 400, "kind"),
        ("$reindex", {"resourceType": "Patient"}, 400, "Parameters"),
        ("$reindex", {"resourceType": "Parameters", "parameter": [{"name": "x", "valueCode": "y"}]}, 400, "'x'"),
        ("$reindex", {"resourceType": "Parameters", "parameter": [{"name": "type"}]}, 400, "one value"),
        ("$reindex", {"resourceType": "Parameters", "parameter": {}}, 400, "array"),
        ("$reindex", {"resourceType": "Parameters", "parameter": [3]}, 400, "object"),
        ("$reindex?parameter=http://hospital.example/none", None, 400, "no active search parameter"),
        ("SearchParameter/none/$reindex", None, 404, "no SearchParameter"),
        ("SearchParameter/draft/$reindex", None, 422, "draft"),
        ("Patient/1/$reindex", None, 404, "no operation $reindex"),
    ],
)
def test_reindex_that_cannot_be_is_refused(hub: HubClient, path: str, body: Any, status: int, said: str) -> None:
    hub.put("SearchParameter/draft", parameter(id="draft", status="draft"))
    refused = hub.post(path, body)
    assert refused.status == status, refused.resource
    assert said in refused.issue["diagnostics"]
    assert runs(hub) == []


def test_reindex_is_no_part_of_a_transaction(hub: HubClient) -> None:
    for url in ("$reindex", "SearchParameter/1/$reindex"):
        refused = hub.transaction({"request": {"method": "POST", "url": url}})
        assert refused.status >= 400
        assert runs(hub) == []


def test_same_reindex_is_asked_for_once(hub: HubClient) -> None:
    for _ in range(3):
        assert hub.post("$reindex?type=Patient").status == 202
    hub.post("$reindex")
    assert [run.get("wanted") for run in runs(hub)] == [None, "Patient"]


def test_write_that_comes_between_wins(hub: HubClient) -> None:
    """A resource changes after it was read for reindexing, before its entries are written."""

    class Slow(Reindexer):
        def _write(self, resource_type: str, updates: Any) -> int:
            hub.put("Patient/p", nicknamed("New", id="p"))
            return super()._write(resource_type, updates)

    hub.put("Patient/p", nicknamed("Old", id="p"))
    hub.put("Patient/q", nicknamed("Old", id="q"))
    hub.put("SearchParameter/n", parameter(id="n"))
    own = hub.hub
    slow = Slow(
        own.database.collections,
        own.database.parameters,
        own.database.reindex,
        lambda: own.call.site,
        own._failures,
        owner="slow",
        pace=QUICK,
    )
    assert slow.step()
    assert ids(hub, "Patient?nickname=Old") == {"q"}
    assert ids(hub, "Patient?nickname=New") == {"p"}
    assert hub.get("Patient/p").version_id == "2"
    (stored,) = hub.database["Patient"].find({"_id": "p"})
    (token,) = [token for token in stored["k"] if token.startswith("nickname=")]
    assert token.startswith("nickname=new|")


def test_reads_and_writes_go_on_during_a_reindex(hub: HubClient) -> None:
    for number in range(60):
        hub.put(f"Patient/{number}", nicknamed("A", id=str(number), active=True))
    hub.put("SearchParameter/n", parameter(id="n"))
    reindexer = hub.hub.reindexer(replace(QUICK, pause_share=0.9))
    thread = reindexer.start()
    written = 0
    slowest = 0.0
    while "nickname" in str(hub.hub.call.site.parameters.building):
        began = time.monotonic()
        assert hub.put(f"Patient/{written % 70}", nicknamed(f"B{written}", id=str(written % 70))).status < 300
        assert hub.get(f"Patient?_id={written % 70}").status == 200
        slowest = max(slowest, time.monotonic() - began)
        written += 1
        hub.hub.database.parameters.expire()
    reindexer.stop()
    thread.join(30)
    assert written > 10
    assert slowest < 2
    assert len(ids(hub, "Patient?nickname:missing=false&_count=100")) == max(60, min(written, 70))
    assert len(ids(hub, "Patient?nickname=A,B&_count=100")) == max(60, min(written, 70))


def test_progress_is_told_while_it_runs(hub: HubClient) -> None:
    for number in range(30):
        hub.put(f"Patient/{number:02}", nicknamed("A", id=f"{number:02}"))
    hub.put("SearchParameter/n", parameter(id="n"))
    seen: list[int] = []

    class Watched(Reindexer):
        def _pause(self, worked: float, fence: int) -> None:
            run = runs(hub)[0]
            assert run["state"] == "running"
            seen.append(run["percent"])
            hub.hub.database.parameters.refresh()
            said = hub.get("Patient?nickname=A").issue["diagnostics"]
            assert f"{run['percent']} % of it" in said
            super()._pause(worked, fence)

    own = hub.hub
    parts = (own.database.collections, own.database.parameters, own.database.reindex, lambda: own.call.site)
    assert Watched(*parts, own._failures, owner="watched", pace=QUICK).step()
    assert seen == sorted(seen)
    assert len(set(seen)) >= 5
    assert seen[0] == 10


def test_one_at_a_time_has_the_lease_and_another_takes_over(hub: HubClient) -> None:
    one, other = Holder("w", "one", seconds=0.2), Holder("w", "other", seconds=0.2)
    first = one.hold()
    assert first is not None
    assert one.hold() == first
    assert other.hold() is None
    time.sleep(0.25)
    second = other.hold()
    assert second == first + 1
    assert one.hold() is None
    other.release()
    assert one.hold() == first + 2


def test_many_ask_for_a_lease_and_one_gets_it(hub: HubClient) -> None:
    gained: list[int | None] = []
    threads = [
        threading.Thread(target=lambda name=name: gained.append(Holder("w", name, seconds=30).hold()))
        for name in map(str, range(12))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(gained, key=str) == [1, *[None] * 11]


def test_one_who_lost_the_lease_writes_no_progress(hub: HubClient) -> None:
    hub.put("Patient/p", nicknamed("A", id="p"))
    queue = hub.hub.database.reindex
    run = queue.request(["Patient"])
    assert queue.begin(run, 5, 0, {"Patient": 1})
    assert queue.take_over(run, 6)
    known = queue.run(run.number)
    assert known is not None
    assert not queue.advance(run, 5, replace(known.progress[0], done=99, is_complete=True))
    assert not queue.end(run, 5)
    assert queue.run(run.number) == known


def test_reindexer_that_is_to_stop_leaves_the_rest_to_another(hub: HubClient) -> None:
    for number in range(12):
        hub.put(f"Patient/{number:02}", nicknamed("A", id=f"{number:02}"))
    hub.put("SearchParameter/n", parameter(id="n"))
    first = hub.hub.reindexer(QUICK)

    class Stopped(Reindexer):
        def _pause(self, worked: float, fence: int) -> None:
            self.stop()
            super()._pause(worked, fence)

    own = hub.hub
    parts = (own.database.collections, own.database.parameters, own.database.reindex, lambda: own.call.site)
    Stopped(*parts, own._failures, owner="stopped", pace=QUICK).step()
    assert (runs(hub)[0]["state"], runs(hub)[0]["done"]) == ("running", 3)
    assert hub.get("Patient?nickname=A").status == 400
    assert first.step()
    # It went on, and did not begin anew.
    assert (runs(hub)[0]["state"], runs(hub)[0]["done"]) == ("done", 12)
    assert len(ids(hub, "Patient?nickname=A")) == 12


OLD = Site(BASE, parameters=SearchParameters())


def test_straggler_with_old_parameters_is_found(hub: HubClient) -> None:
    """A process that looked for parameters just before there was one commits when the reindex is done."""
    own = hub.hub.database
    clock = StampClock(own.collections.process_number(), lambda: datetime.now(UTC))
    behind = Commits(own.client, own.collections, clock, Registry(own.collections, refresh_seconds=3600))
    hub.put("Patient/p", nicknamed("A", id="p"))
    hub.put("SearchParameter/n", parameter(id="n"))
    reindexer = hub.hub.reindexer(QUICK)
    assert reindexer.step()
    behind.run(lambda unit: unit.put(Draft.of(nicknamed("A"), OLD), "late", "PUT"), types=["Patient"])
    assert ids(hub, "Patient?nickname=A") == {"p"}
    assert reindexer.step()
    assert ids(hub, "Patient?nickname=A") == {"p", "late"}
    assert not reindexer.step()


def test_resource_that_cannot_be_indexed_stops_nothing(hub: HubClient) -> None:
    for number in range(5):
        hub.put(f"Patient/{number}", nicknamed("A", id=str(number)))
    hub.database["Patient"].update_one({"_id": "2"}, {"$set": {"r": b"{broken"}})
    hub.put("SearchParameter/n", parameter(id="n"))
    assert hub.hub.reindexer(QUICK).step()
    assert (runs(hub)[0]["done"], runs(hub)[0]["failed"]) == (5, 1)
    found = hub.database["Patient"].count_documents({"k": {"$regex": "^nickname=a"}})
    assert found == 4


def test_lost_is_no_failure(hub: HubClient) -> None:
    hub.put("Patient/p", patient(id="p"))
    hub.post("$reindex")

    class Robbed(Reindexer):
        def _go_through(self, *arguments: Any) -> None:
            raise Lost

    own = hub.hub
    parts = (own.database.collections, own.database.parameters, own.database.reindex, lambda: own.call.site)
    Robbed(*parts, own._failures, owner="robbed", pace=QUICK).step()
    assert runs(hub)[0]["state"] == "running"
    assert hub.hub.reindexer(QUICK).step()
    assert runs(hub)[0]["state"] == "done"


def test_settling_takes_longer_than_others_may_not_know() -> None:
    assert Pace().settle_seconds > REFRESH_SECONDS
