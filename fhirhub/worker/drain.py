"""Everything that is due, done in the calling thread: for tests and commands.

docs/how-it-works/worker.md
"""

import time
import uuid
from typing import Final

from fhirhub.store.lease import Guard
from fhirhub.store.outbox import PARTITIONS, any_pending
from fhirhub.worker.contract import WorkerHub
from fhirhub.worker.delivery import Delivery
from fhirhub.worker.pace import Pace
from fhirhub.worker.running import Runner, known_jobs
from fhirhub.worker.share import Lost, Share

PACE: Final = Pace()
_OTHERS_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.02


def drain(hub: WorkerHub, *, pace: Pace = PACE, jobs: bool = True, rounds: int = 1_000) -> None:
    """Deliver all changes and do all jobs that are due now, and those these lead to. What fails is tried again later.

    Arguments:
        jobs: whether jobs are done, too.
        rounds: of each partition a few hundred changes, and a job: after so many there must be nothing left.

    Raises:
        RuntimeError: there is no end to it: a plugin changes what it hears of, again and again.
        TimeoutError: another worker has a partition and does not empty it.
        PyMongoError: the database is away.
    """
    owner = f"drain {uuid.uuid4()}"
    shares = [share_of(hub, number, owner, pace) for number in range(PARTITIONS)]
    runner = Runner(hub, known_jobs(hub), owner, pace) if jobs else None
    try:
        for _ in range(rounds):
            done = [_drained(Delivery(hub, number, share, pace), number, share) for number, share in enumerate(shares)]
            if runner is not None:
                done += [runner.look_at_schedules(), runner.step()]
            if not any(done):
                return
    finally:
        for share in shares:
            share.release()
    raise RuntimeError(f"After {rounds} rounds there was still more to do: a plugin reacts to what it does itself.")


def share_of(hub: WorkerHub, number: int, owner: str, pace: Pace) -> Share:
    """Return the lease of a partition."""
    lease = Guard(f"outbox {number}", owner, seconds=pace.lease_seconds, client=hub.database.client)
    return Share(lease, pace.lease_seconds)


def _drained(delivery: Delivery, number: int, share: Share) -> bool:
    """Do a step of a partition; whether there was anything in it."""
    deadline = time.monotonic() + _OTHERS_SECONDS
    while not share.hold():
        # Whoever has it does the same.
        if not any_pending(number):
            return False
        if time.monotonic() > deadline:
            raise TimeoutError(f"Another worker has partition {number} and does not empty it.")
        time.sleep(_LOOK_SECONDS)
    try:
        return delivery.step()
    except Lost:
        return True
