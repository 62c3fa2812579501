"""Databases the tests of loading write into."""

import uuid
from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from fhirhub.hub import Hub, open_hub
from fhirhub.settings import Settings


@pytest.fixture
def settings(mongodb_uri: str, database_name: str) -> Settings:
    """Settings of a database of this test alone."""
    return Settings(mongodb_uri=mongodb_uri, database=database_name)


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[Hub]:
    """A hub the tests of a module share; each uses ids of its own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    opened = open_hub(Settings(mongodb_uri=mongodb_uri, database=name))
    yield opened
    opened.close()
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        client.drop_database(name)
