"""Concurrent calls share one round trip: a leader takes what has gathered, the others wait for their own outcome.

An idle server adds no latency: the first caller leads at once with a batch of one. While it is at the database, others
gather; when it returns, one of them leads the whole gathering. See docs/adr/0005-coalescing.md.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")


class Job(Generic[Ask, Answer]):
    """One caller's ask, and after the batch its answer or its own exception."""

    __slots__ = ("_turn", "answer", "ask", "error", "leads")

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.answer: Answer
        self.error: BaseException | None = None
        self.leads = False
        self._turn = threading.Lock()
        self._turn.acquire()

    def wait(self) -> None:
        """Sleep until this job is answered or told to lead."""
        self._turn.acquire()

    def wake(self) -> None:
        """End the wait."""
        self._turn.release()


class Coalescer(Generic[Ask, Answer]):
    """Batches concurrent calls.

    Arguments:
        execute: answers a batch: sets `answer` or `error` on every job. What it raises itself is every job's error.
        lanes: how many batches may be at the database at one time.
        max_batch: most jobs in one batch.
    """

    def __init__(
        self, execute: Callable[[Sequence[Job[Ask, Answer]]], None], *, lanes: int = 1, max_batch: int = 128
    ) -> None:
        self._execute = execute
        self._lanes = lanes
        self._max_batch = max_batch
        self._lock = threading.Lock()
        self._waiting: list[Job[Ask, Answer]] = []
        self._leaders = 0

    def run(self, ask: Ask) -> Answer:
        """Answer one ask, together with those that came at the same time. Raises what its own job failed with."""
        job: Job[Ask, Answer] = Job(ask)
        with self._lock:
            self._waiting.append(job)
            if self._leaders < self._lanes:
                self._leaders += 1
                job.leads = True
        if not job.leads:
            job.wait()
        if job.leads:
            self._lead(job)
        if job.error is not None:
            raise job.error
        return job.answer

    def _lead(self, own: Job[Ask, Answer]) -> None:
        with self._lock:
            # A job that leads serves itself: it is in no other lane's batch.
            followers = [job for job in self._waiting if not job.leads][: self._max_batch - 1]
            batch = [own, *followers]
            taken = set(map(id, batch))
            self._waiting = [job for job in self._waiting if id(job) not in taken]
        try:
            self._execute(batch)
        except BaseException as error:  # every waiter must learn of it, whatever it is
            for job in batch:
                job.error = error
        for job in batch:
            if job is not own:
                job.wake()
        self._hand_over()

    def _hand_over(self) -> None:
        with self._lock:
            heir = next((job for job in self._waiting if not job.leads), None)
            if heir is None:
                self._leaders -= 1
                return
            heir.leads = True
        heir.wake()
