"""One worker process of a load, and the parent's end of it.

https://hl7.org/fhir/R4/http.html#transaction
"""

import contextlib
import gc
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Final, Protocol

from fhirhub.errors import Failure, Issue
from fhirhub.interactions.call import Call
from fhirhub.loading.chunks import Block, Chunk
from fhirhub.loading.items import ParseXml
from fhirhub.loading.results import Done, Place, Refusal
from fhirhub.loading.writer import Writer

Answer = tuple[Done, list[Block]]
"""What came of a chunk, and what is to be tried again later."""

_END_SECONDS: Final = 30.0


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


class WorkerLost(Exception):
    """A worker process ended by itself; says why as far as that is known."""


class Worker:
    """The parent's end of a worker process; it works on one chunk at a time."""

    def __init__(self, job: Job) -> None:
        # A fresh process: a fork would copy the locks that other threads of this one hold.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.chunk: Chunk | None = None
        self._process = context.Process(target=_work, args=(theirs, job), name="fhirhub load", daemon=True)
        # Ctrl-C reaches every process of the terminal, and the parent decides what it means: even while it starts
        # the worker must not hear it. The start of multiprocessing's own process would lift the block again.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        # The worker alone holds its end now, so that its death is the end of the connection.
        theirs.close()

    def begin(self, chunk: Chunk, *, may_wait: bool) -> None:
        """Hand over a chunk. Raises WorkerLost."""
        self.chunk = chunk
        try:
            self.connection.send((chunk, may_wait))
        except OSError:
            raise WorkerLost(self._death()) from None

    def receive(self) -> Answer | None:
        """Return what came of the chunk; None from a worker that has just become ready. Raises WorkerLost."""
        try:
            answer: Answer | str | None = self.connection.recv()
        except (EOFError, OSError):
            raise WorkerLost(self._death()) from None
        if isinstance(answer, str):
            raise WorkerLost(answer)
        self.chunk = None
        return answer

    def close(self) -> None:
        """Let the worker end: at once when it is idle, else after its chunk."""
        self.connection.close()
        self._process.join(_END_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _death(self) -> str:
        self._process.join(_END_SECONDS)
        return f"A worker process ended unexpectedly (exit status {self._process.exitcode}; out of memory?)."


def lost(chunk: Chunk, reason: str) -> Done:
    """Report a chunk of which nobody knows how much was written."""
    done = Done(chunk.weight, stopped=reason)
    text = f"{reason} What stands here may have been stored or not: load it again."
    for block in chunk.blocks:
        place = Place(block.source, block.line if block.syntax == "ndjson" else None)
        done.refusals.append(Refusal(place, "", (Issue("error", Failure.INTERNAL.issue_code, text),)))
        done.tally["(unknown)", "refused"] += 1
    return done


def _work(connection: Connection, job: Job) -> None:
    """Write the chunks that come, until no more come; the whole life of a worker process."""
    # A parent that ends, even killed, closes the connection: then this one ends after the chunk it is at.
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            target = job.open_target()
        except Exception as error:  # the parent reports it, whatever it is
            connection.send(f"A worker process could not begin: {error}")
            return
        with contextlib.closing(target):
            connection.send(None)
            _prepare_memory()
            while True:
                chunk, may_wait = connection.recv()
                # Search parameters may have come with the chunk before.
                writer = Writer(target.call, job.parse_xml, entries=job.entries)
                connection.send(_answer(writer, chunk, may_wait=may_wait))
                del chunk
                gc.collect()


def _answer(writer: Writer, chunk: Chunk, *, may_wait: bool) -> Answer:
    try:
        return writer.write(chunk, may_wait=may_wait)
    except Exception as error:  # a mistake of ours is reported with the place it happened at
        return lost(chunk, f"fhirhub failed, please report it: {type(error).__name__}: {error}."), []


def _prepare_memory() -> None:
    # What is there stays, and a chunk leaves hardly any cycles: one look after each is enough.
    gc.disable()
    gc.collect()
    gc.freeze()
