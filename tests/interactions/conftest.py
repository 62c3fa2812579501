"""The hub the tests of the interactions talk to: one per module, on a database of its own."""

from collections.abc import Iterator

import pytest

from tests.interactions.hub_client import HubClient, hub_on
from tests.interactions.transactions import everything


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    """A hub shared by the tests of a module, which therefore use ids of their own. One hub is open at a time."""
    with hub_on(mongodb_uri) as client:
        yield client


@pytest.fixture
def unchanged(hub: HubClient) -> Iterator[None]:
    """The test leaves nothing behind: no resource, no history, no outbox entry."""
    before = everything(hub)
    yield
    after = everything(hub)
    # Collections may be made for a transaction that then fails.
    assert {name: rows for name, rows in after.items() if rows} == {name: rows for name, rows in before.items() if rows}
