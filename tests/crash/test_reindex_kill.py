"""kill -9 of a process that reindexes: another one goes on where it was, and in the end nothing is missing.

docs/how-it-works/search-parameters.md
"""

import os
import signal
import subprocess
import sys

import pytest
from pymongo import MongoClient

from fhirhub.hub import open_hub
from fhirhub.model.json import Json
from fhirhub.settings import Settings
from tests.interactions.hub_client import HubClient
from tests.interactions.test_search_parameters import nicknamed, parameter
from tests.store.test_reindex import eventually, runs

_CHILD = """
import sys
from fhirhub.hub import open_hub
from fhirhub.settings import Settings
from fhirhub.store.reindex import Pace

hub = open_hub(Settings(mongodb_uri=sys.argv[1], database=sys.argv[2]))
pace = Pace(pause_share=float(sys.argv[3]), chunk=20, settle_seconds=0.1, lease_seconds=1.0, poll_seconds=0.05)
hub.reindexer(pace).start().join()
"""


@pytest.mark.crash
def test_reindex_goes_on_after_its_process_is_killed(mongodb_uri: str, database_name: str) -> None:
    """kill -9 again and again: another process goes on where the killed one was, and in the end all is indexed."""
    hub = open_hub(Settings(mongodb_uri=mongodb_uri, database=database_name))
    client = HubClient(hub)
    amount = 600
    try:
        for start in range(0, amount, 100):
            rows = [nicknamed("A", id=f"{number:04}") for number in range(start, start + 100)]
            done = client.transaction(
                *({"resource": r, "request": {"method": "PUT", "url": f"Patient/{r['id']}"}} for r in rows)
            )
            assert done.status == 200
        client.put("SearchParameter/n", parameter(id="n"))
        reached = [_killed_at_work(mongodb_uri, database_name, client) for _ in range(4)]
        # Each went on where the last one was: none fell back, all did something.
        assert reached == sorted(set(reached))
        assert reached[-1] < amount
        last = _child(mongodb_uri, database_name, pause=0.0)
        try:
            eventually(lambda: runs(client)[0]["state"] == "done", "the reindex ends")
        finally:
            last.kill()
            last.wait()
        (run,) = runs(client)
        # Nothing that was noted as done was done again.
        assert run["done"] <= amount + 20 * 4
        hub.database.parameters.refresh()
        found = {each["id"] for page in client.pages("Patient?nickname=A&_count=200") for each in page.resources}
        assert len(found) == amount
        with MongoClient[Json](mongodb_uri) as raw:
            assert raw[database_name]["Patient"].count_documents({"x": 1}) == amount
    finally:
        hub.close()


def _child(uri: str, database: str, pause: float) -> "subprocess.Popen[bytes]":
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FHIRHUB_")}
    return subprocess.Popen([sys.executable, "-c", _CHILD, uri, database, str(pause)], env=environ)


def _killed_at_work(uri: str, database: str, client: HubClient) -> int:
    """Let a process do a part of the work, kill it, and return how much is noted as done."""
    before = runs(client)[0]["done"] if runs(client) else 0
    child = _child(uri, database, pause=0.9)
    try:
        eventually(lambda: bool(runs(client)) and runs(client)[0]["done"] > before, "a process goes on")
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    return int(runs(client)[0]["done"])
