"""Workers share the partitions, take over from each other, and one that stood still spoils nothing.

docs/adr/0016-delivery.md
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise

import pytest
from pymongo.errors import PyMongoError

from fhirhub.plugin import Change
from fhirhub.store.deliveries import QueueKey
from fhirhub.store.documents import Lease
from fhirhub.store.members import Members, alive
from fhirhub.store.outbox import PARTITIONS, partition_of
from fhirhub.worker.delivery import Delivery
from fhirhub.worker.drain import drain, share_of
from fhirhub.worker.pace import Pace
from fhirhub.worker.share import Lost, Shares
from fhirhub.worker.status import status
from fhirhub.worker.threads import Worker
from tests.processes import eventually
from tests.worker.world import Clock, Listener, Plugin, World, world_on

QUICK = Pace(attempts=3, poll_seconds=0.1, lease_seconds=1.0)


class Party:
    """A worker's part of the work, without the threads."""

    def __init__(self, world: World, name: str, seconds: float = 30.0) -> None:
        self.shares = [share_of(world, n, name, Pace(lease_seconds=seconds)) for n in range(PARTITIONS)]
        self.members = Members(name, name, (), seconds=seconds)
        self._sharing = Shares(self.shares, self.members, lambda number: None)

    def beat(self) -> None:
        self._sharing.beat()
        # What an idle worker does with what is too much.
        for share in self.shares:
            share.release(unless_wanted=True)

    @property
    def held(self) -> set[int]:
        return {number for number, share in enumerate(self.shares) if share.fence is not None}


def settle(*parties: Party) -> list[int]:
    for _ in range(4):
        for party in parties:
            party.beat()
    for one, other in pairwise(parties):
        assert not one.held & other.held
    return sorted(len(party.held) for party in parties)


@pytest.mark.parametrize(("count", "expected"), [(1, [8]), (2, [4, 4]), (3, [2, 3, 3]), (4, [2, 2, 2, 2])])
def test_partitions_are_divided_evenly(mongodb_uri: str, count: int, expected: list[int]) -> None:
    with world_on(mongodb_uri) as world:
        parties = [Party(world, f"w{n}") for n in range(count)]
        assert settle(*parties) == expected


def test_partitions_follow_workers_that_come_and_go(mongodb_uri: str) -> None:
    with world_on(mongodb_uri) as world:
        one, two, three = (Party(world, name) for name in ("one", "two", "three"))
        assert settle(one) == [8]
        assert settle(one, two) == [4, 4]
        assert settle(one, two, three) == [2, 3, 3]
        for share in two.shares:
            share.release()
        two.members.leave()
        assert settle(one, three) == [4, 4]
        assert one.held | three.held == set(range(PARTITIONS))
        assert {member.place for member in alive(30)} == {"one", "three"}


def test_partitions_of_a_dead_worker_are_taken_over(mongodb_uri: str) -> None:
    with world_on(mongodb_uri) as world:
        dead, living = Party(world, "dead", 0.5), Party(world, "living", 0.5)
        settle(dead, living)
        assert len(living.held) == 4

        def has_all() -> bool:
            living.beat()
            return len(living.held) == PARTITIONS

        assert eventually(has_all, 10)
        # It does not believe to have them any more, without having asked.
        assert dead.held == set()


def test_partition_that_was_just_taken_is_not_given_up(mongodb_uri: str) -> None:
    """The thread of a partition gives up what is not wanted, while another one takes it."""
    with world_on(mongodb_uri) as world:
        share = share_of(world, 0, "one", Pace())
        stop = threading.Event()

        def give_up() -> None:
            while not stop.is_set():
                share.release(unless_wanted=True)

        thread = threading.Thread(target=give_up)
        thread.start()
        try:
            for _ in range(100):
                assert share.take()
                assert share.fence is not None
                share.wanted = False
                assert eventually(lambda: not share.is_held, 5)
        finally:
            stop.set()
            thread.join()


def test_worker_that_lost_its_lease_notes_nothing(mongodb_uri: str) -> None:
    """It stood still in mid-delivery; what it notes afterwards must not undo what its successor did."""
    with world_on(mongodb_uri) as world:
        listener = Listener()
        number = partition_of("Patient", "a")
        pace = Pace(lease_seconds=0.3)
        slow_share = share_of(world, number, "slow", pace)

        def stand_still(change: Change) -> None:
            time.sleep(1.0)
            raise ValueError

        slow = world.with_plugins(Plugin("listener", stand_still))
        quick = world.with_plugins(listener.plugin)
        world.put("Patient/a")
        assert slow_share.hold()
        lost: list[BaseException] = []

        def deliver() -> None:
            try:
                Delivery(slow, number, slow_share, pace).step()
            except Lost as error:
                lost.append(error)

        thread = threading.Thread(target=deliver)
        thread.start()
        time.sleep(0.5)
        world.put("Patient/a")
        drain(quick)
        assert listener.versions == {"Patient/a": [1, 2]}
        thread.join()
        assert len(lost) == 1
        assert world.outbox == []
        # Its failure would have had version 1 delivered again, after version 2.
        assert world.deliveries.waiting_for([QueueKey("listener", "Patient", "a")]) == set()


