"""Tests of plugins: a whole server in the test process, over a real MongoDB, with the plugins that a test names.

In `conftest.py`: `pytest_plugins = ["fhirhub.plugin.testing"]`; then there are the fixtures `hub`, `drain` and
`clock`, and `plugins`, `settings` and `agent`, which a test module overrides. docs/plugins/testing.md
"""

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from fhirhub.hooks.contract import broken as broken_contract
from fhirhub.hub import Hub as Server
from fhirhub.hub import open_hub
from fhirhub.model.agent import ANONYMOUS, Agent
from fhirhub.model.json import Json
from fhirhub.plugin import Hub
from fhirhub.plugin.minimal import minimal
from fhirhub.settings import Settings
from fhirhub.store.embedded import find_mongod, start
from fhirhub.worker.drain import drain as drain_server

__all__ = ["NOW", "Clock", "broken_contract", "minimal", "observation", "patient"]

NOW: Final = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
"""Where the clock of a test stands at its beginning."""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def __call__(self) -> datetime:
        """Return the time, in UTC."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move on."""
        self._now += by

    def set(self, to: datetime) -> None:
        """Go to a time with a zone."""
        self._now = to.astimezone(UTC)


@pytest.fixture(scope="session")
def fhirhub_mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a real MongoDB: `FHIRHUB_TEST_MONGODB_URI`, or an embedded one for this test run."""
    if uri := os.environ.get("FHIRHUB_TEST_MONGODB_URI"):
        yield uri
        return
    named = os.environ.get("FHIRHUB_MONGOD")
    program = find_mongod(Path(named) if named else None, os.environ)
    with start(tmp_path_factory.mktemp("mongod"), program, cache_gb=1.0, oplog_mb=512) as running:
        yield running.uri


@pytest.fixture
def clock() -> Clock:
    """The clock of the server of the test."""
    return Clock()


@pytest.fixture
def plugins() -> Sequence[str]:
    """The names of the plugins that are enabled; to be overridden."""
    return ()


@pytest.fixture
def settings() -> dict[str, Any]:
    """Settings of the server, by name: `{"plugin": {"mine": {"key": "value"}}}`; to be overridden."""
    return {}


@pytest.fixture
def server_settings(fhirhub_mongodb: str, plugins: Sequence[str], settings: dict[str, Any]) -> Settings:
    """All settings of the server of the test: with a database of its own, `mongodb_uri` and `database`."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    return Settings(mongodb_uri=fhirhub_mongodb, database=name, plugins=tuple(plugins), **settings)


@pytest.fixture
def server(server_settings: Settings, clock: Clock) -> Iterator[Server]:
    """The server itself, started: what `hub` and `drain` work on. Not a part of the API of plugins."""
    opened = open_hub(server_settings, now=clock)
    try:
        opened.start()
        yield opened
    finally:
        opened.database.drop()
        opened.close()


@pytest.fixture
def agent() -> Agent:
    """For whom `hub` acts; to be overridden."""
    return ANONYMOUS


@pytest.fixture
def hub(server: Server, agent: Agent) -> Hub:
    """The hub of somebody who is not the plugin: what it does takes the way of a request over HTTP."""
    return server.hub_for(agent)


@pytest.fixture
def drain(server: Server) -> Callable[[], None]:
    """A function that does what workers would do by now: changes are delivered, jobs that are due are run."""
    return lambda: drain_server(server)


def patient(**elements: Any) -> Json:
    """A Patient with a name, a sex and a birth date, and the elements given."""
    name = [{"family": "王", "given": ["芳"], "text": "王芳"}]
    return {"resourceType": "Patient", "name": name, "gender": "female", "birthDate": "1980-05-17", **elements}


def observation(subject: str, code: str, value: Any, unit: str, at: str, **elements: Any) -> Json:
    """A final Observation of one quantity.

    Arguments:
        subject: `Patient/1`.
        code: of LOINC.
        value: a number, best a Decimal or an integer.
        unit: of UCUM.
        at: a FHIR dateTime.
    """
    system = "http://unitsofmeasure.org"
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": subject},
        "effectiveDateTime": at,
        "valueQuantity": {"value": value, "unit": unit, "system": system, "code": unit},
        **elements,
    }
