"""Fixtures of the HTTP tests: a server in processes of its own, and what its answers say."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
import requests

PROJECT = Path(__file__).parents[2]


@dataclass
class Echo:
    """A running echo server. `base` is its FHIR base URL, `root` the URL above, `log` what it wrote to stderr."""

    process: subprocess.Popen[str]
    base: str
    log: Path

    @property
    def root(self) -> str:
        return self.base.removesuffix("/fhir")

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request below the base URL."""
        return requests.request(method, f"{self.base}{path}", timeout=20, **options)

    def received(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """What the dispatch got: each field, `path` and `query` as lists."""
        answer = self.ask(method, path, **options)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = {"path": [], "query": []}
        for row in answer.json()["parameter"]:
            if row["name"] in ("path", "query"):
                found[row["name"]].append(row["valueString"])
            else:
                found[row["name"]] = row["valueString"]
        return found

    def logged(self, path: str, count: int = 1) -> list[dict[str, Any]]:
        """The log lines of a path, when there are `count` of them: a line follows its answer."""
        deadline = time.monotonic() + 10
        while True:
            lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
            found = [line for line in lines if line.get("path") == path]
            if len(found) >= count or time.monotonic() > deadline:
                return found
            time.sleep(0.02)


@contextmanager
def running(folder: Path, *, workers: int = 1, **variables: str) -> Iterator[Echo]:
    """Start an echo server on a free port; end it and all of its workers."""
    log = folder / "server.log"
    with log.open("w") as errors:
        process = start(workers, 0, errors, **variables)
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready.startswith("fhirhub ready at "), log.read_text()
            yield Echo(process, ready.split()[-1], log)
        finally:
            process.terminate()
            process.communicate(timeout=30)


def start(workers: int, port: int, errors: IO[str], **variables: str) -> subprocess.Popen[str]:
    """Start the process of an echo server."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.http.echo_server", str(workers), str(port)],
        cwd=PROJECT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Echo]:
    """One server for all tests that only ask."""
    with running(tmp_path_factory.mktemp("echo")) as server:
        yield server


Refusal = Callable[[requests.Response, int, str], str]


@pytest.fixture
def refused() -> Refusal:
    """Check that an answer is a refusal with status and issue code; return its diagnostics."""

    def check(answer: requests.Response, status: int, code: str) -> str:
        assert answer.status_code == status, answer.text
        outcome = answer.json()
        assert outcome["resourceType"] == "OperationOutcome"
        (issue,) = outcome["issue"]
        assert (issue["severity"], issue["code"]) == ("error", code)
        assert answer.headers["X-Request-Id"]
        diagnostics: str = issue["diagnostics"]
        return diagnostics

    return check
