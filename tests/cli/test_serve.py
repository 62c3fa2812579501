"""`fhirhub serve` from outside: the ready line, an orderly end, and nothing left behind."""

import signal
import socket
from pathlib import Path

import pytest
import requests

from fhirhub.model.json import encode
from tests.cli.commands import Running, fhirhub, started
from tests.processes import alive, eventually

QUIET = {"MONGOD_CACHE_GB": "0.25", "WORKERS": "2", "PORT": "0"}


def ready_url(command: Running) -> str:
    line = command.line()
    assert line.startswith("fhirhub ready at http://127.0.0.1:"), command.errors
    return line.removeprefix("fhirhub ready at ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_and_ends_everything_it_started(tmp_path: Path, number: signal.Signals) -> None:
    with started("serve", "--data", "db", cwd=tmp_path, settings=QUIET) as command:
        url = ready_url(command)
        statement = requests.get(f"{url}/metadata", timeout=30).json()
        assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
        resource = encode({"resourceType": "Patient", "id": "kept"})
        made = requests.put(
            f"{url}/Patient/kept", resource, headers={"Content-Type": "application/fhir+json"}, timeout=30
        )
        assert made.status_code == 201
        pids = command.descendants()
        # mongod and two web workers at least.
        assert len(pids) >= 3
        status, rest = command.end(number)
        assert (status, rest) == (0, "")
        assert eventually(lambda: not alive(pids), 5)
        assert "end of life" in command.errors
        assert "Traceback" not in command.errors
    with started("serve", "--data", "db", cwd=tmp_path, settings=QUIET) as command:
        assert requests.get(f"{ready_url(command)}/Patient/kept", timeout=30).json()["id"] == "kept"


def test_serve_killed_leaves_no_process(tmp_path: Path) -> None:
    with started("serve", "--data", "db", cwd=tmp_path, settings=QUIET) as command:
        ready_url(command)
        pids = command.descendants()
        command.end(signal.SIGKILL)
        assert eventually(lambda: not alive(pids))


def test_serve_told_to_end_while_it_starts_leaves_no_process(tmp_path: Path) -> None:
    with started("serve", "--data", "db", cwd=tmp_path, settings=QUIET) as command:
        assert eventually(lambda: bool(command.descendants()))
        pids = command.descendants()
        status, output = command.end(signal.SIGTERM)
        assert (status, output) == (0, "")
        assert eventually(lambda: not alive(pids), 5)
        assert "Traceback" not in command.errors


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_address_beyond_loopback_is_refused_before_anything_is_started(tmp_path: Path, command: str) -> None:
    answer = fhirhub(command, "--host", "0.0.0.0", "--port", "0", "--data", "db", cwd=tmp_path)
    assert answer.returncode == 2
    assert "Refusing to listen on 0.0.0.0" in answer.stderr
    assert answer.stdout == ""
    assert not (tmp_path / "db").exists()


def test_taken_port_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = fhirhub("serve", "--port", port, "--data", "db", cwd=tmp_path)
    assert answer.returncode == 2
    assert f"cannot listen on port {port}" in answer.stderr
    assert not (tmp_path / "db").exists()
