"""Searches for a time, among what took a moment and what lasted: https://hl7.org/fhir/R4/search.html#date."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from tests.interactions.hub_client import HubClient, hub_on, observation

DAYS = 400
FIRST = date(2024, 1, 1)
LASTING = {
    "whole": ("2023-06-01", "2026-12-31"),
    "early": ("2020-01-01", "2023-12-31"),
    "late": ("2024-10-20", "2024-11-20"),
}
"""Observations that took a period."""


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    with hub_on(mongodb_uri) as client:
        moments: dict[str, dict[str, Any]] = {
            f"d{day}": {"effectiveDateTime": f"{FIRST + timedelta(day)}T08:00:00Z"} for day in range(DAYS)
        }
        periods: dict[str, dict[str, Any]] = {
            name: {"effectivePeriod": {"start": low, "end": high}} for name, (low, high) in LASTING.items()
        }
        code = {"coding": [{"system": "urn:s", "code": "a"}]}
        rows = [
            {
                "request": {"method": "PUT", "url": f"Observation/{name}"},
                "resource": observation(id=name, code=code, subject={"reference": "Patient/p"}, **when),
            }
            for name, when in {**moments, **periods, "never": {}}.items()
        ]
        assert client.transaction(*rows).status == 200
        yield client


def days(low: str, high: str) -> list[str]:
    first, last = (date.fromisoformat(text) - FIRST for text in (low, high))
    return [f"d{day}" for day in range(first.days, last.days + 1)]


SEARCHES = [
    ("date=ge2024-11-01&date=lt2024-11-11", ["whole", "late", *days("2024-11-01", "2024-11-10")]),
    ("date=ge2025-01-20", ["whole", *days("2025-01-20", "2025-02-03")]),
    ("date=2024-11", days("2024-11-01", "2024-11-30")),
    ("date=gt2024-11-19&date=le2024-11-25", ["whole", "late", *days("2024-11-20", "2024-11-25")]),
    ("date=sa2024-11-19&date=le2024-11-25", days("2024-11-20", "2024-11-25")),
    ("date=lt2024-01-05", ["early", "whole", *days("2024-01-01", "2024-01-04")]),
    ("date=ge2024-11-01,ge2025-02-01&date=le2024-11-02", ["whole", "late", *days("2024-11-01", "2024-11-02")]),
]


@pytest.mark.parametrize("beside", ["", "&patient=p", "&code=a", "&patient=p&code=urn:s|a"])
@pytest.mark.parametrize(("search", "expected"), SEARCHES)
def test_periods_are_found_with_moments_in_the_order_they_began(
    hub: HubClient, search: str, beside: str, expected: list[str]
) -> None:
    for sort, rows in (("date", expected), ("-date", expected[::-1])):
        pages = list(hub.pages(f"Observation?{search}{beside}&_sort={sort}&_count=7"))
        assert [resource["id"] for page in pages for resource in page.resources] == rows
    assert {resource["id"] for resource in hub.get(f"Observation?{search}{beside}&_count=99").resources} == set(
        expected
    )


@pytest.mark.parametrize("beside", ["", "&patient=p", "&patient=p&code=urn:s|a"])
@pytest.mark.parametrize("sort", ["", "&_sort=date", "&_sort=-date"])
@pytest.mark.parametrize(("search", "expected"), SEARCHES)
def test_search_for_a_time_examines_little_else(
    hub: HubClient, search: str, expected: list[str], sort: str, beside: str
) -> None:
    answer = hub.get(f"Observation?{search}{beside}{sort}&_count=99&_explain=true")
    said: dict[str, Any] = {
        part["name"]: value
        for part in answer.resource["parameter"]
        for key, value in part.items()
        if key.startswith("value")
    }
    assert said["rows"] == len(expected)
    # What lasted long, and whatever took place on the day before, is looked at in vain. Where several stretches of an
    # index are read, MongoDB counts each document twice: as it is fetched, and as it is tested.
    fetched = len(expected) + len(LASTING) + 2
    assert said["documentsExamined"] <= (fetched if sort else 2 * fetched)
