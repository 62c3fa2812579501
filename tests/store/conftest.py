"""The hub the tests of the store talk to: a new one, on an empty database, for each test."""

from collections.abc import Iterator

import pytest

from tests.interactions.hub_client import HubClient, hub_on


@pytest.fixture
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    with hub_on(mongodb_uri) as client:
        yield client
