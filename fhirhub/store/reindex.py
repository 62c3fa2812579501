"""Reindex: makes the index entries of stored resources anew, in the background, while everything else goes on.

https://hl7.org/fhir/R4/search.html, docs/how-it-works/search-parameters.md

It goes through each collection in the order of ids, a chunk at a time. A resource is touched only while it is still
the version that was read, and only its index entries are: a concurrent write wins, and what is read stays as it is.
Progress is kept with every chunk, so whoever takes over continues there.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DocumentTooLarge, PyMongoError

from fhirhub.model.json import decode_trusted
from fhirhub.search.extract import extract
from fhirhub.search.parameters import types_of
from fhirhub.search.site import Site
from fhirhub.store.collections import Collections, Document
from fhirhub.store.entries import FIELDS, entries_document
from fhirhub.store.lease import Holder
from fhirhub.store.parameter_failures import Failures
from fhirhub.store.reindex_queue import ReindexQueue, Run, TypeProgress
from fhirhub.store.search_parameters import Registry, mark_built
from fhirhub.store.stamp import stamp_at

_WORK: Final = "reindex"
_CHUNK_BYTES: Final = 8 * 1024 * 1024
_SWEEPS: Final = 3
_LONGEST_COMMIT: Final = timedelta(minutes=5)
"""More than any transaction lasts, clocks that differ included: MongoDB ends it within a minute and a half."""

_LOG: Final = logging.getLogger("fhirhub.reindex")


@dataclass(frozen=True, slots=True)
class Pace:
    """How a reindex goes about its work.

    Arguments:
        pause_share: the part of the time, from 0 to below 1, in which it rests.
        chunk: resources at a time.
        poll_seconds: how often it looks for work.
        settle_seconds: how long it waits before it begins, so that every process knows the parameters.
        late_seconds: how long after its beginning it looks again for what transactions wrote that had begun before
            there were the parameters, and every how many seconds.
        lease_seconds: after how long without a sign of life another process takes over.
    """

    pause_share: float = 0.5
    chunk: int = 200
    poll_seconds: float = 1.0
    settle_seconds: float = 3.0
    late_seconds: tuple[float, float] = (120.0, 10.0)
    lease_seconds: float = 15.0


class Lost(Exception):
    """Another process has taken over, or this one is to stop."""


class Reindexer:
    """Does, in one process, the reindexes that are asked for or that new search parameters need.

    Arguments:
        site: gives the newest `Site` with each call.
        failures: what to save now and then.
        owner: a name no other process has.
        now: the wall clock.
    """

    def __init__(
        self,
        collections: Collections,
        registry: Registry,
        queue: ReindexQueue,
        site: Callable[[], Site],
        failures: Failures,
        *,
        owner: str,
        pace: Pace,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._collections = collections
        self._registry = registry
        self._queue = queue
        self._site = site
        self._failures = failures
        self._pace = pace
        self._now = now
        self._lease = Holder(_WORK, owner, seconds=pace.lease_seconds)
        self._stop = threading.Event()
        self._next_late = 0.0

    def start(self) -> threading.Thread:
        """Do this in a thread of its own until `stop`, or until the process ends."""
        thread = threading.Thread(target=self._run_forever, name="reindex", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Come to an end after the chunk that is being worked on."""
        self._stop.set()

    def _run_forever(self) -> None:
        while not self._stop.wait(self._pace.poll_seconds):
            try:
                self.step()
            except PyMongoError as error:
                _LOG.warning("reindex waits for the database: %s", type(error).__name__)
                self._stop.wait(self._pace.poll_seconds * 4)
            except Exception:  # the server goes on without reindexing sooner than not at all
                if self._stop.is_set():
                    # The process ends, and what was in use is closed.
                    return
                _LOG.exception("reindex failed and will be tried again")
                self._stop.wait(self._pace.lease_seconds)

    def step(self) -> bool:
        """Do what there is to do; return whether there was anything. Raises PyMongoError."""
        self._failures.save()
        self._registry.current()
        if self._queue.oldest_open() is None and not self._needed():
            return self._sweep_late()
        fence = self._lease.hold()
        if fence is None:
            return False
        try:
            # Another process may just have done it.
            self._registry.refresh()
            run = self._queue.oldest_open()
            if run is None and (needed := self._needed()):
                run = self._queue.request(needed, everything=False)
            if run is not None:
                self._work(run, fence)
        except Lost:
            _LOG.info("the reindex goes on in another process")
        finally:
            self._lease.release()
        self._failures.save()
        return run is not None

    def _needed(self) -> frozenset[str]:
        """The types that have parameters by which not all of their resources are indexed."""
        unbuilt = [each for each in self._registry.added() if not each.is_built and each.fault is None]
        return frozenset(name for each in unbuilt for name in types_of(each.parameter.base))

    def _work(self, run: Run, fence: int) -> None:
        if run.generation is None:
            # Most processes know the parameters then, and need not make entries anew while they commit.
            self._rest(self._pace.settle_seconds, fence)
            generation = self._registry.refresh().generation
            totals = {name: self._collections.of(name).estimated_document_count() for name in self._types(run)}
            self._check(self._queue.begin(run, fence, generation, totals))
            _LOG.info("reindex %d of %s begins", run.number, ", ".join(totals) or "nothing")
        else:
            self._registry.refresh()
            self._check(self._queue.take_over(run, fence))
            _LOG.info("reindex %d goes on", run.number)
        run = self._known(run.number)
        for at in run.progress:
            if not at.is_complete:
                self._go_through(run, at, fence)
        for _ in range(_SWEEPS):
            if not self._sweep(run, fence):
                break
        sound = [each for each in self._registry.added() if each.fault is None]
        done = [each.logical_id for each in sound if all(map(run.concerns, types_of(each.parameter.base)))]
        mark_built(done, run.generation or 0)
        self._check(self._queue.end(run, fence))
        self._registry.expire()
        _LOG.info("reindex %d is done: %d resources", run.number, self._known(run.number).done)

    def _known(self, number: int) -> Run:
        run = self._queue.run(number)
        if run is None:
            raise Lost
        return run

    def _types(self, run: Run) -> list[str]:
        return sorted(name for name in self._collections.in_use() if run.concerns(name))

    def _go_through(self, run: Run, at: TypeProgress, fence: int) -> None:
        up_to_date = None if run.everything else run.generation
        while not at.is_complete:
            began = time.monotonic()
            documents = self._chunk(at.resource_type, "_id", {"$gt": at.after}, up_to_date)
            failed = self._index(at.resource_type, documents)
            at = replace(
                at,
                after=documents[-1]["_id"] if documents else at.after,
                done=at.done + len(documents),
                failed=at.failed + failed,
                is_complete=not documents,
            )
            self._check(self._queue.advance(run, fence, at))
            self._pause(time.monotonic() - began, fence)

    def _chunk(self, resource_type: str, order: str, bounds: Document, up_to_date: int | None) -> list[Document]:
        """Return the next living resources in the order of a field, without content where it is not needed.

        Those that need nothing are read, too: a query that skipped them could pass over millions, and run out of time.

        Arguments:
            up_to_date: the generation from which on entries need not be made anew; None: all are to be.
        """
        content: Any = 1 if up_to_date is None else {"$cond": [{"$gte": ["$x", up_to_date]}, "$$REMOVE", "$r"]}
        cursor = self._collections.of(resource_type).find(
            {order: bounds, "n": {"$gt": 0}},
            projection={"v": 1, "u": 1, "r": content},
            sort=[(order, 1)],
            limit=self._pace.chunk,
        )
        with cursor:
            return list(_up_to(_CHUNK_BYTES, cursor))

    def _index(self, resource_type: str, documents: list[Document]) -> int:
        """Make the entries anew of those that have content; return how many it could not be done for."""
        site = self._site()
        updates = []
        failed = 0
        for document in _needing(documents):
            try:
                updates.append(_update(document, resource_type, site))
            except Exception as error:  # one resource must not keep the others from being found
                failed += 1
                _LOG.error("%s/%s cannot be indexed: %s", resource_type, document["_id"], type(error).__name__)
        return failed + self._write(resource_type, updates)

    def _write(self, resource_type: str, updates: list[UpdateOne]) -> int:
        """Write updates; return how many are too large for the database."""
        if not updates:
            return 0
        try:
            self._collections.of(resource_type).bulk_write(updates, ordered=False)
        except BulkWriteError as error:
            return len(error.details["writeErrors"])
        except DocumentTooLarge:
            if len(updates) == 1:
                return 1
            return sum(self._write(resource_type, [update]) for update in updates)
        return 0

    def _sweep(self, run: Run, fence: int | None = None) -> int:
        """Index what transactions wrote that had begun before there were the parameters; return how much it was.

        Those that began later have the newest entries (see `Changes.flush`), so there is an end to what is looked at.
        """
        if not run.generation or run.started is None:
            return 0
        found = 0
        for name in self._types(run):
            after = stamp_at(run.started - _LONGEST_COMMIT)
            until = stamp_at(run.started + _LONGEST_COMMIT)
            while documents := self._chunk(name, "u", {"$gt": after, "$lt": until}, run.generation):
                self._index(name, documents)
                after = documents[-1]["u"]
                found += len(list(_needing(documents)))
                if fence is not None:
                    self._keep(fence)
        return found

    def _sweep_late(self) -> bool:
        lasting, every = self._pace.late_seconds
        if time.monotonic() < self._next_late:
            return False
        self._next_late = time.monotonic() + every
        since = self._now() - timedelta(seconds=lasting)
        ended = [run for run in self._queue.runs() if run.ended and run.started and run.started >= since]
        if not ended or self._lease.hold() is None:
            return False
        try:
            return sum(map(self._sweep, ended)) > 0
        finally:
            self._lease.release()

    def _pause(self, worked: float, fence: int) -> None:
        share = self._pace.pause_share
        self._rest(worked * share / (1 - share), fence)

    def _rest(self, seconds: float, fence: int) -> None:
        """Wait without losing the lease. Raises Lost."""
        until = time.monotonic() + seconds
        self._keep(fence)
        while (left := until - time.monotonic()) > 0:
            self._stop.wait(min(left, self._pace.lease_seconds / 3))
            self._keep(fence)

    def _keep(self, fence: int) -> None:
        self._check(not self._stop.is_set() and self._lease.hold() == fence)

    @staticmethod
    def _check(ours: bool) -> None:
        if not ours:
            raise Lost


def _needing(documents: list[Document]) -> Iterator[Document]:
    return (document for document in documents if "r" in document)


def _up_to(most: int, documents: Any) -> Iterator[Document]:
    size = 0
    for document in documents:
        yield document
        size += len(document.get("r", b""))
        if size >= most:
            return


def _update(document: Document, resource_type: str, site: Site) -> UpdateOne:
    """The change of the index entries alone, while the document is the version they were made of.

    Entries of a later generation stay: who does not know the newest parameters would take some of them away.
    """
    fields = entries_document(extract(decode_trusted(document["r"]), resource_type, site))
    generation = site.parameters.generation
    criteria: Document = {"_id": document["_id"], "v": document["v"], "x": {"$not": {"$gt": generation}}}
    if generation:
        fields["x"] = generation
    absent = {name: "" for name in FIELDS if name not in fields}
    return UpdateOne(criteria, {"$set": fields, "$unset": absent} if absent else {"$set": fields})
