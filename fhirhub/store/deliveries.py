"""What plugins could not take yet, and the one transaction by which a worker notes what it has done.

docs/adr/0016-delivery.md, docs/how-it-works/worker.md
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pymongo import DeleteMany, DeleteOne, UpdateOne
from pymongo.client_session import ClientSession

from fhirhub.store.collections import Document
from fhirhub.store.documents import Delivery, Outbox
from fhirhub.store.lease import Guard
from fhirhub.store.outbox import OutboxRow, partition_of
from fhirhub.store.versions import CURRENT

State = Literal["waiting", "parked"]


@dataclass(frozen=True, slots=True)
class QueueKey:
    """A resource as one plugin hears of it."""

    plugin: str
    resource_type: str
    logical_id: str

    def __str__(self) -> str:
        return f"{self.plugin} {self.resource_type}/{self.logical_id}"


@dataclass(frozen=True, slots=True)
class Queue:
    """Versions of a resource that wait for a plugin.

    Arguments:
        versions: in their order; `CURRENT` stands for whichever is current.
        attempts: how often the first of them failed; `reason` is why, the last time.
        due: when the first is tried again, unless it is parked.
    """

    key: QueueKey
    versions: tuple[int, ...]
    state: State
    due: datetime
    attempts: int
    reason: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Attempted:
    """What became of a queue: what was taken of it, and of the rest when and why it goes on."""

    queue: Queue
    taken: tuple[int, ...]
    state: State
    due: datetime
    attempts: int
    reason: str | None


@dataclass(slots=True)
class Settlement:
    """What a worker has done since the last one.

    Arguments:
        done: numbers of documents of the outbox of which all was handed on.
        begun: a document of which the first so many changes were.
        queued: versions that have to wait, behind what their queues hold already.
        attempted: queues that were tried.
    """

    done: list[int] = field(default_factory=list)
    begun: tuple[OutboxRow, int] | None = None
    queued: dict[QueueKey, Queue] = field(default_factory=dict)
    attempted: list[Attempted] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.done or self.begun or self.queued or self.attempted)


class Deliveries:
    """The queues of one database.

    Arguments:
        now: the wall clock.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def waiting_for(self, keys: Iterable[QueueKey]) -> set[QueueKey]:
        """Return those of which something waits already."""
        named = {str(key): key for key in keys}
        if not named:
            return set()
        found = Delivery._get_collection().find({"_id": {"$in": list(named)}}, ["_id"])
        return {named[row["_id"]] for row in found}

    def due(self, partition: int, plugins: Collection[str], limit: int) -> list[Queue]:
        """Return queues of a partition that are to be tried now, those first that have waited longest."""
        query = {"p": partition, "s": "waiting", "d": {"$lte": self._now()}, "g": {"$in": list(plugins)}}
        return [_queue(row) for row in Delivery._get_collection().find(query, sort=[("d", 1)], limit=limit)]

    def settle(self, lease: Guard, fence: int, work: Settlement) -> bool:
        """Note what was done, all or nothing; False: the lease was lost, and nothing is noted.

        Raises PyMongoError.
        """

        def write(session: ClientSession) -> None:
            if queues := [*_queued(work.queued.values()), *_attempted(work.attempted)]:
                Delivery._get_collection().bulk_write(queues, session=session)
            if rows := _handed_on(work):
                Outbox._get_collection().bulk_write(rows, session=session)

        return lease.write(fence, write)

    def replay(
        self, plugin: str | None = None, resource: tuple[str, str] | None = None, *, parked_only: bool = True
    ) -> int:
        """Make queues due at once, as if they had never failed; return how many.

        Arguments:
            plugin, resource: only those of it.
            parked_only: leave those alone that will be tried again by themselves.
        """
        again = {"$set": {"s": "waiting", "d": self._now(), "n": 0}}
        return int(
            Delivery._get_collection().update_many(_selected(plugin, resource, parked_only), again).modified_count
        )

    def forget(
        self, plugin: str | None = None, resource: tuple[str, str] | None = None, *, parked_only: bool = True
    ) -> int:
        """Give queues up for good: their versions are never delivered. Return how many."""
        return int(Delivery._get_collection().delete_many(_selected(plugin, resource, parked_only)).deleted_count)

    def request_current(self, plugin: str, resource_type: str, ids: Sequence[str]) -> None:
        """Have the current versions of resources delivered to one plugin."""
        if not ids:
            return
        now = self._now()
        fresh = [Queue(QueueKey(plugin, resource_type, each), (CURRENT,), "waiting", now, 0, None, now) for each in ids]
        Delivery._get_collection().bulk_write(list(_queued(fresh)), ordered=False)

    def waiting(self, plugin: str) -> int:
        """Return how many queues of a plugin are to be tried."""
        return int(Delivery._get_collection().count_documents({"g": plugin, "s": "waiting"}))

    def counts(self) -> Counter[tuple[str, State]]:
        """Return how many queues there are by plugin and state."""
        grouped = Delivery._get_collection().aggregate([{"$group": {"_id": {"g": "$g", "s": "$s"}, "c": {"$sum": 1}}}])
        return Counter({(row["_id"]["g"], row["_id"]["s"]): row["c"] for row in grouped})

    def parked(self, limit: int) -> list[Queue]:
        """Return parked queues, those first that have been there longest."""
        found = Delivery._get_collection().find({"s": "parked"}, sort=[("q", 1)], limit=limit)
        return [_queue(row) for row in found]


