"""MongoDB fails, hangs, dies and comes back: what clients are told, and what is true afterwards. docs/durability.md."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhirhub.store import commit
from fhirhub.store.embedded import find_mongod
from fhirhub.store.replica_set import await_primary, direct_client
from tests.interactions.hub_client import BASE, Answer, HubClient, entry, hub_on, mrn, patient, unique
from tests.processes import freeze
from tests.store.store_check import check_store

SECONDS = 2.0


class Mongod:
    """A mongod with fail points, which the tests of this file may stop, freeze and start again."""

    def __init__(self, program: Path, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._command = [
            str(program), "--dbpath", str(folder), "--logpath", str(folder / "log"), "--bind_ip", "127.0.0.1",
            "--port", str(self.port), "--replSet", "outage", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25",
            "--oplogSize", "64", "--setParameter", "enableTestCommands=1",
            # Of a transaction nobody ends MongoDB waits so many seconds for the end; a minute in production.
            "--setParameter", "transactionLifetimeLimitSeconds=2",
        ]  # fmt: skip
        self.start()

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?replicaSet=outage"

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        await_primary(self.port, "outage", time.monotonic() + 60, lambda: self.process.poll() is None)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It accepts connections and answers nothing."""
        freeze(self.process.pid)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    @contextmanager
    def failing(self, point: str = "failCommand", mode: Any = "alwaysOn", **data: Any) -> Iterator[None]:
        """With a fail point, https://github.com/mongodb/mongo/wiki/The-failCommand-Fail-Point."""
        with direct_client(self.port) as client:
            client.admin.command({"configureFailPoint": point, "mode": mode, "data": {"appName": "fhirhub", **data}})
            try:
                yield
            finally:
                client.admin.command({"configureFailPoint": point, "mode": "off"})


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    named = os.environ.get("FHIRHUB_MONGOD")
    running = Mongod(find_mongod(Path(named) if named else None, os.environ), tmp_path_factory.mktemp("outage"))
    yield running
    running.kill()


@pytest.fixture
def hub(own: Mongod, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubClient]:
    """A hub that gives up sooner than in production."""
    monkeypatch.setattr(commit, "COMMIT_SECONDS", SECONDS)
    monkeypatch.setattr(commit, "TRANSACTION_SECONDS", SECONDS)
    with hub_on(own.uri, max_time_ms=1000) as client:
        client.put("Patient/a", patient("1", id="a"))
        yield client


SLOT = {
    "resourceType": "Slot",
    "schedule": {"reference": "Schedule/1"},
    "status": "free",
    "start": "2026-01-01T00:00:00Z",
    "end": "2026-01-01T01:00:00Z",
}
WRITES: dict[str, Callable[[HubClient], Answer]] = {
    "create": lambda hub: hub.post("Patient", patient()),
    "update": lambda hub: hub.put("Patient/a", patient("1", id="a", active=True)),
    "delete": lambda hub: hub.delete("Patient/a"),
    "conditional update": lambda hub: hub.put(f"Patient?{mrn('1')}", patient("1", active=True)),
    "transaction": lambda hub: hub.transaction(entry("PUT", "Patient/a", patient("1", id="a", active=True))),
    "first of its type": lambda hub: hub.post("Slot", SLOT),
}
READS = {
    "read": "Patient/a",
    "vread": "Patient/a/_history/1",
    "search": f"Patient?{mrn('1')}",
    "count": "Patient?_summary=count",
    "history-instance": "Patient/a/_history",
    "history-type": "Patient/_history",
    "history-system": "_history",
}


def versions(hub: HubClient) -> int:
    total: int = hub.get("_history").resource["total"]
    return total


def unavailable(answer: Answer, code: str = "transient") -> bool:
    return (answer.status, answer.issue["code"], answer.headers.get("Retry-After")) == (503, code, "5")


