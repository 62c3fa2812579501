"""The processes behind `fhirhub serve`: start, stop, and what survives a kill."""

import os
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from fhirhub.server import listen
from fhirhub.settings import ConfigurationError, Settings
from tests.http.conftest import Echo, running, start


def test_server_says_once_that_it_is_ready(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as errors:
        process = start(2, 0, errors)
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("fhirhub ready at ").strip()
        assert requests.get(f"{url}/Patient/1", timeout=20).json()["resourceType"] == "Parameters"
        process.terminate()
        rest, _ = process.communicate(timeout=20)
    assert (rest, process.returncode) == ("", 0)
    assert "error" not in (tmp_path / "log").read_text()


def test_server_waits_until_it_is_ready(tmp_path: Path) -> None:
    marker = tmp_path / "not-ready"
    marker.touch()
    port = _free_port()
    with (tmp_path / "log").open("w") as errors:
        process = start(1, port, errors, ECHO_NOT_READY=str(marker))
        try:
            assert process.stdout is not None
            assert _when_listening(f"http://127.0.0.1:{port}/ready").status_code == 503
            os.set_blocking(process.stdout.fileno(), False)
            assert not process.stdout.readline()
            os.set_blocking(process.stdout.fileno(), True)
            marker.unlink()
            assert process.stdout.readline() == f"fhirhub ready at http://127.0.0.1:{port}/fhir\n"
        finally:
            process.terminate()
            process.communicate(timeout=20)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_server_lets_requests_end_and_ends_its_workers(tmp_path: Path, sent: signal.Signals) -> None:
    with running(tmp_path, workers=2) as echo, ThreadPoolExecutor(1) as pool:
        pids = _workers(echo, 2)
        slow = pool.submit(echo.ask, "GET", "/Basic/slow")
        time.sleep(0.5)
        echo.process.send_signal(sent)
        assert slow.result().json()["id"] == "slow"
        assert echo.process.wait(20) == 0
        assert not any(_exists(pid) for pid in pids)
        with pytest.raises(requests.ConnectionError):
            echo.ask("GET", "/Patient/1")


def test_server_stops_although_a_client_keeps_its_connection(tmp_path: Path) -> None:
    with running(tmp_path) as echo, requests.Session() as session:
        assert session.get(f"{echo.base}/Patient/1", timeout=20).status_code == 200
        began = time.monotonic()
        echo.process.terminate()
        assert echo.process.wait(20) == 0
        assert time.monotonic() - began < 5


def test_server_replaces_a_killed_worker_and_refuses_nobody(tmp_path: Path) -> None:
    with running(tmp_path) as echo:
        seen = _workers(echo, 1)
        # Twice within seconds, where granian alone would give up.
        for _ in range(2):
            (pid,) = _workers(echo, 1)
            os.kill(pid, signal.SIGKILL)
            # Connects at once and waits in the socket that outlives the worker.
            replaced = _workers(echo, 1)
            assert not replaced & seen
            seen |= replaced
        assert "Unexpected exit" in echo.log.read_text()
        # The dead workers' counts are still there.
        text = requests.get(f"{echo.root}/metrics", timeout=20).text
        assert 'fhirhub_requests_total{method="GET",route="/{type}/{id}",status="200"} 5.0' in text


def test_server_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, workers=2) as echo:
        pids = _workers(echo, 2)
        echo.process.kill()
        deadline = time.monotonic() + 10
        while any(_exists(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(_exists(pid) for pid in pids)


def test_server_whose_workers_cannot_start_gives_up(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as errors:
        process = start(1, 0, errors, ECHO_FAILS="1")
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert out == ""
    log = (tmp_path / "log").read_text()
    assert "RuntimeError: This worker cannot start." in log
    assert "WorkersFailed: The web workers do not start" in log


def test_server_names_a_port_in_use(echo: Echo) -> None:
    port = int(echo.root.rpartition(":")[2])
    with pytest.raises(ConfigurationError, match=f"port {port} of 127.0.0.1: another program uses it.*--port"):
        listen(Settings(port=port))


def test_server_names_an_address_it_does_not_have() -> None:
    with pytest.raises(ConfigurationError, match=r"port 0 of 192\.0\.2\.1: "):
        listen(Settings(host="192.0.2.1", port=0))


def _workers(echo: Echo, count: int) -> set[int]:
    """The process ids of the workers, asked until `count` of them have answered."""
    pids: set[int] = set()
    while len(pids) < count:
        with ThreadPoolExecutor(8) as pool:
            asked = range(1 if count == 1 else 16)
            pids |= {int(answer.json()["id"]) for answer in pool.map(lambda _: echo.ask("GET", "/Basic/worker"), asked)}
    return pids


def _when_listening(url: str) -> requests.Response:
    deadline = time.monotonic() + 10
    while True:
        try:
            return requests.get(url, timeout=20)
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _exists(pid: int) -> bool:
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True).returncode == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