def _selected(plugin: str | None, resource: tuple[str, str] | None, parked_only: bool) -> Document:
    query: Document = {"s": "parked"} if parked_only else {}
    if plugin is not None:
        query["g"] = plugin
    if resource is not None:
        query |= {"t": resource[0], "i": resource[1]}
    return query


def _handed_on(work: Settlement) -> list[DeleteMany | UpdateOne]:
    rows: list[DeleteMany | UpdateOne] = []
    if work.done:
        rows.append(DeleteMany({"_id": {"$in": work.done}}))
    if work.begun is not None:
        row, count = work.begun
        rows.append(UpdateOne({"_id": row.number}, {"$set": {"c": list(row.raw[count:])}}))
    return rows


def _queued(queues: Iterable[Queue]) -> Iterable[UpdateOne]:
    for queue in queues:
        key = queue.key
        fresh = {
            "g": key.plugin,
            "t": key.resource_type,
            "i": key.logical_id,
            "p": partition_of(key.resource_type, key.logical_id),
            "s": queue.state,
            "d": queue.due,
            "n": queue.attempts,
            "r": queue.reason,
            "q": queue.since,
        }
        change = {"$addToSet": {"v": {"$each": list(queue.versions)}}, "$setOnInsert": fresh}
        yield UpdateOne({"_id": str(key)}, change, upsert=True)


def _attempted(rows: Iterable[Attempted]) -> Iterable[UpdateOne | DeleteOne]:
    for row in rows:
        queue = row.queue
        # Who asked for a replay, or for more of it, since it was read is not overruled.
        as_read: Document = {"_id": str(queue.key), "d": queue.due, "v": {"$size": len(queue.versions)}}
        if len(row.taken) == len(queue.versions):
            yield DeleteOne(as_read)
        else:
            change: Mapping[str, Any] = {
                "$set": {"s": row.state, "d": row.due, "n": row.attempts, "r": row.reason},
                "$pull": {"v": {"$in": list(row.taken)}},
            }
            yield UpdateOne(as_read, change)


def _queue(row: Mapping[str, Any]) -> Queue:
    return Queue(
        QueueKey(row["g"], row["t"], row["i"]),
        tuple(sorted(row["v"])),
        row["s"],
        row["d"],
        row["n"],
        row["r"],
        row["q"],
    )
