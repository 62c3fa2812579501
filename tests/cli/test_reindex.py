"""`fhirhub reindex` from outside: what it prints, its exit status, and what is in the database afterwards."""

from pathlib import Path

import pytest
from pymongo import MongoClient

from fhirhub.hub import open_hub
from fhirhub.model.json import Json
from fhirhub.settings import Settings
from tests.cli.commands import fhirhub
from tests.interactions.hub_client import HubClient, observation, patient


@pytest.fixture
def spoilt(mongodb_uri: str, database_name: str) -> dict[str, str]:
    """A database with resources that have lost their index entries, as settings."""
    hub = open_hub(Settings(mongodb_uri=mongodb_uri, database=database_name))
    client = HubClient(hub)
    for number in range(5):
        client.put(f"Patient/{number}", patient(id=str(number), gender="female"))
    client.put("Observation/o", observation(id="o"))
    hub.close()
    with MongoClient[Json](mongodb_uri) as raw:
        for name in ("Patient", "Observation"):
            raw[database_name][name].update_many({}, {"$set": {"k": []}})
    return {"MONGODB_URI": mongodb_uri, "DATABASE": database_name}


def indexed(settings: dict[str, str], resource_type: str) -> int:
    with MongoClient[Json](settings["MONGODB_URI"]) as raw:
        return raw[settings["DATABASE"]][resource_type].count_documents({"k": {"$ne": []}})


def test_reindex_waits_until_all_is_made_anew(tmp_path: Path, spoilt: dict[str, str]) -> None:
    answer = fhirhub("reindex", "--wait", cwd=tmp_path, settings=spoilt)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "Reindex 1 is done: 6 resources, 0 failed."
    assert (indexed(spoilt, "Patient"), indexed(spoilt, "Observation")) == (5, 1)
    # Quiet where nobody watches: no progress bar.
    assert "%" not in answer.stderr


def test_reindex_of_a_type_leaves_the_others_alone(tmp_path: Path, spoilt: dict[str, str]) -> None:
    answer = fhirhub("reindex", "--type", "Observation", "--wait", cwd=tmp_path, settings=spoilt)
    assert answer.returncode == 0, answer.stderr
    assert (indexed(spoilt, "Patient"), indexed(spoilt, "Observation")) == (0, 1)


def test_reindex_without_waiting_is_left_to_others(tmp_path: Path, spoilt: dict[str, str]) -> None:
    answer = fhirhub("reindex", cwd=tmp_path, settings=spoilt)
    assert (answer.returncode, indexed(spoilt, "Patient")) == (0, 0)
    assert "Reindex 1 is asked for" in answer.stdout
    # The next one that waits does that one.
    assert fhirhub("reindex", "--wait", cwd=tmp_path, settings=spoilt).returncode == 0
    assert indexed(spoilt, "Patient") == 5


def test_reindex_tells_what_failed(tmp_path: Path, spoilt: dict[str, str]) -> None:
    with MongoClient[Json](spoilt["MONGODB_URI"]) as raw:
        raw[spoilt["DATABASE"]]["Patient"].update_one({"_id": "3"}, {"$set": {"r": b"{"}})
    answer = fhirhub("reindex", "--wait", cwd=tmp_path, settings=spoilt)
    assert answer.returncode == 1
    assert "6 resources, 1 failed" in answer.stdout
    assert indexed(spoilt, "Patient") == 4


def test_reindex_of_an_unknown_type_is_refused(tmp_path: Path, spoilt: dict[str, str]) -> None:
    answer = fhirhub("reindex", "--type", "Patinet", cwd=tmp_path, settings=spoilt)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "Did you mean Patient?" in answer.stderr
