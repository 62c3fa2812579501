"""Concurrent calls share one execution, and each gets its own outcome: docs/adr/0005-coalescing.md."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from fhirhub.store.coalescer import Coalescer, Job

Ints = Job[int, int]


class Recorder:
    """Answers an ask with its double, and remembers the batches."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.batches: list[list[int]] = []
        self.at_once = 0
        self.most_at_once = 0
        self._seconds = seconds
        self._lock = threading.Lock()

    def __call__(self, jobs: Sequence[Ints]) -> None:
        with self._lock:
            self.batches.append([job.ask for job in jobs])
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self._seconds)
        for job in jobs:
            if job.ask < 0:
                job.error = ValueError(job.ask)
            else:
                job.answer = 2 * job.ask
        with self._lock:
            self.at_once -= 1


def test_single_call_is_a_batch_of_one_at_once() -> None:
    execute = Recorder()
    assert Coalescer(execute).run(21) == 42
    assert execute.batches == [[21]]


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_calls_that_meet_share_batches_and_get_their_own_answers(lanes: int) -> None:
    execute = Recorder(0.01)
    coalescer = Coalescer(execute, lanes=lanes)
    with ThreadPoolExecutor(50) as threads:
        assert list(threads.map(coalescer.run, range(200))) == [2 * number for number in range(200)]
    assert sorted(ask for batch in execute.batches for ask in batch) == list(range(200))
    assert len(execute.batches) < 100
    assert execute.most_at_once <= lanes


def test_batches_are_no_larger_than_allowed() -> None:
    execute = Recorder(0.02)
    coalescer = Coalescer(execute, max_batch=3)
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(coalescer.run, range(20)))
    assert max(map(len, execute.batches)) == 3


def test_job_that_fails_fails_alone() -> None:
    coalescer = Coalescer(Recorder(0.01))

    def ask(number: int) -> int | str:
        try:
            return coalescer.run(-number if number % 3 == 1 else number)
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(30) as threads:
        answers = list(threads.map(ask, range(90)))
    assert answers == [f"-{number}" if number % 3 == 1 else 2 * number for number in range(90)]


def test_execution_that_fails_fails_all_its_jobs_and_the_next_works() -> None:
    broken = threading.Event()
    broken.set()

    def execute(jobs: Sequence[Ints]) -> None:
        time.sleep(0.01)
        if broken.is_set():
            raise OSError("away")
        for job in jobs:
            job.answer = job.ask

    coalescer = Coalescer(execute)

    def ask(number: int) -> str:
        with pytest.raises(OSError, match="away"):
            coalescer.run(number)
        return "told"

    with ThreadPoolExecutor(20) as threads:
        assert list(threads.map(ask, range(40))) == ["told"] * 40
    broken.clear()
    assert coalescer.run(7) == 7
