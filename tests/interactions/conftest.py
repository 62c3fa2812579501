"""The hub the tests of the interactions talk to: one per module, on a database of its own."""

from collections.abc import Iterator

import pytest

from tests.interactions.hub_client import HubClient, hub_on


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    """A hub shared by the tests of a module, which therefore use ids of their own. One hub is open at a time."""
    with hub_on(mongodb_uri) as client:
        yield client
