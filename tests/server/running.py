"""The whole product as operators start it, `fhirhub serve` in processes of its own, and what tests ask of it."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from fhirhub.model.json import Json, decode_trusted, encode
from tests.processes import await_ready, web_workers

COMMAND = (sys.executable, "-m", "fhirhub", "serve")
FHIR_JSON = "application/fhir+json"
FHIR_XML = "application/fhir+xml"


@dataclass
class Server:
    """A running server. `base` is its FHIR base URL, `log` what it wrote to standard error, one JSON object a line."""

    process: subprocess.Popen[str]
    base: str
    log: Path
    _sessions: threading.local = field(default_factory=threading.local)

    @property
    def root(self) -> str:
        """The URL above the FHIR base."""
        return self.base.removesuffix("/fhir")

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self.root.rpartition(":")[2])

    @property
    def session(self) -> requests.Session:
        """Connections of this thread, kept open."""
        if not hasattr(self._sessions, "session"):
            session = requests.Session()
            session.mount("http://", HTTPAdapter(pool_maxsize=2))
            # Only what a test says goes into a request.
            session.headers.clear()
            session.trust_env = False
            self._sessions.session = session
        found: requests.Session = self._sessions.session
        return found

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request below the base URL; redirects are not followed."""
        return self.session.request(method, f"{self.base}{path}", timeout=60, allow_redirects=False, **options)

    def page(self, path: str) -> requests.Response:
        """Get a page beside the FHIR service."""
        return self.session.get(f"{self.root}{path}", timeout=60)

    def send(self, method: str, path: str, resource: Any, **headers: str) -> requests.Response:
        """Send a resource as JSON; underscores in header names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(method, path, data=encode(resource), headers={"Content-Type": FHIR_JSON} | named)

    def created(self, resource: Json) -> Json:
        """Create a resource and return it as it was stored."""
        answer = self.send("POST", f"/{resource['resourceType']}", resource)
        assert answer.status_code == 201, answer.text
        stored: Json = decode_trusted(answer.content)
        return stored

    def logged(self, request_id: str) -> dict[str, Any]:
        """The log line of a request; it follows the answer."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for line in self.log.read_text().splitlines():
                if request_id in line and line.startswith("{"):
                    found: dict[str, Any] = json.loads(line)
                    return found
            time.sleep(0.02)
        raise AssertionError(f"the log says nothing of the request {request_id}")

    def workers(self) -> list[int]:
        """The process ids of the web workers."""
        return web_workers(self.process.pid)

    def await_ready(self) -> None:
        """Wait until it takes requests again."""
        await_ready(self.root)


@contextmanager
def running(folder: Path, uri: str, database: str, **variables: str) -> Iterator[Server]:
    """Start a server of two workers on a free port; end it afterwards.

    Arguments:
        folder: for its log.
        uri, database: the MongoDB it works on.
        variables: more settings, by the name of their variable without FHIRHUB_.
    """
    given = {
        "MONGODB_URI": uri,
        "DATABASE": database,
        "PORT": "0",
        "WORKERS": "2",
        # Those who ask for the web workers want no other process among them.
        "WORKER": "false",
        "LOG_FORMAT": "json",
        **variables,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FHIRHUB_")}
    environ = inherited | {f"FHIRHUB_{name}": value for name, value in given.items()}
    log = folder / "server.log"
    with log.open("w") as errors:
        process = subprocess.Popen(COMMAND, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said.startswith("fhirhub ready at "), log.read_text()
            yield Server(process, said.split()[-1], log)
        finally:
            process.terminate()
            process.communicate(timeout=60)