def test_transaction_a_dead_worker_left_open_holds_up_nobody(mongodb_uri: str) -> None:
    """MongoDB would keep it for a minute, and with it the lease it has written."""
    with world_on(mongodb_uri) as world:
        pace = Pace(lease_seconds=2.0)
        dead, living = (share_of(world, 0, name, pace) for name in ("dead", "living"))
        assert dead.hold()
        assert dead.fence is not None
        left_open = dead.lease._session
        left_open.start_transaction()
        Lease._get_collection().update_one({"_id": "outbox 0"}, {"$inc": {"n": 1}}, session=left_open)

        def taken() -> bool:
            try:
                return living.take()
            except PyMongoError:
                # It may wait no longer than a part of its lease; a worker tries again.
                return False

        began = time.monotonic()
        assert eventually(taken)
        assert time.monotonic() - began < 20
        with pytest.raises(PyMongoError):
            left_open.commit_transaction()
        # Its session can be used again: it may only have stood still.
        living.release()
        assert dead.hold()
        assert dead.lease.write(dead.fence or 0, lambda session: None)


def test_worker_that_lost_its_lease_goes_no_further(mongodb_uri: str) -> None:
    with world_on(mongodb_uri) as world:
        told: list[int] = []
        pace = Pace(lease_seconds=0.2)
        share = share_of(world, partition_of("Patient", "a"), "slow", pace)

        def slow(change: Change) -> None:
            told.append(change.version)
            time.sleep(0.3)

        for _ in range(3):
            world.put("Patient/a")
        assert share.hold()
        delivery = Delivery(world.with_plugins(Plugin("slow", slow)), partition_of("Patient", "a"), share, pace)
        with pytest.raises(Lost):
            delivery.step()
        assert told == [1]


@contextmanager
def working(world: World, pace: Pace = QUICK) -> Iterator[None]:
    """A worker with all its threads, in this process."""
    stop = threading.Event()
    thread = threading.Thread(target=Worker(world, stop, pace).run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def test_worker_delivers_soon_after_the_commit(mongodb_uri: str) -> None:
    arrived: dict[int, float] = {}

    def hear(change: Change) -> None:
        arrived[change.version] = time.monotonic()

    # The change stream wakes it: it looks by itself too seldom to be that quick.
    with world_on(mongodb_uri, Plugin("p", hear), clock=Clock(None)) as world, working(world, Pace(poll_seconds=20)):
        world.put("Patient/a")
        assert eventually(lambda: 1 in arrived, 25)
        delays = []
        for version in range(2, 32):
            world.put("Patient/a")
            written = time.monotonic()
            assert eventually(lambda version=version: version in arrived, 10)  # type: ignore[misc]  # bound at once
            delays.append(arrived[version] - written)
        delays.sort()
        assert delays[int(0.95 * len(delays))] < 1.0, delays


def test_workers_together_tell_everything_in_order(mongodb_uri: str) -> None:
    """Three come and go while resources change: each version is told, none of a resource after a later one."""
    listener = Listener()
    amount, rounds = 40, 12
    with world_on(mongodb_uri, listener.plugin, clock=Clock(None)) as world, ExitStack() as first:
        first.enter_context(working(world))
        with working(world), working(world):
            for _ in range(rounds):
                world.put_all([("Patient", f"p{n}", {}) for n in range(amount)])
                time.sleep(0.05)
            assert len(status(world.database, world.clock, QUICK).workers) >= 1
        first.close()
        with working(world):
            assert eventually(lambda: world.outbox == [])
        # Nobody was killed, so nothing was told twice.
        assert listener.versions == {f"Patient/p{n}": list(range(1, rounds + 1)) for n in range(amount)}


def test_status_tells_how_things_stand(mongodb_uri: str) -> None:
    listener = Listener()
    listener.fails = lambda change: True
    with world_on(mongodb_uri, listener.plugin) as world:
        world.put("Patient/a")
        before = status(world.database, world.clock, QUICK)
        assert (before.pending, before.age) == (1, 0.0)
        world.clock.advance(seconds=90)
        assert status(world.database, world.clock, QUICK).age == 90.0
        drain(world, pace=Pace(attempts=1))
        world.database.jobs.schedule("p", "work", {})
        now = status(world.database, world.clock, QUICK)
        lines = "\n".join(now.lines())
        assert "parked for listener: 1 resources" in lines
        assert "listener Patient/a: ValueError in hear" in lines
        assert "job p/work: 1 waiting" in lines
        gauges = {(name, *labels.values()): value for name, _, labels, value in now.metrics()}
        assert gauges["fhirhub_outbox_documents",] == 0
        assert gauges["fhirhub_deliveries", "listener", "parked"] == 1
        assert gauges["fhirhub_jobs", "p", "work", "waiting"] == 1
