"""The worker beside `fhirhub serve`, `fhirhub worker` and `fhirhub replay`, with a plugin that notes what it hears.

docs/operations.md
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from pymongo import MongoClient

from fhirhub.model.json import Json, encode
from tests.cli.commands import Running, fhirhub, started
from tests.processes import alive, eventually

_PLUGIN = """
from pathlib import Path

from fhirhub.plugin import hook

FOLDER = Path(__file__).parent


@hook
def fhirhub_on_change(change):
    if (FOLDER / "fail").exists():
        raise ValueError("the patient is called Jane Doe")
    with (FOLDER / "heard").open("a") as file:
        file.write(f"{change.reference} {change.version}\\n")
"""


class Site:
    """A folder with the plugin, and the settings that all commands of the test have."""

    def __init__(self, folder: Path, uri: str, database: str) -> None:
        self.folder = folder
        self.plugins = folder / "own"
        self.plugins.mkdir()
        (self.plugins / "listening.py").write_text(_PLUGIN)
        self.settings = {
            "MONGODB_URI": uri,
            "DATABASE": database,
            "PORT": "0",
            "WORKERS": "1",
            "PLUGINS": "listening",
            "PLUGIN_FILES": str(self.plugins),
            "DELIVERY_ATTEMPTS": "1",
        }

    @contextmanager
    def serving(self, *more: str) -> Iterator[tuple[Running, str]]:
        with started("serve", *more, cwd=self.folder, settings=self.settings) as command:
            line = command.line()
            assert line.startswith("fhirhub ready at "), command.errors
            yield command, line.removeprefix("fhirhub ready at ")

    def heard(self, line: str) -> bool:
        """Whether the plugin comes to hear of a version."""
        file = self.plugins / "heard"
        return eventually(lambda: file.exists() and line in file.read_text().splitlines())

    def told(self, *arguments: str) -> str:
        """Run a command and return its output."""
        done = fhirhub(*arguments, cwd=self.folder, settings=self.settings)
        assert done.returncode in {0, 1}, done.stderr
        assert "Traceback" not in done.stderr
        return f"{done.stdout}exit status {done.returncode}"


@pytest.fixture
def site(tmp_path: Path, mongodb_uri: str, database_name: str) -> Site:
    return Site(tmp_path, mongodb_uri, database_name)


def put(url: str, logical_id: str, **elements: object) -> None:
    body = encode({"resourceType": "Patient", "id": logical_id, **elements})
    answer = requests.put(
        f"{url}/Patient/{logical_id}", body, headers={"Content-Type": "application/fhir+json"}, timeout=30
    )
    assert answer.status_code in {200, 201}, answer.text


def workers_of(site: Site) -> set[int]:
    """The process ids of the workers that are alive, as they have signed in."""
    with MongoClient[Json](site.settings["MONGODB_URI"]) as client:
        rows = client[site.settings["DATABASE"]]["worker"].find()
        return alive({int(row["h"].rpartition(":")[2]) for row in rows})


def test_server_hands_changes_to_plugins_and_replaces_its_worker(site: Site) -> None:
    with site.serving() as (command, url):
        put(url, "a")
        assert site.heard("Patient/a 1")
        (first,) = workers_of(site)
        assert first in command.descendants()
        os.kill(first, signal.SIGKILL)
        put(url, "a", active=True)
        # The lease of the killed one ends first.
        assert site.heard("Patient/a 2")
        (second,) = workers_of(site)
        assert second != first
        status, rest = command.end(signal.SIGTERM)
        assert (status, rest) == (0, "")
        assert not alive({second})
        assert "Traceback" not in command.errors


def test_worker_ends_with_a_server_that_is_killed(site: Site) -> None:
    with site.serving() as (command, url):
        put(url, "a")
        assert site.heard("Patient/a 1")
        pids = command.descendants()
        assert workers_of(site) <= pids
        command.end(signal.SIGKILL)
        assert eventually(lambda: not alive(pids))


def test_worker_of_its_own_does_what_a_server_without_one_leaves(site: Site) -> None:
    with site.serving("--no-worker") as (_, url):
        put(url, "a")
        assert workers_of(site) == set()
        assert "outbox: 1 commits" in site.told("worker", "--status")
        with started("worker", cwd=site.folder, settings=site.settings) as worker:
            assert site.heard("Patient/a 1")
            assert workers_of(site) == {worker.process.pid}
            assert eventually(lambda: "outbox: 0 commits" in site.told("worker", "--status"))
            status, rest = worker.end(signal.SIGTERM)
            assert (status, rest) == (0, "")
            assert "Traceback" not in worker.errors
        assert "workers: 0" in site.told("worker", "--status")


def test_parked_changes_are_told_of_and_replayed(site: Site) -> None:
    (site.plugins / "fail").touch()
    with site.serving() as (command, url):
        put(url, "a")
        assert eventually(lambda: "exit status 1" in site.told("worker", "--status"))
        said = site.told("worker", "--status")
        assert "parked for listening: 1 resources" in said
        assert "listening Patient/a: ValueError in fhirhub_on_change (listening.py:" in said
        assert "Jane" not in said + command.errors
        (site.plugins / "fail").unlink()
        assert site.told("replay", "--plugin", "listening").startswith("1 resources are due again")
        assert site.heard("Patient/a 1")
        # One that is enabled only now has not heard of what there was before.
        (site.plugins / "heard").unlink()
        assert "All Patient will be handed to listening" in site.told(
            "replay", "--plugin", "listening", "--all-of", "Patient"
        )
        assert site.heard("Patient/a 1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--all-of", "Patient"), "--all-of needs --plugin"),
        (("--plugin", "other", "--all-of", "Patient"), "listening"),
        (("--plugin", "listening", "--all-of", "Patinet"), "'Patinet' is not a resource type"),
        (("--resource", "Patient"), "such as Patient/1"),
    ],
)
def test_replay_of_what_there_is_not_is_refused(site: Site, arguments: tuple[str, ...], said: str) -> None:
    refused = fhirhub("replay", *arguments, cwd=site.folder, settings=site.settings)
    assert refused.returncode == 2
    assert said in refused.stderr
