"""kill -9 of mongod and of web workers under write load: nothing acknowledged is lost, nothing is half there.

Twenty kills here; `make crash` does more (FHIRHUB_CRASH_ROUNDS).
"""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fhirhub.store.embedded import EmbeddedMongod, find_mongod, start
from tests.crash.journal import Journal, Writer, check_acknowledged, check_database
from tests.processes import await_ready, web_workers

pytestmark = pytest.mark.crash

ROUNDS = int(os.environ.get("FHIRHUB_CRASH_ROUNDS", "20"))
WRITERS = 6
DATABASE = "crash"


@dataclass
class Running:
    """A server of two workers over a mongod of its own."""

    base: str
    process: subprocess.Popen[str]
    mongod: EmbeddedMongod

    def workers(self) -> list[int]:
        """The process ids of the web workers."""
        return web_workers(self.process.pid)

    def await_ready(self) -> None:
        """Wait until it takes writes again."""
        await_ready(self.base.removesuffix("/fhir"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    program = find_mongod(Path(named) if (named := os.environ.get("FHIRHUB_MONGOD")) else None, os.environ)
    with start(tmp_path / "mongo", program, cache_gb=0.25, oplog_mb=512) as mongod:
        environ = {
            **os.environ,
            "FHIRHUB_MONGODB_URI": mongod.uri,
            "FHIRHUB_DATABASE": DATABASE,
            "FHIRHUB_LOG_LEVEL": "error",
            # The outbox is to be compared with what was acknowledged, so nobody may empty it.
            "FHIRHUB_WORKER": "false",
            # The public base URL does not depend on the port, so a rebuild of index entries can be compared.
            "FHIRHUB_BASE_URL": "http://fhirhub.example/fhir",
        }
        port = _free_port()
        command = [sys.executable, "-m", "fhirhub", "serve", "--port", str(port), "--workers", "2"]
        log = (tmp_path / "server.log").open("w")
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("fhirhub ready at "), (tmp_path / "server.log").read_text()
            yield Running(f"http://127.0.0.1:{port}/fhir", process, mongod)
        finally:
            process.terminate()
            process.wait(60)
            log.close()


@pytest.mark.timeout(60 + 30 * ROUNDS)
def test_kill_of_mongod_and_workers_loses_nothing_acknowledged(running: Running) -> None:
    journal = Journal()
    chance = random.Random(1)
    writers = [Writer(running.base, journal, number) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    checked: set[tuple[str, str, int]] = set()
    for number in range(ROUNDS):
        before = len(journal.versions)
        time.sleep(chance.uniform(0.2, 0.8))
        if number % 2:
            os.kill(chance.choice(running.workers()), signal.SIGKILL)
        else:
            os.kill(running.mongod.pid, signal.SIGKILL)
            running.mongod.restart()
        running.await_ready()
        _await_progress(journal, writers, before)
        with journal.lock:
            fresh = [key for key in journal.versions if key not in checked]
        sample = chance.sample(fresh, min(len(fresh), 40))
        check_acknowledged(running.base, journal, sample)
        checked.update(fresh)
    for writer in writers:
        writer.stopping.set()
    for writer in writers:
        writer.join(60)
        assert writer.failure is None, writer.failure
    versions = check_database(running.mongod.uri, DATABASE, journal, "http://fhirhub.example/fhir")
    assert versions >= len(journal.versions) > 10 * ROUNDS


def _await_progress(journal: Journal, writers: list[Writer], before: int) -> None:
    """Wait until writes are acknowledged again: a server that only refuses loses nothing either."""
    deadline = time.monotonic() + 60
    while len(journal.versions) < before + 20:
        for writer in writers:
            assert writer.failure is None, writer.failure
        assert time.monotonic() < deadline, "no write was acknowledged within 60 s of the kill"
        time.sleep(0.02)