class TestFailures:
    @pytest.mark.parametrize("name", ["create", "conditional update", "transaction"])
    @pytest.mark.parametrize(
        "fault",
        [
            {"failCommands": ["commitTransaction"], "closeConnection": True},
            {"failCommands": ["commitTransaction"], "errorCode": 50, "errorLabels": ["UnknownTransactionCommitResult"]},
            {"failCommands": ["commitTransaction"], "errorCode": 112, "errorLabels": ["TransientTransactionError"]},
            {"failCommands": ["insert", "update"], "errorCode": 112, "errorLabels": ["TransientTransactionError"]},
            {"failCommands": ["insert", "update"], "closeConnection": True},
        ],
        ids=["commit lost", "commit slow", "commit conflict", "write conflict", "write lost"],
    )
    def test_what_passes_is_overcome_and_nothing_is_done_twice(
        self, own: Mongod, hub: HubClient, name: str, fault: dict[str, Any]
    ) -> None:
        before = versions(hub)
        with own.failing(mode={"times": 2}, **fault):
            answer = WRITES[name](hub)
        assert answer.status in {200, 201, 204}, answer.resource
        assert versions(hub) == before + 1
        check_store(hub.database, BASE)

    @pytest.mark.parametrize("name", ["create", "transaction"])
    def test_a_commit_that_is_never_confirmed_has_an_unknown_outcome(
        self, own: Mongod, hub: HubClient, name: str
    ) -> None:
        before = versions(hub)
        started = time.monotonic()
        with own.failing(failCommands=["commitTransaction"], closeConnection=True):
            answer = WRITES[name](hub)
        assert unavailable(answer, "timeout")
        assert "unknown" in answer.issue["diagnostics"]
        assert time.monotonic() - started < SECONDS + 4
        assert versions(hub) in {before, before + 1}
        check_store(hub.database, BASE)
        deadline = time.monotonic() + 10
        while (again := WRITES[name](hub)).status == 503 and time.monotonic() < deadline:
            assert unavailable(again)
        assert again.status < 300

    def test_a_commit_that_is_made_and_not_confirmed_in_time_is_there(self, own: Mongod, hub: HubClient) -> None:
        """The write concern fails after the commit: exactly the case the client has to look after."""
        concern = {"code": 64, "errmsg": "waiting for replication timed out", "errInfo": {"wtimeout": True}}
        with own.failing(failCommands=["commitTransaction"], writeConcernError=concern):
            answer = hub.put("Patient/a", patient("1", id="a", active=True))
        assert unavailable(answer, "timeout")
        assert hub.get("Patient/a").version_id == "2"
        check_store(hub.database, BASE)

    def test_writes_that_share_a_lost_commit_are_all_unknown_and_made_at_most_once(
        self, own: Mongod, hub: HubClient
    ) -> None:
        before = versions(hub)
        with own.failing(failCommands=["commitTransaction"], closeConnection=True), ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda n: hub.post("Patient", patient(f"many{n}")), range(8)))
        assert all(unavailable(answer, "timeout") for answer in answers)
        assert versions(hub) <= before + 8
        for number in range(8):
            assert hub.get(f"Patient?{mrn(f'many{number}')}").resource["total"] <= 1
        check_store(hub.database, BASE)

    @pytest.mark.parametrize("name", READS)
    def test_a_read_without_answer_in_time_is_refused_not_awaited(self, own: Mongod, hub: HubClient, name: str) -> None:
        with own.failing("maxTimeAlwaysTimeOut"):
            answer = hub.get(READS[name])
        assert (answer.status, answer.issue["severity"]) in {(400, "error"), (503, "error")}
        assert answer.issue["code"] in {"too-costly", "transient"}
        assert hub.get(READS[name]).status == 200

    @pytest.mark.parametrize("name", READS)
    def test_a_lost_read_is_read_again(self, own: Mongod, hub: HubClient, name: str) -> None:
        with own.failing(mode={"times": 1}, failCommands=["find", "aggregate"], closeConnection=True):
            assert hub.get(READS[name]).status == 200


class TestOutages:
    def test_killed_mongod_is_503_at_once_and_after_its_return_all_is_well(self, own: Mongod, hub: HubClient) -> None:
        stored = hub.put("Patient/a", patient("1", id="a", gender="other"))
        own.kill()
        try:
            for name, path in list(READS.items())[::3]:
                started = time.monotonic()
                answer = hub.get(path)
                assert unavailable(answer), name
                assert time.monotonic() - started < 5
            for name, write in list(WRITES.items())[1::2]:
                started = time.monotonic()
                answer = write(hub)
                assert unavailable(answer), name
                assert "nothing was changed" in answer.issue["diagnostics"]
                assert time.monotonic() - started < SECONDS + 4, name
            batch = hub.batch(entry("GET", "Patient/a"), entry("POST", "Patient", patient()), entry("GET", "metadata"))
            assert [row["response"]["status"] for row in batch.entries] == ["503", "503", "200"]
            assert hub.hub.database.unavailable() is not None
        finally:
            own.start()
        assert hub.hub.database.unavailable() is None
        assert hub.get("Patient/a").content == stored.content
        for write in WRITES.values():
            assert write(hub).status < 300
        check_store(hub.database, BASE)

    def test_frozen_mongod_is_503_in_time_and_after_it_all_is_well(self, own: Mongod, hub: HubClient) -> None:
        before = versions(hub)
        with own.frozen():
            started = time.monotonic()
            read = hub.get("Patient/a")
            written = hub.post("Patient", patient(unique()))
            elapsed = time.monotonic() - started
            assert hub.hub.database.unavailable() is not None
        assert unavailable(read)
        assert written.status == 503
        assert elapsed < SECONDS + 8
        assert hub.get("Patient/a").status == 200
        assert versions(hub) in {before, before + 1}
        check_store(hub.database, BASE)

    def test_mongod_that_dies_under_writers_leaves_whole_commits(self, own: Mongod, hub: HubClient) -> None:
        """Transactions of three while it is killed and started: each is there whole or not at all."""
        done: list[str] = []

        def work(number: int) -> None:
            for step in range(60):
                value = f"w{number}-{step}"
                answer = hub.transaction(*(entry("POST", "Patient", patient(value)) for _ in range(3)))
                if answer.status == 200:
                    done.append(value)
                else:
                    assert answer.status == 503

        with ThreadPoolExecutor(4) as threads:
            running = [threads.submit(work, number) for number in range(4)]
            time.sleep(0.3)
            own.kill()
            own.start()
            for each in running:
                each.result()
        assert done
        with MongoClient[dict[str, Any]](own.uri) as client:
            rows = client[hub.database.name]["Patient"].aggregate([{"$group": {"_id": "$k", "count": {"$sum": 1}}}])
            counts = {str(row["_id"]): row["count"] for row in rows}
        assert all(count == 3 for key, count in counts.items() if "=w" in key)
        for value in done:
            assert hub.get(f"Patient?{mrn(value)}").resource["total"] == 3
        check_store(hub.database, BASE)
