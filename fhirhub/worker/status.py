"""What workers have to do and how it stands, for `/metrics` and `fhirhub worker --status`.

docs/operations.md
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fhirhub.store.database import Database
from fhirhub.store.deliveries import Deliveries, Queue
from fhirhub.store.deliveries import State as QueueState
from fhirhub.store.jobs import State as JobState
from fhirhub.store.members import Member, alive
from fhirhub.store.outbox import backlog
from fhirhub.store.schedules import next_runs
from fhirhub.worker.pace import Pace

_PARKED: Final = 20


@dataclass(frozen=True, slots=True)
class Status:
    """How the work of all workers of a database stands.

    Arguments:
        workers: those that are alive.
        pending: documents of the outbox; `oldest` is when the first change in it was made, `age` that in seconds.
        queues: resources whose changes a plugin could not take yet, by plugin and state.
        parked: the first of those that are given up until `fhirhub replay`.
        jobs: runs by plugin, job and state; of those that ended the remembered ones.
        next_runs: when scheduled jobs are due, by plugin and job.
    """

    workers: tuple[Member, ...]
    pending: int
    oldest: datetime | None
    age: float
    queues: Mapping[tuple[str, QueueState], int]
    parked: tuple[Queue, ...]
    jobs: Mapping[tuple[str, str, JobState], int]
    next_runs: Mapping[tuple[str, str], datetime]

    def metrics(self) -> Iterator[tuple[str, str, Mapping[str, str], float]]:
        """Yield gauges: name, what it says, labels, value."""
        yield "fhirhub_workers", "Workers that are alive.", {}, len(self.workers)
        yield "fhirhub_outbox_documents", "Commits with changes that no worker has handed on yet.", {}, self.pending
        yield "fhirhub_outbox_age_seconds", "Age of the oldest change that is not handed on yet.", {}, self.age
        for (plugin, state), count in sorted(self.queues.items()):
            labels = {"plugin": plugin, "state": state}
            yield "fhirhub_deliveries", "Resources whose changes a plugin could not take yet.", labels, count
        for (plugin, job, job_state), count in sorted(self.jobs.items()):
            labels = {"plugin": plugin, "job": job, "state": job_state}
            yield "fhirhub_jobs", "Runs of jobs; of those that ended the remembered ones.", labels, count

    def lines(self) -> Iterator[str]:
        """Yield it for a person. Of patients it names ids, no data."""
        yield f"workers: {len(self.workers)}"
        for worker in self.workers:
            plugins = ", ".join(worker.plugins) or "no plugins"
            yield f"  {worker.place} since {worker.since:%Y-%m-%d %H:%M:%S} UTC: {plugins}"
        yield f"outbox: {self.pending} commits" + (f", the oldest {self.age:.0f} s old" if self.oldest else "")
        for (plugin, state), count in sorted(self.queues.items()):
            yield f"{state} for {plugin}: {count} resources"
        for queue in self.parked:
            yield f"  {queue.key}: {queue.reason}"
        for (plugin, job, job_state), count in sorted(self.jobs.items()):
            yield f"job {plugin}/{job}: {count} {job_state}"
        for (plugin, job), due in sorted(self.next_runs.items()):
            yield f"job {plugin}/{job} is due at {due:%Y-%m-%d %H:%M:%S} UTC"


def status(database: Database, now: Callable[[], datetime], pace: Pace) -> Status:
    """Return how things stand. Raises PyMongoError."""
    deliveries = Deliveries(now)
    waiting = backlog()
    return Status(
        workers=tuple(alive(pace.lease_seconds)),
        pending=waiting.documents,
        oldest=waiting.oldest,
        age=max(0.0, (now() - waiting.oldest).total_seconds()) if waiting.oldest is not None else 0.0,
        queues=deliveries.counts(),
        parked=tuple(deliveries.parked(_PARKED)),
        jobs=database.jobs.counts(),
        next_runs=next_runs(),
    )
