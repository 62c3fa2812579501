"""Does jobs: one at a time in a thread, each kept alive by a heartbeat, tried again when it fails.

docs/adr/0016-delivery.md, docs/how-it-works/worker.md
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from typing import Any, Final

from fhirhub.plugin import SYSTEM, Job, JobRun, LeaseLost
from fhirhub.store.deliveries import Deliveries
from fhirhub.store.jobs import Jobs, Run
from fhirhub.store.schedules import Schedules
from fhirhub.worker import replay
from fhirhub.worker.contract import WorkerHub
from fhirhub.worker.cron import check, following
from fhirhub.worker.pace import Pace
from fhirhub.worker.reason import reason_of
from fhirhub.worker.share import BEATS

_LOG: Final = logging.getLogger("fhirhub.worker")


@dataclass(frozen=True, slots=True)
class Known:
    """A job this worker can do, and the plugin it is of; None: it is the server's own."""

    plugin: Any
    job: Job


def known_jobs(hub: WorkerHub) -> Mapping[tuple[str, str], Known]:
    """Return the jobs of all plugins, by plugin and name.

    Raises ConfigurationError: the schedule of one is no cron expression.
    """
    now = hub.call.now()
    zone = hub.call.site.zone
    own = replay.replay_job(hub.database.collections, Deliveries(hub.call.now))
    found = {(replay.OWNER, own.name): Known(None, own)}
    for plugin, jobs in hub.hooks.call("fhirhub_register_jobs"):
        for job in jobs:
            if job.schedule is not None:
                check(job.schedule, f"{plugin.name}/{job.name}", now, zone)
            found[plugin.name, job.name] = Known(plugin, job)
    return found


class Runner:
    """Does the jobs that are due.

    Arguments:
        known: the jobs it can do.
        owner: a name no other runner has.
        is_stopping: says that it has to come to an end soon.
    """

    def __init__(
        self,
        hub: WorkerHub,
        known: Mapping[tuple[str, str], Known],
        owner: str,
        pace: Pace,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hub = hub
        self._known = known
        self._owner = owner
        self._pace = pace
        self._is_stopping = is_stopping
        self._jobs = Jobs(hub.call.now)
        self._schedules = Schedules(hub.database.client, self._jobs, hub.call.now)

    def look_at_schedules(self) -> bool:
        """Ask for the runs whose time has come; whether there were any. Raises PyMongoError."""
        zone: tzinfo = self._hub.call.site.zone
        asked = False
        for (plugin, name), known in self._known.items():
            cron = known.job.schedule
            if cron is not None:
                # In another zone the same expression means other times.
                asked |= self._schedules.ask(plugin, name, f"{cron} {zone}", partial(following, cron, zone))
        return asked

    def step(self) -> bool:
        """Do one run that is due; return whether there was one. Raises PyMongoError."""
        run = self._jobs.begin(self._known, self._owner, self._pace.lease_seconds)
        if run is None:
            return False
        known = self._known[run.plugin, run.job]
        if run.attempts > known.job.attempts:
            _LOG.error("the job %s/%s is given up: its worker died each time", run.plugin, run.job)
            self._jobs.fail(run, run.reason or "its worker died")
            return True
        with self._heartbeat(run, known.job) as heart:
            self._do(run, known, heart)
        return True

    def _do(self, run: Run, known: Known, heart: "_Heart") -> None:
        name = f"{run.plugin}/{run.job}"
        try:
            hub = self._hub.hub_for(SYSTEM) if known.plugin is None else self._hub.hub_of(known.plugin)
            result = known.job.run(JobRun(run.number, run.parameters, run.attempts, hub, heart.tell))
            noted = self._jobs.finish(run, result)
        except LeaseLost:
            noted = heart.is_ours and self._jobs.hand_back(run)
        except (Exception, SystemExit) as error:  # whatever it is, it is the job's
            reason = reason_of(error)
            if run.attempts < known.job.attempts:
                _LOG.warning("the job %s failed, attempt %d: %s", name, run.attempts, reason)
                noted = self._jobs.postpone(run, self._hub.call.now() + self._pace.pause(run.attempts), reason)
            else:
                _LOG.error("the job %s failed for good after %d attempts: %s", name, run.attempts, reason)
                noted = self._jobs.fail(run, reason)
        if not noted:
            _LOG.warning("the job %s has been taken over by another worker", name)

    @contextmanager
    def _heartbeat(self, run: Run, job: Job) -> "Iterator[_Heart]":
        heart = _Heart(self._jobs, run, self._pace.lease_seconds, job.timeout.total_seconds(), self._is_stopping)
        thread = threading.Thread(target=heart.beat, name=f"heartbeat of {run.job}", daemon=True)
        thread.start()
        try:
            yield heart
        finally:
            heart.stop.set()
            thread.join()


class _Heart:
    """Prolongs the lease of a run while it is worked on, until it has shown no progress for too long.

    Arguments:
        seconds: how long the lease lasts.
        timeout: seconds without progress after which its worker is taken to be dead.
    """

    def __init__(self, jobs: Jobs, run: Run, seconds: float, timeout: float, is_stopping: Callable[[], bool]) -> None:
        self.stop = threading.Event()
        self.is_ours = True
        self._jobs = jobs
        self._run = run
        self._seconds = seconds
        self._timeout = timeout
        self._is_stopping = is_stopping
        self._sign = time.monotonic()

    def beat(self) -> None:
        """Do so until told to stop."""
        while not self.stop.wait(self._seconds / BEATS):
            if time.monotonic() - self._sign > self._timeout:
                _LOG.error("the job %s/%s shows no progress: given up here", self._run.plugin, self._run.job)
                self.is_ours = False
                return
            try:
                self.is_ours = self._jobs.keep(self._run, self._seconds)
            except Exception as error:  # the database may be back before the lease ends
                _LOG.warning("a heartbeat failed: %s", type(error).__name__)
                continue
            if not self.is_ours:
                return

    def tell(self, progress: float, word: str) -> None:
        """Note how far the run is. Raises LeaseLost: it is another worker's, or this one has to end."""
        if self._is_stopping() or not self.is_ours:
            raise LeaseLost
        self._sign = time.monotonic()
        if not self._jobs.tell(self._run, progress, word):
            self.is_ours = False
            raise LeaseLost
