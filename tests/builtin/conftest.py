"""A hub with nothing but what is built in, for the tests of operations."""

from collections.abc import Iterator

import pytest

from tests.builtin.patient_register import Register
from tests.interactions.hub_client import HubClient, hub_on


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    """One database for all tests of a module: each makes what it needs under ids of its own."""
    with hub_on(mongodb_uri) as client:
        yield client


@pytest.fixture
def register(hub: HubClient) -> Register:
    """A register without the patients of other tests."""
    for each in hub.get("Patient?_count=1000").resources:
        hub.delete(f"Patient/{each['id']}")
    return Register(hub)
