"""Searches that no index serves say so, where there is much to go through."""

from collections.abc import Iterator

import pytest

from fhirhub.store import searches
from tests.interactions.hub_client import HubClient, hub_on, observation


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    with hub_on(mongodb_uri) as client:
        for code in ("a", "b", "c"):
            client.post("Observation", observation(code={"coding": [{"system": "urn:s", "code": code}], "text": code}))
        yield client


def said(hub: HubClient, search: str) -> list[str]:
    outcomes = [each for each in hub.get(search).entries if each["search"]["mode"] == "outcome"]
    issues = [issue for each in outcomes for issue in each["resource"]["issue"]]
    assert all(issue["severity"] == "information" for issue in issues)
    return [issue["diagnostics"] for issue in issues]


@pytest.mark.parametrize(
    "search",
    [
        "Observation?code:not=a",
        "Observation?value-string:contains=a",
        "Observation?code:not=a&value-string:contains=a",
        "Observation?_filter=code eq a or not (code eq b)",
        "Observation?subject:missing=true&_sort=-date",
    ],
)
def test_search_that_no_index_serves_says_so(hub: HubClient, monkeypatch: pytest.MonkeyPatch, search: str) -> None:
    assert said(hub, search) == []
    monkeypatch.setattr(searches, "MANY", 2)
    (text,) = said(hub, search)
    assert "No index serves these criteria: resources of type Observation" in text
    assert "such as patient" in text


@pytest.mark.parametrize(
    "search",
    [
        "Observation",
        "Observation?code=a",
        "Observation?code:not=a&status=final",
        "Observation?code-value-quantity=a$5",
        "Observation?patient.name:contains=a",
        "Observation?date=ge2020,lt2010",
        "Observation?_sort=-date",
    ],
)
def test_search_that_an_index_serves_has_nothing_to_say(
    hub: HubClient, monkeypatch: pytest.MonkeyPatch, search: str
) -> None:
    monkeypatch.setattr(searches, "MANY", 2)
    assert hub.get(search).status == 200
    assert said(hub, search) == []
