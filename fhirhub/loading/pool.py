"""Loading with several processes: one reads, the others parse, validate and write. Memory stays flat.

https://hl7.org/fhir/R4/http.html#transaction
"""

import gc
import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait as wait_for_sentinel
from typing import IO, Final, Protocol

from fhirhub.errors import Failure, Issue
from fhirhub.interactions.call import Call
from fhirhub.loading.chunks import Block, Chunk
from fhirhub.loading.items import ParseXml
from fhirhub.loading.results import Done, Place, Refusal, Skipped
from fhirhub.loading.writer import Writer

Event = Done | Refusal | Skipped

_IN_FLIGHT_PER_WORKER: Final = 2


class Target(Protocol):
    """What a worker opens: the database with everything needed to run requests, until it is closed."""

    @property
    def call(self) -> Call:
        """How requests are run."""

    def close(self) -> None:
        """Close the database."""


@dataclass(frozen=True, slots=True)
class Job:
    """How to load. Everything in it can be pickled, because it is handed to other processes.

    Arguments:
        open_target: opens the database; called once in each worker process.
        parse_xml: reads FHIR XML, or raises FhirError.
        entries: load the entries of Bundles that are no batch or transaction, instead of storing the Bundle itself.
        workers: number of processes.
    """

    open_target: Callable[[], Target]
    parse_xml: ParseXml
    entries: bool = False
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)


def load(feed: Iterable[Chunk | Refusal | Skipped], job: Job, *, stop: threading.Event | None = None) -> Iterator[Event]:
    """Load what `feed` brings, and yield what came of it as it becomes known.

    Chunks that lead are written before those that follow them are begun. Transactions with a conditional reference
    that finds nothing are tried once more after all others. When `stop` is set nothing new is begun; what has been
    begun is written whole. The same happens when the database does not answer any more (`Done.stopped`).
    """
    # Workers are fresh processes: a fork would copy the locks that other threads of this one hold.
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(job.workers, context, _begin, (job,)) as executor,
        tempfile.TemporaryFile() as waiting,
    ):
        run = _Run(executor, waiting, job.workers * _IN_FLIGHT_PER_WORKER, stop or threading.Event())
        yield from run.through(feed, may_wait=True)
        waiting.seek(0)
        yield from run.through(_tried_again(waiting), may_wait=False)


class _Run:
    """The chunks that are being worked on, and whether to go on."""

    def __init__(self, executor: ProcessPoolExecutor, waiting: IO[bytes], most: int, stop: threading.Event) -> None:
        self._executor = executor
        self._waiting = waiting
        self._most = most
        self._stop = stop
        self._pending: dict[Future[tuple[Done, list[Block]]], Chunk] = {}

    def through(self, feed: Iterable[Chunk | Refusal | Skipped], *, may_wait: bool) -> Iterator[Event]:
        """Work on everything the feed brings, until it ends or there is a reason to stop."""
        leading = False
        for each in feed:
            if self._stop.is_set():
                break
            if not isinstance(each, Chunk):
                yield each
                continue
            if leading and not each.leads:
                yield from self._finish(0)
            leading = each.leads
            yield from self._finish(self._most - 1)
            try:
                self._pending[self._executor.submit(_write, each, may_wait)] = each
            except BrokenProcessPool:
                yield self._broken(each)
        yield from self._finish(0)

    def _finish(self, most: int) -> Iterator[Event]:
        """Wait until at most that many chunks are being worked on."""
        while len(self._pending) > most:
            finished, _ = wait(self._pending, return_when=FIRST_COMPLETED)
            for future in finished:
                yield self._result(future, self._pending.pop(future))

    def _result(self, future: Future[tuple[Done, list[Block]]], chunk: Chunk) -> Done:
        try:
            done, waiting = future.result()
        except BrokenProcessPool:
            return self._broken(chunk)
        for block in waiting:
            pickle.dump(block, self._waiting)
        if done.stopped:
            self._stop.set()
        return done

    def _broken(self, chunk: Chunk) -> Done:
        """Report a chunk whose worker ended in the middle: killed, or out of memory."""
        self._stop.set()
        done = Done(chunk.weight, stopped="A worker process ended unexpectedly (out of memory?).")
        text = "A worker process ended while this was loaded; it may be stored or not. Load it again."
        for block in chunk.blocks:
            place = Place(block.source, block.line if block.syntax == "ndjson" else None)
            done.refusals.append(Refusal(place, "", (Issue("error", Failure.INTERNAL.issue_code, text),)))
        return done


def _tried_again(waiting: IO[bytes]) -> Iterator[Chunk]:
    while True:
        try:
            block: Block = pickle.load(waiting)  # noqa: S301  # written by this very process
        except EOFError:
            return
        yield Chunk((block,))


class _Worker:
    """What a worker process has open; made once per process."""

    def __init__(self, job: Job) -> None:
        self.target = job.open_target()
        self.writer = Writer(self.target.call, job.parse_xml, entries=job.entries)


def _begin(job: Job) -> None:
    """Prepare a worker process."""
    # Ctrl-C reaches every process of the terminal; the parent decides what that means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()
    worker = _Worker(job)
    # What stays needs no look for cycles, and a chunk leaves hardly any: it is collected between chunks.
    gc.disable()
    gc.collect()
    gc.freeze()
    _write.worker = worker


def _write(chunk: Chunk, may_wait: bool) -> tuple[Done, list[Block]]:
    result = _worker().writer.write(chunk, may_wait=may_wait)
    gc.collect()
    return result


def _end_with_parent() -> None:
    """End this worker when its parent is gone, even killed. What it was writing is then not committed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_sentinel([parent.sentinel])
        os._exit(1)
