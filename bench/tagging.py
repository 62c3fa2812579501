"""Observations through tagging, and what hooks cost a create: `make bench-tagging` (`ARGS='--observations 10000'`).

Everything in one process and one run: ratios are comparable, the numbers are those of the machine. docs/performance.md
"""

import argparse
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from fhirhub.builtin import BUILTIN
from fhirhub.hooks.loader import load
from fhirhub.hub import Hub, open_hub
from fhirhub.interactions.dispatch import dispatch
from fhirhub.model.agent import SYSTEM
from fhirhub.model.json import Json
from fhirhub.model.request import FhirRequest
from fhirhub.plugin.testing import observation, patient
from fhirhub.settings import Settings
from fhirhub.store.embedded import find_mongod, start
from fhirhub.worker.drain import drain

CODES = (("14771-0", "mmol/L", 40, 120), ("39156-5", "kg/m2", 200, 320), ("8280-0", "cm", 700, 1100))
PER_BUNDLE = 500
_NOOP = """
from fhirhub.plugin import hook

@hook
def {name}({arguments}):
    return None
"""
HOOKS = {
    "fhirhub_authorize": "interaction",
    "fhirhub_prepare": "resource",
    "fhirhub_validate": "resource",
    "fhirhub_present": "resource",
    "fhirhub_after_interaction": "answered",
}


@contextmanager
def opened(uri: str, *plugins: str) -> Iterator[Hub]:
    """A server on a database of its own."""
    settings = Settings(mongodb_uri=uri, database=f"bench_{uuid.uuid4().hex[:8]}", plugins=plugins)
    with closing(open_hub(settings)) as hub:
        hub.start()
        yield hub
        hub.database.drop()


def measurements(people: int, number: int, seed: int = 5) -> Iterator[Json]:
    """Invented Observations of as many people, in no order."""
    dice = random.Random(seed)
    for _ in range(number):
        code, unit, low, high = dice.choice(CODES)
        at = f"202{dice.randrange(3, 6)}-{dice.randrange(1, 13):02}-{dice.randrange(1, 28):02}"
        yield observation(f"Patient/p{dice.randrange(people)}", code, Decimal(dice.randrange(low, high)) / 10, unit, at)


def through_tagging(uri: str, number: int, people: int) -> None:
    """Store so many Observations, then deliver them all to tagging in this thread."""
    with opened(uri, "tagging") as hub:
        agent = hub.hub_for(SYSTEM)
        for first in range(0, people, PER_BUNDLE):
            rows = (patient(id=f"p{each}") for each in range(first, min(first + PER_BUNDLE, people)))
            agent.transaction(
                [{"resource": row, "request": {"method": "PUT", "url": f"Patient/{row['id']}"}} for row in rows]
            )
        drain(hub)
        batch: list[Json] = []
        began = time.perf_counter()
        for row in measurements(people, number):
            batch.append({"resource": row, "request": {"method": "POST", "url": "Observation"}})
            if len(batch) == PER_BUNDLE:
                agent.transaction(batch)
                batch.clear()
        if batch:
            agent.transaction(batch)
        stored = time.perf_counter()
        drain(hub, rounds=1_000_000)
        ended = time.perf_counter()
        flags = agent.count("Flag")
        print(f"stored     {number:,} Observations of {people:,} people: {number / (stored - began):,.0f}/s")
        print(f"tagged     {number / (ended - stored):,.0f} events/s in one thread; {flags:,} Flags")


def per_hook(uri: str, creates: int) -> None:
    """What a plugin that does nothing adds to a create, hook by hook: CPU microseconds, the median of many short turns.

    All take turns on one database, so that a machine that is slow for a while is slow for all of them.
    """
    with TemporaryDirectory() as folder, opened(uri) as hub:
        calls = {"": hub.call}
        for name, argument in HOOKS.items():
            plugin = f"noop_{name}"
            Path(folder, f"{plugin}.py").write_text(_NOOP.format(name=name, arguments=argument))
            hooks = load(Settings(plugins=(plugin,), plugin_files=Path(folder)), builtin=BUILTIN)
            calls[name] = replace(hub.call, hooks=hooks)
        request = FhirRequest("POST", ("Patient",), body=patient(), content_type="application/fhir+json")
        turns: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(max(creates // 20, 5)):
            for name, call in calls.items():
                began = time.thread_time()
                for _ in range(20):
                    dispatch(request, call)
                turns[name].append((time.thread_time() - began) / 20 * 1e6)
        bare = median(turns.pop(""))
        print(f"create     {bare:,.0f} µs of this thread's CPU without plugins")
        for name, each in turns.items():
            print(f"{name:28} {median(each) - bare:+.1f} µs")


def main() -> None:
    """Run both and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--observations", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=2_000)
    parser.add_argument("--creates", type=int, default=1_000)
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder, start(Path(folder), find_mongod(None, {}), cache_gb=1.0, oplog_mb=2048) as db:
        per_hook(db.uri, chosen.creates)
        through_tagging(db.uri, chosen.observations, chosen.people)


if __name__ == "__main__":
    main()
