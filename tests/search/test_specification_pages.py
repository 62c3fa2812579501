"""Every search that the R4 pages on search show is understood, and finds what it must and nothing else.

https://hl7.org/fhir/R4/search.html, https://hl7.org/fhir/R4/search_filter.html
"""

from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from fhirhub.model.json import Json
from tests.interactions.hub_client import BASE, HubClient, entry, hub_on

from .specification_lines import ALL, PAGE, Line
from .specification_resources import resources

LINES = [pytest.param(line, id=f"{anchor}-{number}") for anchor, of in PAGE.items() for number, line in enumerate(of)]


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    with hub_on(mongodb_uri) as client:
        rows = [entry("PUT", f"{each['resourceType']}/{each['id']}", each) for each in resources()]
        answer = client.transaction(*rows)
        assert [row["response"]["status"] for row in answer.entries] == ["201"] * len(rows)
        yield client


@pytest.fixture(scope="module")
def everything() -> dict[str, set[str]]:
    found = defaultdict(set)
    for each in resources():
        found[each["resourceType"]].add(each["id"])
    return found


def encoded(search: str) -> str:
    """The search as a browser sends it: what the page shows unencoded is encoded, what is encoded stays."""
    path, _, query = search.partition("?")
    return f"{path}?{quote(query, safe='&=%:/|,$()')}"


def shown_as(row: Json, resource_type: str) -> str:
    """`id` of a match of the type that was searched, else `Type/id`."""
    name = str(row["fullUrl"]).removeprefix(f"{BASE}/")
    return name.removeprefix(f"{resource_type}/") if row["search"]["mode"] == "match" else name


@pytest.mark.parametrize("line", LINES)
def test_line_of_the_specification_is_answered_as_it_says(
    hub: HubClient, everything: dict[str, set[str]], line: Line
) -> None:
    sent = line.sent or line.shown
    answer = hub.get(encoded(sent))
    if line.refused is not None:
        assert answer.status == 400, answer.resource
        assert line.refused in answer.issue["diagnostics"]
        assert answer.issue["severity"] == "error"
        return
    assert answer.status == 200, answer.resource
    resource_type = sent.partition("?")[0].rpartition("/")[2]
    found = [shown_as(row, resource_type) for row in answer.entries]
    assert {row["search"]["mode"] for row in answer.entries} <= {"match", "include"}
    assert line.finds is not None
    if line.finds == ALL:
        assert set(found) == everything[resource_type]
    elif line.ordered:
        assert found == line.finds.split()
    else:
        assert sorted(found) == sorted(line.finds.split())


def test_every_line_says_what_it_expects_and_why_it_is_changed() -> None:
    for of in PAGE.values():
        for line in of:
            assert (line.finds is None) != (line.refused is None), line
            # An ellipsis explains itself.
            assert line.sent != line.shown
            assert bool(line.because) <= (line.sent is not None) <= bool(line.because or "..." in line.shown), line
