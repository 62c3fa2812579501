"""Fixtures for all tests: one real MongoDB per test process, one database per test, the shared test data."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from fhirhub.store.embedded import EmbeddedMongod, find_mongod, start

PROJECT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMongod]:
    """The MongoDB of this test process (each pytest-xdist worker has its own). Whoever kills it restarts it."""
    named = os.environ.get("FHIRHUB_MONGOD")
    program = find_mongod(Path(named) if named else None, os.environ)
    with start(tmp_path_factory.mktemp("mongod"), program, cache_gb=1.0, oplog_mb=512) as running:
        yield running


@pytest.fixture(scope="session")
def mongodb_uri(mongod: EmbeddedMongod) -> str:
    return mongod.uri


@pytest.fixture
def database_name(mongodb_uri: str) -> Iterator[str]:
    """The name of a database of this test alone, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield name
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        client.drop_database(name)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of test data that is no part of the project; tests that need it skip without it."""
    folder = Path(os.environ.get("FHIRHUB_TEST_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no test data: FHIRHUB_TEST_DATA names no folder, and there is none at {folder}")
    return folder
