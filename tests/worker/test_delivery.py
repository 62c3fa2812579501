"""Changes reach every plugin, in the order of versions; what fails is tried again and held back what follows it.

docs/how-it-works/worker.md
"""

import threading
from datetime import timedelta
from typing import Any

import pytest

from fhirhub.errors import Failure, FhirError
from fhirhub.plugin import Change
from fhirhub.store import versions
from fhirhub.store.deliveries import QueueKey
from fhirhub.store.outbox import PARTITIONS, Announced, partition_of, pending
from fhirhub.store.stamp import StampClock
from fhirhub.store.stored import Draft
from fhirhub.store.unit_of_work import Unit
from fhirhub.worker.drain import drain
from fhirhub.worker.pace import Pace
from tests.worker.world import NOW, PACE, Clock, Listener, Plugin, world_on


def references(listener: Listener) -> list[tuple[str, int]]:
    return [(change.reference, change.version) for change in listener.told]


def test_changes_are_told_with_their_versions_content(mongodb_uri: str) -> None:
    listener = Listener()
    with world_on(mongodb_uri, listener.plugin) as world:
        world.put("Patient/a", active=False)
        world.put("Patient/a", active=True)
        world.delete("Patient/a")
        drain(world)
        created, updated, deleted = listener.told
        assert [c.kind for c in listener.told] == ["update", "update", "delete"]
        assert [c.version for c in listener.told] == [1, 2, 3]
        assert created.resource is not None
        assert updated.resource is not None
        # The first was superseded when it was delivered.
        assert (created.resource["active"], updated.resource["active"]) == (False, True)
        assert created.resource["meta"]["versionId"] == "1"
        assert deleted.resource is None
        assert created.at == NOW
        assert created.attempt == 1
        assert world.outbox == []
        drain(world)
        assert len(listener.told) == 3, "nothing is told twice"


def test_plugins_are_told_in_their_order_and_only_of_their_types(mongodb_uri: str) -> None:
    told: list[str] = []
    patients = Plugin("patients", lambda change: told.append(f"patients {change.reference}"), frozenset({"Patient"}))
    everything = Plugin("everything", lambda change: told.append(f"everything {change.reference}"))
    with world_on(mongodb_uri, patients, everything) as world:
        world.put_all([("Patient", "a", {}), ("Basic", "b", {"code": {"text": "x"}})])
        drain(world)
        assert sorted(told) == ["everything Basic/b", "everything Patient/a", "patients Patient/a"]
        assert told.index("patients Patient/a") < told.index("everything Patient/a")
        assert world.outbox == []


def test_each_plugin_has_a_copy_of_its_own(mongodb_uri: str) -> None:
    seen: list[Any] = []

    def spoil(change: Change) -> None:
        assert change.resource is not None
        seen.append(change.resource.get("active"))
        change.resource.clear()

    with world_on(mongodb_uri, Plugin("one", spoil), Plugin("two", spoil)) as world:
        world.put("Patient/a", active=True)
        drain(world)
        assert seen == [True, True]


def test_without_plugins_the_outbox_is_emptied(mongodb_uri: str) -> None:
    with world_on(mongodb_uri) as world:
        world.put_all([("Patient", f"p{n}", {}) for n in range(50)])
        assert {row["p"] for row in world.outbox} == set(range(PARTITIONS))
        drain(world)
        assert world.outbox == []


def test_failure_is_tried_again_after_growing_pauses_and_then_parked(mongodb_uri: str) -> None:
    listener = Listener()
    listener.fails = lambda change: True
    with world_on(mongodb_uri, listener.plugin) as world:
        world.put("Patient/a")
        attempts = []
        for seconds in (0, 4.9, 0.2, 14.7, 0.3, 3600.0, 3600.0):
            world.clock.advance(seconds=seconds)
            drain(world, pace=PACE)
            attempts.append([change.attempt for change in listener.told])
        # At once, after 5 seconds, after 15 more, and never again.
        assert attempts == [[1], [1], [1, 2], [1, 2], [1, 2, 3], [1, 2, 3], [1, 2, 3]]
        (parked,) = world.deliveries.parked(10)
        assert (parked.state, parked.attempts, parked.versions) == ("parked", 3, (1,))
        assert parked.reason is not None
        assert parked.reason.startswith("ValueError in hear (world.py:")
        assert "555" not in parked.reason, "what was raised may hold patient data"
        assert world.outbox == []


def test_pauses_grow_to_a_limit_and_are_spread() -> None:
    pace = Pace(chance=lambda: 0.5)
    assert [pace.pause(n).total_seconds() for n in range(1, 9)] == [5, 15, 45, 135, 405, 1215, 3600, 3600]
    assert Pace(chance=lambda: 0.0).pause(1) == timedelta(seconds=4)
    assert Pace(chance=lambda: 1.0).pause(10_000) == timedelta(hours=1) * 1.2


