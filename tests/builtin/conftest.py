"""A hub with nothing but what is built in, for the tests of operations."""

from collections.abc import Iterator

import pytest

from tests.interactions.hub_client import HubClient, hub_on


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    """One database for all tests of a module: each makes what it needs under ids of its own."""
    with hub_on(mongodb_uri) as client:
        yield client
