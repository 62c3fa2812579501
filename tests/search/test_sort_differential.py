"""Pages sorted by MongoDB hold random resources in the order of a plain sort in Python, each resource once.

https://hl7.org/fhir/R4/search.html#sort
"""

import os
from collections.abc import Callable, Iterator
from functools import cmp_to_key
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirhub.definitions import r4
from fhirhub.model.json import Json, decode_trusted, encode
from fhirhub.model.request import FhirRequest
from fhirhub.search.extract import extract
from fhirhub.search.values import IndexEntries
from fhirhub.store.stamp import LOW_BITS
from fhirhub.store.stored import Stored, current_document
from tests.interactions.hub_client import BASE, HubClient, hub_on

from .resources import OBSERVATIONS, PATIENTS, RISKS, VALUE_SETS

EXAMPLES = int(os.environ.get("FHIRHUB_TEST_SORTS", "60"))
TEXT_LIMIT = 200

KEYS = {
    "Patient": ["family", "name", "birthdate", "identifier", "gender", "general-practitioner", "active", "_tag"],
    "Observation": ["code", "date", "value-quantity", "combo-value-quantity", "status", "subject", "value-string"],
    "RiskAssessment": ["probability", "subject"],
    "ValueSet": ["url", "version"],
}
ALWAYS = ["_id", "_lastUpdated"]
KINDS = {"Patient": PATIENTS, "Observation": OBSERVATIONS, "RiskAssessment": RISKS, "ValueSet": VALUE_SETS}

Row = tuple[str, int, IndexEntries]


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    with hub_on(mongodb_uri) as client:
        client.hub.database.collections.ensure(KINDS)
        yield client


def ids(hub: HubClient, onward: str) -> Iterator[str]:
    """The ids of all pages; the resources need not be valid, as those of a hub are."""
    while onward:
        path, _, query = onward.partition("?")
        asked = FhirRequest(method="GET", path=(path,), query=tuple(parse_qsl(query)))
        bundle = decode_trusted(hub.hub.answer(asked).body or b"{}")
        yield from (row["resource"]["id"] for row in bundle.get("entry", ()))
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        onward = links.get("next", "").removeprefix(f"{BASE}/")


def values(resource_type: str, code: str, entries: IndexEntries) -> list[Any]:
    """All values of a parameter, as they are compared."""
    match r4().search_parameters(resource_type)[code].type:
        case "date":
            return [entry.low for entry in entries.dates if entry.parameter == code]
        case "number":
            return [entry.low for entry in entries.numbers if entry.parameter == code]
        case "quantity":
            codes = ["value-quantity", "component-value-quantity"] if code == "combo-value-quantity" else [code]
            starts = tuple(f"{each}|c:" for each in codes)
            canonical = [entry.low for entry in entries.numbers if entry.parameter.startswith(starts)]
            return canonical or [entry.low for entry in entries.numbers if entry.parameter in codes]
        case _:
            texts = (
                token.removeprefix(f"{code}=").split("|")[0] for token in entries.tokens if token.startswith(f"{code}=")
            )
            return [text[:TEXT_LIMIT] for text in texts if text]


def ordering(resource_type: str, sort: list[tuple[str, bool]]) -> Callable[[Row, Row], int]:
    def value(row: Row, code: str, descending: bool) -> Any:
        logical_id, stamp, entries = row
        if code in ALWAYS:
            return logical_id if code == "_id" else stamp
        found = values(resource_type, code, entries)
        return (max(found) if descending else min(found)) if found else None

    def compare(one: Row, other: Row) -> int:
        for code, descending in sort:
            left, right = value(one, code, descending), value(other, code, descending)
            if left == right:
                continue
            if left is None or right is None:
                return 1 if left is None else -1
            return (1 if left > right else -1) * (-1 if descending else 1)
        return (1 if one[1] > other[1] else -1) * (-1 if sort[0][1] else 1)

    return compare


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), resource_type=st.sampled_from(list(KINDS)))
def test_mongodb_sorts_as_python_does(hub: HubClient, data: st.DataObject, resource_type: str) -> None:
    resources: list[Json] = data.draw(st.lists(KINDS[resource_type], min_size=2, max_size=8))
    stamps = data.draw(st.permutations(range(len(resources))))
    collection = hub.hub.database.collections.of(resource_type)
    collection.delete_many({})
    rows: list[Row] = []
    for number, (resource, order) in enumerate(zip(resources, stamps, strict=True)):
        logical_id, stamp = f"r{number}", (1_600_000_000_000 + order) << LOW_BITS
        entries = extract(resource, resource_type, hub.hub.call.site)
        content = encode({"resourceType": resource_type, "id": logical_id})
        stored = Stored(resource_type, logical_id, 1, stamp, "PUT", content, stamp)
        collection.insert_one(current_document(stored, entries))
        rows.append((logical_id, stamp, entries))
    codes = st.lists(st.sampled_from([*KEYS[resource_type], *ALWAYS]), min_size=1, max_size=3, unique=True)
    for _ in range(3):
        sort = [(code, data.draw(st.booleans())) for code in data.draw(codes)]
        text = ",".join(f"-{code}" if descending else code for code, descending in sort)
        expected = [row[0] for row in sorted(rows, key=cmp_to_key(ordering(resource_type, sort)))]
        assert list(ids(hub, f"{resource_type}?_sort={text}&_count=3")) == expected, text
