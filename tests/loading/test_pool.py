"""Worker processes: order, second attempts, and what happens when something is lost on the way."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pymongo import MongoClient

from fhirhub.http.xml import from_xml
from fhirhub.hub import open_hub
from fhirhub.loading import Block, Chunk, Done, Job, load
from fhirhub.model.json import Json, encode
from fhirhub.settings import Settings
from tests.loading.loads import Loaded, load_feed, load_paths, ndjson, patient, transaction

SYSTEM = "https://hospital.example/numbers"


def documents(settings: Settings, resource_type: str) -> list[Json]:
    with MongoClient[Json](settings.mongodb_uri) as client:
        return list(client[settings.database][resource_type].find())


def encounter_of(value: str) -> bytes:
    subject = {"reference": f"Patient?identifier={SYSTEM}|{value}"}
    encounter = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "subject": subject}
    return encode(transaction(("POST", "Encounter", encounter)))


def identified(logical_id: str) -> bytes:
    return encode(patient(logical_id, identifier=[{"system": SYSTEM, "value": logical_id}]))


def chunk(number: int, size: int = 20) -> Chunk:
    return Chunk((ndjson(*(patient(f"c{number}-{each}") for each in range(size)), name=f"chunk {number}"),))


def test_reference_into_a_later_file_is_resolved_by_a_second_attempt(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(encounter_of("late"))
    (tmp_path / "b.json").write_bytes(encounter_of("never"))
    (tmp_path / "z.json").write_bytes(identified("late"))
    loaded = load_paths(settings, tmp_path, workers=1)
    assert loaded.tally == {"Patient": {"created": 1}, "Encounter": {"created": 1, "refused": 1}}
    (refusal,) = loaded.refusals
    assert refusal.place.source.endswith("b.json")
    assert "never matches no resources" in refusal.issues[0].diagnostics


def test_leading_files_are_written_before_the_others_begin(settings: Settings) -> None:
    lead = [Block(f"hospital{number}", identified(f"lead-{number}"), "json", leads=True) for number in range(2)]
    follow = [Block(f"patient{number}", encounter_of(f"lead-{number}"), "json") for number in range(2)]
    # One chunk each, so that two workers would take a leading and a following one at the same time.
    feed = [Chunk((block,)) for block in (*lead, *follow)]
    events = []
    open_hub(settings).close()
    for event in load(feed, Job(partial(open_hub, settings), from_xml, workers=2)):
        assert isinstance(event, Done)
        events.append(next(iter(event.tally)))
    assert events == [("Patient", "created")] * 2 + [("Encounter", "created")] * 2


def test_two_workers_load_everything_once(settings: Settings) -> None:
    loaded = load_feed(settings, [chunk(number) for number in range(12)])
    assert loaded.tally == {"Patient": {"created": 240}}
    assert len(documents(settings, "Patient")) == 240
    # Every process that makes stamps has a number of its own.
    assert len({document["u"] for document in documents(settings, "Patient")}) == 240


def test_two_workers_that_write_the_same_resource_do_not_lose_it(settings: Settings) -> None:
    same = Chunk((ndjson(*(patient(f"same-{each}", gender="male") for each in range(100))),))
    other = Chunk((ndjson(*(patient(f"same-{each}", gender="female") for each in range(100))),))
    loaded = load_feed(settings, [same, other] * 4)
    assert loaded.tally["Patient"]["created"] == 100
    assert not loaded.refusals
    versions = sum(document["v"] for document in documents(settings, "Patient"))
    assert versions == loaded.tally["Patient"]["created"] + loaded.tally["Patient"].get("updated", 0)
    assert sum(loaded.tally["Patient"].values()) == 800


def test_there_are_no_more_workers_than_work(settings: Settings) -> None:
    counts = []

    def feed() -> Iterator[Chunk]:
        yield chunk(0)
        yield chunk(1)
        counts.append(len(multiprocessing.active_children()))

    open_hub(settings).close()
    job = Job(partial(open_hub, settings), from_xml, workers=5)
    started: set[int | None] = set()
    for _ in load(feed(), job):
        started |= {each.pid for each in multiprocessing.active_children()}
    assert counts == [0]
    assert len(started) == 2
    assert list(load([], job)) == []


def test_stop_ends_after_what_has_been_begun(settings: Settings) -> None:
    stop = threading.Event()
    given = []

    def feed() -> Iterator[Chunk]:
        for number in range(1000):
            given.append(number)
            if number == 5:
                stop.set()
            yield chunk(number)

    loaded = load_feed_lazily(settings, feed(), stop)
    assert given == list(range(6))
    # The sixth chunk was read when the word came; all that were begun before are whole.
    assert loaded.tally == {"Patient": {"created": 100}}
    assert len(documents(settings, "Patient")) == 100


def load_feed_lazily(settings: Settings, feed: Iterator[Chunk], stop: threading.Event) -> Loaded:
    return load_feed(settings, feed, workers=1, stop=stop)


def test_killed_worker_is_reported_with_what_it_was_at(settings: Settings) -> None:
    def feed() -> Iterator[Chunk]:
        yield chunk(0)
        yield chunk(1)
        # Both workers are at a chunk or have just ended it: one of them dies.
        victim = next(each for each in multiprocessing.active_children() if each.name == "fhirhub load")
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        for number in range(2, 200):
            yield chunk(number, size=1)

    loaded = load_feed(settings, feed(), workers=1)
    assert loaded.stopped is not None
    assert "-9" in loaded.stopped
    refused = [refusal.place.source for refusal in loaded.refusals]
    assert refused, loaded
    assert all("may have been stored or not" in line for line in loaded.sentences)
    stored = {document["_id"].partition("-")[0] for document in documents(settings, "Patient")}
    assert {f"c{name.removeprefix('chunk ')}" for name in refused} & stored <= {"c0", "c1"}
    assert not multiprocessing.active_children()


def test_worker_that_cannot_begin_ends_the_load_with_its_reason() -> None:
    events = list(load([chunk(0)], Job(partial(open_hub, Settings(mongodb_uri=None)), from_xml, workers=2)))
    stopped = [event.stopped for event in events if isinstance(event, Done)]
    assert stopped
    assert all(reason and "could not begin: No database" in reason for reason in stopped)
    assert not multiprocessing.active_children()


def test_workers_end_when_nobody_follows_the_load_any_more(settings: Settings) -> None:
    open_hub(settings).close()
    events = load((chunk(number) for number in range(1000)), Job(partial(open_hub, settings), from_xml, workers=2))
    next(events)
    events.close()  # type: ignore[attr-defined]  # it is a generator
    assert not multiprocessing.active_children()
    assert len(documents(settings, "Patient")) % 20 == 0
