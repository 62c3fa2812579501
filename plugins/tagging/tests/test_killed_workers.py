"""kill -9 of workers that tag: in the end the Flags are those of a run without kills, which is what the data say.

`FHIRHUB_CRASH_ROUNDS=20` is what is asked for before a release; four kills here.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fhirhub.plugin import Hub, Json
from fhirhub.plugin.testing import observation, patient

ROUNDS = int(os.environ.get("FHIRHUB_CRASH_ROUNDS", "4"))
PATIENTS = 6
CODES = (("14771-0", "mmol/L", 40, 120), ("39156-5", "kg/m2", 200, 320), ("8280-0", "cm", 700, 1100))


@pytest.fixture
def clock() -> Callable[[], datetime]:
    """The time of the workers, which are other processes."""
    return lambda: datetime.now(UTC)


def worker(settings: Any) -> "subprocess.Popen[bytes]":
    """`fhirhub worker` on the database of the test."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("FHIRHUB_")}
    environ |= {"FHIRHUB_MONGODB_URI": settings.mongodb_uri, "FHIRHUB_DATABASE": settings.database}
    return subprocess.Popen([sys.executable, "-m", "fhirhub", "worker"], env=environ | {"FHIRHUB_PLUGINS": "tagging"})


def left_to_change(hub: Hub, people: list[str]) -> int:
    """How many Flags are not what the data say."""
    dry = {"resourceType": "Parameters", "parameter": [{"name": "dryRun", "valueBoolean": True}]}
    changed = 0
    for who in people:
        answer = hub.operation(f"{who}/$evaluate-tags", dry)
        assert answer is not None
        changed += next(row["valueInteger"] for row in answer["parameter"] if row["name"] == "changed")
    return changed


@pytest.mark.crash
@pytest.mark.timeout(150 + 25 * ROUNDS)
def test_killed_workers_leave_the_flags_that_the_data_say(
    hub: Hub, server_settings: Any, drain: Callable[[], None]
) -> None:
    dice = random.Random(11)
    people = [f"Patient/{hub.create(patient())['id']}" for _ in range(PATIENTS)]
    workers = [worker(server_settings) for _ in range(2)]
    stored: list[Json] = []
    flags = []
    try:
        for number in range(ROUNDS):
            for _ in range(40):
                code, unit, low, high = dice.choice(CODES)
                value = Decimal(dice.randrange(low, high)) / 10
                at = f"202{dice.randrange(4, 6)}-{dice.randrange(1, 13):02}-{dice.randrange(1, 28):02}"
                stored.append(hub.create(observation(dice.choice(people), code, value, unit, at)))
                if dice.random() < 0.1:
                    wrong = stored.pop(dice.randrange(len(stored)))
                    hub.update({**wrong, "status": "entered-in-error"})
            time.sleep(dice.uniform(1, 3))
            flags.append(hub.count("Flag"))
            victim = workers[number % 2]
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            workers[number % 2] = worker(server_settings)
    finally:
        for each in workers:
            each.kill()
            each.wait()
    assert any(flags), "the workers had not begun when they were killed"
    deadline = time.monotonic() + 60
    while True:
        # Events that the killed had begun, and those that are tried again, are due after a pause.
        drain()
        if not left_to_change(hub, people) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert left_to_change(hub, people) == 0
    assert any(flag["status"] == "active" for flag in hub.search("Flag"))
