"""The official examples, and a hub to store them in."""

from collections.abc import Iterator

import pytest

from tests.interactions.hub_client import HubClient, hub_on
from tests.validation.conftest import official_examples

__all__ = ["official_examples"]


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    with hub_on(mongodb_uri, max_bundle_entries=500) as client:
        yield client
