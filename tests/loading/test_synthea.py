"""Real records: Synthea's transaction Bundles load whole, and every reference in them leads somewhere.

All 122 Bundles (92,114 resources), and one patient of 25,000 resources in one transaction.
"""

import bz2
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo import MongoClient

from fhirhub.model.json import Json, decode_trusted, encode
from fhirhub.settings import Settings
from fhirhub.store.embedded import find_mongod, start
from tests.loading.loads import Loaded, load_paths, references, transaction

pytestmark = pytest.mark.data

LEADING = 2
_CONDITIONAL = re.compile(r"(\w+)\?identifier=([^|]+)\|(.+)")


@pytest.fixture(scope="module")
def bundles(test_data: Path) -> list[Path]:
    """Hospitals, practitioners, then the patients from the smallest file to the largest."""
    files = sorted((test_data / "synthea" / "patients-120").glob("*.json.bz2"))
    return files[:LEADING] + sorted(files[LEADING:], key=lambda path: path.stat().st_size)


def resources_in(path: Path) -> list[Json]:
    bundle = msgspec.json.decode(bz2.decompress(path.read_bytes()))
    return [entry["resource"] for entry in bundle["entry"]]


def counts_in(paths: Iterable[Path]) -> Counter[str]:
    return Counter(resource["resourceType"] for path in paths for resource in resources_in(path))


def stored_in(settings: Settings) -> Iterator[tuple[str, str, Json]]:
    """Type, id and content of everything in the database."""
    with MongoClient[Any](settings.mongodb_uri) as client:
        database = client[settings.database]
        for name in database.list_collection_names():
            if name[0].isupper():
                for document in database[name].find({}, {"r": 1}):
                    yield name, document["_id"], decode_trusted(document["r"])


def check(settings: Settings, loaded: Loaded, expected: Counter[str]) -> None:
    """What was loaded is what is in the files, and no reference leads nowhere."""
    assert loaded.sentences == []
    assert loaded.stopped is None
    assert {name: row["created"] for name, row in loaded.tally.items()} == dict(expected)
    counts: Counter[str] = Counter()
    there: set[str] = set()
    wanted: Counter[str] = Counter()
    for name, logical_id, resource in stored_in(settings):
        counts[name] += 1
        there.add(f"{name}/{logical_id}")
        wanted.update(each for each in references(resource) if not each.startswith("#"))
    assert counts == expected
    assert wanted
    assert sorted(set(wanted) - there)[:5] == []


def test_synthea_patients_before_their_hospitals_load_whole(
    settings: Settings, bundles: list[Path], tmp_path: Path
) -> None:
    # By names that do not lead, and in the wrong order.
    chosen = [*bundles[LEADING : LEADING + 2], *bundles[:LEADING]]
    for number, path in enumerate(chosen):
        (tmp_path / f"{number}.bundle.json.bz2").write_bytes(path.read_bytes())
    loaded = load_paths(settings, tmp_path)
    check(settings, loaded, counts_in(chosen))


@pytest.mark.timeout(1200)
def test_synthea_loads_whole(settings: Settings, bundles: list[Path], test_data: Path) -> None:
    loaded = load_paths(settings, test_data / "synthea" / "patients-120")
    check(settings, loaded, counts_in(bundles))


@pytest.mark.timeout(600)
def test_synthea_patient_of_25000_resources_loads_whole(test_data: Path, tmp_path: Path) -> None:
    path = test_data / "synthea" / "one-very-large-patient.json.bz2"
    resources = resources_in(path)
    # The Bundle refers to hospitals and practitioners by their identifiers, and comes without them.
    found = {match.groups() for each in references(resources) if (match := _CONDITIONAL.fullmatch(each))}
    missing: list[Json] = [
        {"resourceType": name, "identifier": [{"system": system, "value": value}]} for name, system, value in found
    ]
    stubs = transaction(*(("POST", each["resourceType"], each) for each in missing), kind="batch")
    for index, entry in enumerate(stubs["entry"]):
        entry["fullUrl"] = f"urn:uuid:{index:08x}-0000-4000-8000-000000000000"
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "hospital.json").write_bytes(encode(stubs))
    named = os.environ.get("FHIRHUB_MONGOD")
    program = find_mongod(Path(named) if named else None, os.environ)
    # A transaction has to fit into a fifth of MongoDB's cache; this one needs more than the default.
    with start(tmp_path / "db", program, cache_gb=4.0, oplog_mb=512) as mongod:
        settings = Settings(mongodb_uri=mongod.uri)
        loaded = load_paths(settings, tmp_path / "files", path)
        check(settings, loaded, Counter(each["resourceType"] for each in (*resources, *missing)))
