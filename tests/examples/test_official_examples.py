"""Every official R4 example is stored and served again, number for number and element for element."""

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest

from fhirhub.model.json import Json, decode, decode_trusted
from tests.interactions.hub_client import BASE, Answer, HubClient, entry
from tests.store.store_check import check_store
from tests.validation.test_official_examples import INVALID

# Under load they take their time.
pytestmark = [pytest.mark.data, pytest.mark.timeout(300)]

AT_ONCE = 200


def exactly(content: bytes) -> Any:
    """Parse JSON with another parser than the server's; a number becomes its digits and exponent."""

    def number(text: str) -> tuple[str, str]:
        return "number", str(Decimal(text))

    resource = json.loads(content, parse_float=number, parse_int=number)
    meta = resource.get("meta", {})
    for name in ("versionId", "lastUpdated"):
        meta.pop(name, None)
    if not meta:
        resource.pop("meta", None)
    return resource


def portions(rows: dict[str, Any]) -> Iterator[list[str]]:
    """The keys in portions of at most `AT_ONCE`."""
    keys = iter(rows)
    while portion := list(islice(keys, AT_ONCE)):
        yield portion


def logical_id(row: Json) -> str:
    path: str = row["response"]["location"].removeprefix(f"{BASE}/")
    return path.partition("/_history/")[0]


@pytest.fixture(scope="module")
def valid(official_examples: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in official_examples.items() if name not in INVALID}


@pytest.fixture(scope="module")
def stored(hub: HubClient, valid: dict[str, bytes]) -> dict[str, str]:
    """Where each valid example was stored by transactions, `Type/id` by file name."""
    places: dict[str, str] = {}
    for portion in portions(valid):
        rows: list[tuple[str, Json]] = []
        twins: list[tuple[str, Json]] = []
        seen: set[str] = set()
        for name in portion:
            resource = decode(valid[name])
            url = f"{resource['resourceType']}/{resource['id']}"
            (twins if url in seen else rows).append((name, entry("PUT", url, resource)))
            seen.add(url)
        for group in (rows, twins):
            answer = hub.transaction(*(row for _, row in group))
            assert answer.status == 200, answer.resource
            assert {row["response"]["status"] for row in answer.entries} <= {"200", "201"}
            places |= {name: logical_id(row) for (name, _), row in zip(group, answer.entries, strict=True)}
    return places


@pytest.fixture(scope="module")
def first(hub: HubClient, stored: dict[str, str]) -> dict[str, Answer]:
    """The examples as read after they were stored."""
    return {name: hub.get(place) for name, place in stored.items()}


def test_all_valid_examples_are_stored(stored: dict[str, str], valid: dict[str, bytes]) -> None:
    assert len(valid) > 5_200
    assert stored.keys() == valid.keys()
    assert len(set(stored.values())) == len(valid), "two examples have one id"


def test_stored_examples_are_served_as_they_were_sent(first: dict[str, Answer], valid: dict[str, bytes]) -> None:
    different = []
    for name, answer in first.items():
        assert answer.status == 200
        assert answer.content is not None
        if exactly(answer.content) != exactly(valid[name]):
            different.append(name)
    assert different == []


def test_updated_examples_keep_their_first_version(
    hub: HubClient, stored: dict[str, str], first: dict[str, Answer], valid: dict[str, bytes]
) -> None:
    """Every example gets a second version; the first one is served from history as it was before."""
    for portion in portions(stored):
        rows: list[Json] = []
        for name in portion:
            resource = first[name].resource
            meta = resource["meta"]
            changed = {**resource, "meta": {**meta, "tag": [*meta.get("tag", ()), {"code": "second"}]}}
            rows.append(entry("PUT", stored[name], changed))
        answer = hub.transaction(*rows)
        assert answer.status == 200, answer.resource
        assert {row["response"]["status"] for row in answer.entries} == {"200"}
    for number, (name, place) in enumerate(stored.items()):
        assert hub.get(f"{place}/_history/{first[name].version_id}").content == first[name].content
        if number % 10:
            continue
        second = hub.get(place)
        assert second.content is not None
        tagged = exactly(valid[name])
        tagged.setdefault("meta", {}).setdefault("tag", []).append({"code": "second"})
        assert exactly(second.content) == tagged


def test_index_entries_of_all_examples_equal_a_rebuild(hub: HubClient, stored: dict[str, str]) -> None:
    assert check_store(hub.database, BASE)["PUT"] >= len(stored)


def test_examples_are_created_by_single_requests(hub: HubClient, valid: dict[str, bytes]) -> None:
    """One of every twenty, as sent over the wire: with POST, which gives another id, and with PUT."""
    for name, content in islice(valid.items(), 0, None, 20):
        resource = decode_trusted(content)
        resource_type = resource["resourceType"]
        created = hub.post(resource_type, content)
        assert (created.status, created.version_id) == (201, "1")
        again = hub.get(f"{resource_type}/{created.id}")
        assert again.content is not None
        assert exactly(again.content) == {**exactly(content), "id": created.id}, name
        updated = hub.put(f"{resource_type}/{resource['id']}", content)
        assert updated.status in {200, 201}
        assert updated.content is not None
        assert exactly(updated.content) == exactly(content), name


def test_invalid_examples_are_refused_for_their_reason(hub: HubClient, official_examples: dict[str, bytes]) -> None:
    for name, reasons in INVALID.items():
        content = official_examples[name]
        resource_type = decode_trusted(content)["resourceType"]
        single = hub.post(resource_type, content)
        in_bundle = hub.transaction(entry("POST", resource_type, decode(content)))
        assert (single.status, in_bundle.status) == (400, 400), name
        assert refusals(single) >= {rule for rule, _ in reasons}
        assert all(issue["location"][0].startswith("line ") for issue in single.issues if "location" in issue)
        assert all(
            issue["expression"][0].startswith("Bundle.entry[0].resource")
            for issue in in_bundle.issues
            if issue["severity"] == "error"
        )
        place = f"{resource_type}/{decode_trusted(content).get('id')}"
        assert hub.get(place).status in {400, 404}


def refusals(answer: Answer) -> set[str]:
    return {issue["details"]["text"] for issue in answer.issues if issue["severity"] == "error"}