def test_later_versions_wait_behind_one_that_failed(mongodb_uri: str) -> None:
    listener = Listener()
    other = Listener("other")
    listener.fails = lambda change: change.reference == "Patient/a" and change.version == 2
    with world_on(mongodb_uri, listener.plugin, other.plugin) as world:
        for _ in range(3):
            world.put("Patient/a")
        world.put("Patient/b")
        drain(world, pace=PACE)
        world.put("Patient/a")
        world.delete("Patient/a")
        drain(world, pace=PACE)
        # Neither another resource nor another plugin waits.
        assert listener.versions == {"Patient/a": [1, 2], "Patient/b": [1]}
        assert other.versions == {"Patient/a": [1, 2, 3, 4, 5], "Patient/b": [1]}
        listener.fails = lambda change: False
        world.clock.advance(seconds=6)
        drain(world, pace=PACE)
        assert listener.versions["Patient/a"] == [1, 2, 2, 3, 4, 5]
        assert [c.attempt for c in listener.told if c.reference == "Patient/a"] == [1, 1, 2, 1, 1, 1]
        assert world.deliveries.counts() == {}


def test_failure_of_a_later_version_counts_anew(mongodb_uri: str) -> None:
    listener = Listener()
    listener.fails = lambda change: change.version == 1
    with world_on(mongodb_uri, listener.plugin) as world:
        world.put("Patient/a")
        world.put("Patient/a")
        drain(world, pace=PACE)
        listener.fails = lambda change: change.version == 2
        for _ in range(3):
            world.clock.advance(hours=1)
            drain(world, pace=PACE)
        assert [(c.version, c.attempt) for c in listener.told] == [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3)]
        (parked,) = world.deliveries.parked(10)
        assert parked.versions == (2,)


def test_replay_gives_parked_ones_another_chance(mongodb_uri: str) -> None:
    listener, other = Listener("one"), Listener("two")
    listener.fails = other.fails = lambda change: True
    with world_on(mongodb_uri, listener.plugin, other.plugin) as world:
        world.put("Patient/a")
        world.put("Patient/b")
        for _ in range(4):
            drain(world, pace=PACE)
            world.clock.advance(hours=1)
        assert world.deliveries.counts() == {("one", "parked"): 2, ("two", "parked"): 2}
        world.put("Patient/a")
        drain(world, pace=PACE)
        assert len(listener.told) == 6
        listener.fails = other.fails = lambda change: False
        assert world.deliveries.replay("one", ("Patient", "a")) == 1
        drain(world, pace=PACE)
        # The version that was written meanwhile comes with it, and the attempts are counted anew.
        assert references(listener)[6:] == [("Patient/a", 1), ("Patient/a", 2)]
        assert listener.told[6].attempt == 1
        assert world.deliveries.replay() == 3
        drain(world, pace=PACE)
        assert listener.versions["Patient/b"][3:] == [1]
        assert other.versions["Patient/a"][3:] == [1, 2]
        assert world.deliveries.counts() == {}


def test_parked_ones_can_be_given_up(mongodb_uri: str) -> None:
    listener = Listener()
    listener.fails = lambda change: change.version == 1
    with world_on(mongodb_uri, listener.plugin) as world:
        world.put("Patient/a")
        for _ in range(3):
            drain(world, pace=PACE)
            world.clock.advance(hours=1)
        assert world.deliveries.forget("listener", ("Patient", "a")) == 1
        world.put("Patient/a")
        drain(world, pace=PACE)
        assert listener.versions["Patient/a"] == [1, 1, 1, 2]


def test_error_of_the_server_is_named_by_its_code(mongodb_uri: str) -> None:
    def refused(change: Change) -> None:
        raise FhirError(Failure.CONFLICT, "Patient Jane Doe is in the way.")

    with world_on(mongodb_uri, Plugin("refused", refused)) as world:
        world.put("Patient/a")
        drain(world, pace=Pace(attempts=1))
        (parked,) = world.deliveries.parked(1)
        assert parked.reason is not None
        assert parked.reason.startswith("FhirError conflict in refused (test_delivery.py:")


def test_plugin_that_ends_the_process_does_not(mongodb_uri: str) -> None:
    def leave(change: Change) -> None:
        raise SystemExit(3)

    with world_on(mongodb_uri, Plugin("leaving", leave)) as world:
        world.put("Patient/a")
        drain(world, pace=PACE)
        assert world.deliveries.counts() == {("leaving", "waiting"): 1}


def test_version_whose_commit_was_late_is_not_missed(mongodb_uri: str) -> None:
    """Its stamp is older than those of changes that were delivered long before it was committed."""
    listener = Listener()
    with world_on(mongodb_uri, listener.plugin) as world:
        draft = Draft.of({"resourceType": "Patient", "id": "late"}, world.call.site)
        staged, go_on = threading.Event(), threading.Event()

        def slow(unit: Unit) -> None:
            unit.put(draft, "late", "PUT")
            unit.flush()
            staged.set()
            assert go_on.wait(30)

        thread = threading.Thread(target=world.database.commits.run_alone, args=(slow,), kwargs={"types": {"Patient"}})
        thread.start()
        assert staged.wait(30)
        for number in range(20):
            world.put(f"Patient/p{number}")
        drain(world)
        assert len(listener.told) == 20
        go_on.set()
        thread.join()
        (row,) = world.outbox
        assert all(row["_id"] < world.mongo["Patient"].find_one({"_id": f"p{n}"})["u"] for n in range(20))
        drain(world)
        assert references(listener)[20:] == [("Patient/late", 1)]


