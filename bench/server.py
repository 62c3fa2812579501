"""Starts what is measured: fhirhub as an operator would, and the bare WSGI application, on ports of their own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def free_port() -> int:
    """Return a TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def fhirhub(uri: str, database: str, *, workers: int, log: Path) -> Iterator[int]:
    """Run `fhirhub serve` against a database; yields its port."""
    port = free_port()
    command = [sys.executable, "-m", "fhirhub", "serve", "--port", str(port), "--workers", str(workers)]
    variables = {"FHIRHUB_MONGODB_URI": uri, "FHIRHUB_DATABASE": database, "FHIRHUB_LOG_LEVEL": "warning"}
    with _process(command, variables, log), _listening(port, log):
        yield port


def run_load(uri: str, database: str, file: Path, *, workers: int) -> None:
    """Run `fhirhub load` on a file. Raises CalledProcessError when anything was refused."""
    command = [sys.executable, "-m", "fhirhub", "load", "--workers", str(workers), str(file)]
    variables = {"FHIRHUB_MONGODB_URI": uri, "FHIRHUB_DATABASE": database}
    subprocess.run(command, env={**os.environ, **variables}, check=True, capture_output=True)


@contextlib.contextmanager
def bare(uri: str, database: str, *, workers: int, log: Path) -> Iterator[int]:
    """Run the bare WSGI application on the same server; yields its port."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--no-ws", "--log-level", "error"]
    command += ["--workers", str(workers), "--blocking-threads", "4", "--port", str(port)]
    variables = {"BENCH_MONGODB_URI": uri, "BENCH_DATABASE": database}
    with _process([*command, "bench.bare:read_application"], variables, log), _listening(port, log):
        yield port


@contextlib.contextmanager
def _process(command: list[str], variables: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=out, stderr=out)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def _listening(port: int, log: Path) -> Iterator[None]:
    deadline = time.monotonic() + 60
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
                probe.sendall(b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if probe.recv(12):
                    break
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)
    yield
