"""A server with the plugin, and an endpoint that listens."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from fhirhub.plugin import Hub, Json


@pytest.fixture
def plugins() -> Sequence[str]:
    return ("subscriptions",)


@pytest.fixture
def settings(httpserver: HTTPServer) -> dict[str, Any]:
    return {"plugin": {"subscriptions": {"endpoints": [httpserver.url_for("/hook")], "attempts": 3}}}


@pytest.fixture
def subscribe(hub: Hub, drain: Callable[[], None], httpserver: HTTPServer) -> Callable[..., Json]:
    """A function that requests a Subscription and returns it when a worker has looked at it."""

    def make(criteria: str, payload: str | None = "application/fhir+json", **more: Any) -> Json:
        channel: Json = {"type": "rest-hook", "endpoint": httpserver.url_for("/hook/a")}
        if payload is not None:
            channel["payload"] = payload
        channel |= more.pop("channel", {})
        made = hub.create(
            {
                "resourceType": "Subscription",
                "status": "requested",
                "reason": "test",
                "criteria": criteria,
                "channel": channel,
                **more,
            }
        )
        drain()
        found = hub.read("Subscription", made["id"])
        assert found is not None
        return found

    return make


@pytest.fixture
def heard(httpserver: HTTPServer) -> Callable[[], list[tuple[str, str]]]:
    """A function that returns what the endpoint was asked since the last time: method and path."""

    def since() -> list[tuple[str, str]]:
        found = [(request.method, request.path) for request, _ in httpserver.log]
        httpserver.clear_log()
        return found

    return since
