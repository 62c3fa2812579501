"""kill -9 of a worker, in mid-batch and in mid-job: every plugin is told of everything, nothing is lost.

docs/adr/0016-delivery.md. Four kills here; `make crash` does as many as FHIRHUB_CRASH_ROUNDS says.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest

from fhirhub.plugin import Change, Job, JobRun
from fhirhub.worker.pace import Pace
from fhirhub.worker.status import status
from tests.processes import eventually
from tests.worker.world import Clock, Plugin, World, world_on

ROUNDS = int(os.environ.get("FHIRHUB_CRASH_ROUNDS", "4"))
RESOURCES = 60
PLUGINS = ("steady", "failing")
PACE = Pace(
    attempts=1_000,
    first_pause=timedelta(seconds=0.05),
    longest_pause=timedelta(seconds=0.2),
    poll_seconds=0.1,
    lease_seconds=1.0,
    settle_seconds=0.3,
)

_CHILD = """
import sys, threading
from fhirhub.worker.threads import Worker
from tests.crash.test_worker_kill import PACE, told_plugins
from tests.worker.world import Clock, world_on

with world_on(sys.argv[1], clock=Clock(None), name=sys.argv[2]) as bare:
    world = bare.with_plugins(*told_plugins(bare))
    Worker(world, threading.Event(), PACE).run()
"""


def told_plugins(world: World) -> list[Plugin]:
    """Plugins that write down what they are told: durably, before they say that they have taken it."""
    told = world.mongo["told"]

    def hear(name: str, change: Change) -> None:
        told.insert_one({"plugin": name, "reference": change.reference, "version": change.version})
        time.sleep(0.002)
        if name == "failing" and random.random() < 0.1:
            raise ValueError

    def work(run: JobRun) -> Any:
        world.mongo["worked"].insert_one({"number": run.number, "attempt": run.attempt})
        for step in range(5):
            run.progress(step / 5, "")
            time.sleep(0.02)
        return run.parameters["n"]

    return [
        Plugin("steady", lambda change: hear("steady", change), jobs=(Job("work", work, attempts=10_000),)),
        Plugin("failing", lambda change: hear("failing", change)),
    ]


def _child(uri: str, database: str) -> "subprocess.Popen[bytes]":
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FHIRHUB_")}
    return subprocess.Popen([sys.executable, "-c", _CHILD, uri, database], env=environ)


@pytest.mark.crash
@pytest.mark.timeout(90 + 20 * ROUNDS)
def test_killed_workers_lose_nothing(mongodb_uri: str, database_name: str) -> None:
    chance = random.Random(4)
    with world_on(mongodb_uri, clock=Clock(None), name=database_name) as world:
        versions: dict[str, int] = defaultdict(int)
        numbers: dict[str, int] = {}
        told = world.mongo["told"]
        workers = [_child(mongodb_uri, database_name) for _ in range(2)]
        try:
            for number in range(ROUNDS):
                before = told.estimated_document_count()
                for _ in range(3):
                    chosen = chance.sample(range(RESOURCES), 30)
                    for reference, version in zip(
                        chosen, world.put_all([("Patient", f"p{n}", {}) for n in chosen]), strict=True
                    ):
                        versions[f"Patient/p{reference}"] = version
                for n in range(2):
                    numbers[world.database.jobs.schedule("steady", "work", {"n": n})] = n
                assert eventually(lambda before=before: told.estimated_document_count() > before + 5)  # type: ignore[misc]  # bound at once
                time.sleep(chance.uniform(0, 0.4))
                victim = workers[number % 2]
                victim.send_signal(signal.SIGKILL)
                victim.wait()
                workers[number % 2] = _child(mongodb_uri, database_name)
            assert eventually(lambda: _is_done(world), 60), list(status(world.database, world.clock, Pace()).lines())
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
        _check_told(world, versions)
        for run_number, n in numbers.items():
            run = world.database.jobs.run(run_number)
            assert run is not None
            assert (run.state, run.result) == ("done", n)
            attempts = [row["attempt"] for row in world.mongo["worked"].find({"number": run_number})]
            assert attempts == sorted(set(attempts)), "two workers did the same attempt"


def _is_done(world: World) -> bool:
    now = status(world.database, world.clock, Pace())
    return not now.pending and not now.queues and {state for *_, state in now.jobs} <= {"done"}


def _check_told(world: World, versions: dict[str, int]) -> None:
    heard: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in world.mongo["told"].find(sort=[("$natural", 1)]):
        heard[row["plugin"], row["reference"]].append(row["version"])
    repeated = 0
    for plugin in PLUGINS:
        for reference, newest in versions.items():
            told = heard[plugin, reference]
            first = list(dict.fromkeys(told))
            assert first == list(range(1, newest + 1)), f"{plugin} was told {told} of {reference}"
            # Who is told again is told of what followed again, too: the last word is the newest version.
            assert told[-1] == newest, f"{plugin} was told {told} of {reference}"
            repeated += len(told) - newest
    assert repeated, "nobody was killed in the middle of anything"
