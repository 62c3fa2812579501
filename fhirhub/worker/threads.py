"""The threads of a worker: they deliver changes, do jobs, and share the work with other workers.

docs/how-it-works/worker.md
"""

import contextlib
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Final

from fhirhub.store.members import Members
from fhirhub.store.outbox import PARTITIONS, discard_unpartitioned
from fhirhub.store.wakeups import Wakeups
from fhirhub.worker.contract import WorkerHub
from fhirhub.worker.delivery import Delivery
from fhirhub.worker.drain import share_of
from fhirhub.worker.pace import Pace
from fhirhub.worker.reason import reason_of
from fhirhub.worker.running import Runner, known_jobs
from fhirhub.worker.share import BEATS, Lost, Shares

JOB_THREADS: Final = 2
"""Jobs that one worker does at a time."""

_LOG: Final = logging.getLogger("fhirhub.worker")


class Worker:
    """The threads of one worker.

    Arguments:
        stop: ends it.
    """

    def __init__(self, hub: WorkerHub, stop: threading.Event, pace: Pace) -> None:
        owner = str(uuid.uuid4())
        plugins = [plugin.name for plugin in hub.hooks.plugins]
        self._hub = hub
        self._stop = stop
        self._pace = pace
        self._owner = owner
        self._members = Members(owner, f"{socket.gethostname()}:{os.getpid()}", plugins, seconds=pace.lease_seconds)
        self._shares = [share_of(hub, number, owner, pace) for number in range(PARTITIONS)]
        known = known_jobs(hub)
        self._runners = [Runner(hub, known, f"{owner} {n}", pace, stop.is_set) for n in range(JOB_THREADS)]
        self._wake = [threading.Event() for _ in self._shares]
        self._wake_jobs = [threading.Event() for _ in self._runners]
        self._sharing = Shares(self._shares, self._members, lambda number: self._wake[number].set())

    def run(self) -> None:
        """Work until told to stop."""
        _LOG.info("worker %s begins", self._owner)
        discard_unpartitioned()
        wake_up = threading.Thread(target=Wakeups(self._changed).follow, args=(self._stop,), daemon=True)
        wake_up.start()
        # Nothing wakes it: it goes by time.
        alone = threading.Event()
        threads = [self._thread("sharing", self._sharing.beat, alone, self._pace.lease_seconds / BEATS)]
        for number, wake in enumerate(self._wake):
            threads.append(self._thread(f"delivery {number}", partial(self._deliver, number), wake))
        for number, wake in enumerate(self._wake_jobs):
            threads.append(self._thread(f"jobs {number}", partial(self._do_jobs, number), wake))
        self._stop.wait()
        for event in (alone, *self._wake, *self._wake_jobs):
            event.set()
        for thread in threads:
            thread.join()
        # Where the database is away, others find out by themselves.
        with contextlib.suppress(Exception):
            for share in self._shares:
                share.release()
            self._members.leave()
        wake_up.join()
        _LOG.info("worker %s has ended", self._owner)

    def _changed(self, partition: int | None) -> None:
        for event in self._wake_jobs if partition is None else (self._wake[partition],):
            event.set()

    def _deliver(self, number: int) -> None:
        """Empty one partition, as long as this worker is to have it."""
        share = self._shares[number]
        delivery = Delivery(self._hub, number, share, self._pace, self._stop.is_set)
        while share.wanted and share.fence is not None and not self._stop.is_set():
            began = time.monotonic()
            try:
                if not delivery.step():
                    break
                if not delivery.is_behind:
                    self._stop.wait(began + self._pace.gather_seconds - time.monotonic())
            except Lost:
                _LOG.info("partition %d is another worker's now", number)
        share.release(unless_wanted=True)

    def _do_jobs(self, number: int) -> None:
        """Do jobs that are due, and ask for those whose time has come."""
        runner = self._runners[number]
        runner.look_at_schedules()
        while not self._stop.is_set() and runner.step():
            runner.look_at_schedules()

    def _thread(
        self, name: str, act: Callable[[], object], wake: threading.Event, seconds: float | None = None
    ) -> threading.Thread:
        """Start a thread that acts at once, whenever it is woken, and every so many seconds, until the end."""

        def run() -> None:
            while not self._stop.is_set():
                wake.clear()
                try:
                    act()
                except Exception as error:  # a worker goes on, whatever it was
                    # What is raised here is the database's or our own, not a plugin's; it may still hold data.
                    _LOG.warning("%s: %s; it goes on in a moment", name, reason_of(error))
                    self._stop.wait(self._pace.poll_seconds)
                wake.wait(seconds or self._pace.poll_seconds)

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread
