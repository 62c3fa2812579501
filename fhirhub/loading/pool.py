"""Loading with several processes: this one reads, the others parse, validate and write. Memory stays flat.

https://hl7.org/fhir/R4/http.html#transaction
"""

import pickle
import tempfile
import threading
from collections.abc import Iterable, Iterator
from itertools import chain
from multiprocessing.connection import wait
from typing import IO

from fhirhub.loading.chunks import Block, Chunk
from fhirhub.loading.results import Done, Refusal, Skipped
from fhirhub.loading.worker import Job, Worker, WorkerLost, lost

Event = Done | Refusal | Skipped


def load(
    feed: Iterable[Chunk | Refusal | Skipped], job: Job, *, stop: threading.Event | None = None
) -> Iterator[Event]:
    """Load what `feed` brings, and yield what came of it as it becomes known.

    Chunks that lead are written before those that follow them are begun. Transactions with a conditional reference
    that finds nothing are tried once more after all others. When `stop` is set nothing new is begun; what has been
    begun is written whole. The same happens when the database or a worker is lost (`Done.stopped`).
    """
    rest = iter(feed)
    ahead: list[Chunk | Refusal | Skipped] = []
    # A process takes a second to start: no more of them than there is work for.
    while sum(isinstance(each, Chunk) for each in ahead) < job.workers and (each := next(rest, None)) is not None:
        ahead.append(each)
    workers = sum(isinstance(each, Chunk) for each in ahead)
    with tempfile.TemporaryFile() as waiting:
        pool = _Pool([Worker(job) for _ in range(workers)], waiting, stop or threading.Event())
        try:
            yield from pool.through(chain(ahead, rest), may_wait=True)
            waiting.seek(0)
            yield from pool.through(_again(waiting), may_wait=False)
        finally:
            pool.close()


class _Pool:
    """The workers, what each is at, and whether to go on."""

    def __init__(self, workers: list[Worker], waiting: IO[bytes], stop: threading.Event) -> None:
        self._waiting = waiting
        self._stop = stop
        self._idle: list[Worker] = []
        # A worker is busy until it says that it is ready.
        self._busy = workers

    def through(self, feed: Iterable[Chunk | Refusal | Skipped], *, may_wait: bool) -> Iterator[Event]:
        """Work on everything the feed brings, until it ends or there is a reason to stop."""
        leading = False
        for each in feed:
            if not isinstance(each, Chunk):
                yield each
                continue
            if leading and not each.leads:
                yield from self._settle()
            leading = each.leads
            while not self._idle and not self._stop.is_set():
                yield from self._hear()
            if self._stop.is_set():
                break
            worker = self._idle.pop()
            try:
                worker.begin(each, may_wait=may_wait)
            except WorkerLost as error:
                yield self._lost(worker, error)
            else:
                self._busy.append(worker)
        yield from self._settle()

    def close(self) -> None:
        """End the workers."""
        for worker in (*self._idle, *self._busy):
            worker.close()

    def _settle(self) -> Iterator[Done]:
        """Wait until everything that was begun is written."""
        while any(worker.chunk is not None for worker in self._busy):
            yield from self._hear()

    def _hear(self) -> Iterator[Done]:
        """Wait until at least one worker says something."""
        spoke = wait([worker.connection for worker in self._busy])
        for worker in [worker for worker in self._busy if worker.connection in spoke]:
            self._busy.remove(worker)
            try:
                answer = worker.receive()
            except WorkerLost as error:
                yield self._lost(worker, error)
                continue
            self._idle.append(worker)
            if answer is None:
                continue
            done, waiting = answer
            for block in waiting:
                pickle.dump(block, self._waiting)
            if done.stopped:
                self._stop.set()
            yield done

    def _lost(self, worker: Worker, error: WorkerLost) -> Done:
        self._stop.set()
        worker.close()
        return lost(worker.chunk, str(error)) if worker.chunk else Done(0, stopped=str(error))


def _again(waiting: IO[bytes]) -> Iterator[Chunk]:
    """Yield what is to be tried again; the bytes were written by this very process."""
    while True:
        try:
            block: Block = pickle.load(waiting)
        except EOFError:
            return
        yield Chunk((block,))