def test_order_of_versions_does_not_depend_on_clocks(mongodb_uri: str) -> None:
    """Processes with clocks far apart change a resource in turn, in commits that begin with others."""
    listener = Listener()
    number = partition_of("Patient", "a")
    others = [f"q{n}" for n in range(200) if partition_of("Patient", f"q{n}") == number]
    with world_on(mongodb_uri, listener.plugin) as world:
        for turn in range(4):
            # A process knows nothing of what the clock of another has shown.
            clock = StampClock(turn, Clock(NOW + timedelta(hours=2 * (turn % 2))))
            world.database.commits._clock = clock
            fresh = [f"f{turn}-{n}" for n in range(50) if partition_of("Patient", f"f{turn}-{n}") == number]
            world.put_all([("Patient", each, {}) for each in (*fresh, "a", *others)])
        rows = pending(world.database.collections, number, documents=9_999, changes=999_999)
        told = [change for row in rows for change in row.changes]
        for each in ("a", *others):
            assert [change.version for change in told if change.logical_id == each] == [1, 2, 3, 4]
        # The clock that is behind begins anew after what it follows: a commit has more documents then.
        assert len(rows) > 4
        drain(world)
        assert listener.versions["Patient/a"] == [1, 2, 3, 4]


def test_large_document_is_delivered_in_parts(mongodb_uri: str) -> None:
    """What takes long is noted as it goes; what was noted is not told again."""
    listener = Listener()
    with world_on(mongodb_uri, listener.plugin) as world:
        ids = [f"p{n}" for n in range(400) if partition_of("Patient", f"p{n}") == 3]
        world.put_all([("Patient", each, {}) for each in ids])
        drain(world, pace=Pace(settle_seconds=0.0))
        assert references(listener) == [(f"Patient/{each}", 1) for each in ids]
        assert world.outbox == []


def test_large_commit_has_several_documents_of_a_partition(mongodb_uri: str) -> None:
    listener = Listener()
    with world_on(mongodb_uri, listener.plugin) as world:
        ids = [each for n in range(12_000) if partition_of("Patient", each := f"p{n}") == 3][:1_234]
        world.put_all([("Patient", each, {}) for each in ids])
        assert [len(row["c"]) for row in world.outbox] == [1_000, 234]
        drain(world)
        assert references(listener) == [(f"Patient/{each}", 1) for each in ids]


def test_large_resources_are_read_one_by_one(mongodb_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_MOST_BYTES", 10_000)
    listener = Listener()
    with world_on(mongodb_uri, listener.plugin) as world:
        for turn in range(3):
            for name in ("a", "b"):
                world.put(f"Patient/{name}", address=[{"text": f"{turn}" * 6_000}])
        drain(world)
        assert listener.versions == {"Patient/a": [1, 2, 3], "Patient/b": [1, 2, 3]}
        assert all(change.resource for change in listener.told)


def test_versions_that_are_gone_hold_up_nothing(mongodb_uri: str) -> None:
    listener = Listener()
    with world_on(mongodb_uri, listener.plugin) as world:
        world.put("Patient/a")
        world.put("Patient/a")
        world.mongo["history"].delete_many({})
        drain(world)
        assert listener.versions == {"Patient/a": [2]}
        assert world.outbox == []


def test_a_plugin_that_never_comes_to_an_end_is_noticed(mongodb_uri: str) -> None:
    grown: list[int] = []
    with world_on(mongodb_uri) as world:
        busy = world.with_plugins(Plugin("busy", lambda change: grown.append(world.put(change.reference))))
        world.put("Patient/a")
        with pytest.raises(RuntimeError, match="a plugin reacts to what it does itself"):
            drain(busy, rounds=5)
        assert len(grown) >= 5


def test_queues_are_found_by_their_keys(mongodb_uri: str) -> None:
    with world_on(mongodb_uri) as world:
        world.deliveries.request_current("one", "Patient", ["a", "b"])
        wanted = {QueueKey("one", "Patient", "a"), QueueKey("two", "Patient", "a"), QueueKey("one", "Patient", "c")}
        assert world.deliveries.waiting_for(wanted) == {QueueKey("one", "Patient", "a")}
        # Once more changes nothing.
        world.deliveries.request_current("one", "Patient", ["a"])
        assert world.deliveries.counts() == {("one", "waiting"): 2}
        assert world.deliveries.waiting("one") == 2


def test_announced_versions_are_frozen() -> None:
    assert len({Announced("Patient", "a", 1), Announced("Patient", "a", 1)}) == 1
