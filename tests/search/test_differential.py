"""MongoDB finds through `to_mongo` exactly what `matches` accepts, for any resources and any query."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.collection import Collection

from fhirhub.model.json import Json
from fhirhub.search import syntax
from fhirhub.search.extract import extract
from fhirhub.search.match import matches
from fhirhub.search.parse import parse
from fhirhub.search.site import Site
from fhirhub.search.values import IndexEntries
from fhirhub.store.collections import resource_indexes
from fhirhub.store.filters import after_prefix, to_mongo
from fhirhub.store.stamp import LOW_BITS
from fhirhub.store.stored import Stored, current_document

from .conftest import BASE_URL, NOW
from .queries import QUERIES
from .resources import RESOURCES

EXAMPLES = int(os.environ.get("FHIRHUB_TEST_SEARCHES", "500"))
"""Sets of resources to try, with four queries each; more on demand. Edges are tests/store/test_filters.py's."""

MILLISECONDS = st.sampled_from([0, 1, 1_357_000_000_000, 1_358_121_600_000, 1_358_157_600_500])


@pytest.fixture(scope="module")
def collection(mongodb_uri: str) -> Iterator[Collection[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        database = client["test_search_differential"]
        database["Resource"].create_indexes(resource_indexes("Location"))
        yield database["Resource"]
        client.drop_database(database)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), resources=st.lists(st.tuples(RESOURCES, MILLISECONDS), min_size=1, max_size=8))
def test_mongodb_finds_what_matches(
    collection: Collection[dict[str, Any]], data: st.DataObject, resources: list[tuple[Json, int]]
) -> None:
    collection.delete_many({})
    rows: dict[str, tuple[IndexEntries, int]] = {}
    for number, (resource, milliseconds) in enumerate(resources):
        logical_id = ["1", "2", "a.b"][number] if number < 3 else f"r{number}"
        entries = extract(resource, resource["resourceType"], Site(BASE_URL))
        stamp = (milliseconds << LOW_BITS) + number
        stored = Stored(resource["resourceType"], logical_id, 1, stamp, "PUT", b"{}", stamp)
        rows[logical_id] = (entries, milliseconds * 1000)
        collection.insert_one(current_document(stored, entries))
    for _ in range(4):
        resource_type = data.draw(st.sampled_from([resource["resourceType"] for resource, _ in resources]))
        parameters = data.draw(st.lists(QUERIES[resource_type], min_size=1, max_size=3), label="parameters")
        query = parse(resource_type, parameters, handling="strict", site=Site(BASE_URL, lambda: NOW))
        expected = {
            logical_id
            for logical_id, (entries, updated) in rows.items()
            if matches(query.filter, logical_id=logical_id, updated=updated, entries=entries)
        }
        found = collection.find(to_mongo(query.filter), projection=["_id"])
        assert {document["_id"] for document in found} == expected


@given(st.text(max_size=5), st.text(min_size=1, max_size=3))
def test_prefix_range_holds_exactly_what_starts_with_it(text: str, prefix: str) -> None:
    start = f"name={prefix}"
    key = f"name={text}"
    # Python compares strings by code point, as MongoDB does.
    assert (start <= key < after_prefix(start)) == key.startswith(start)
    assert start <= start + text < after_prefix(start)


def test_prefix_range_skips_surrogates_and_the_last_character() -> None:
    assert after_prefix("a=\ud7ff") == "a=\ue000"
    assert after_prefix("a=\U0010ffff\U0010ffff") == "a>"


def operators(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node
        for inner in node.values():
            yield from operators(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from operators(inner)


@pytest.mark.parametrize("text", ["$where", "a.b", "{$gt: 1}", "k", "\x00"])
@pytest.mark.parametrize("parameter", ["identifier", "name", "name:exact", "_profile", "telecom:not", "organization"])
def test_client_text_never_becomes_a_key_of_the_filter(parameter: str, text: str) -> None:
    value = f"urn:{syntax.escape(text)}" if parameter == "organization" else syntax.escape(text)
    query = parse("Patient", [(parameter, value)], handling="strict", site=Site(BASE_URL, lambda: NOW))
    assert set(operators(to_mongo(query.filter))) <= {"k", "$nor", "$elemMatch", "$gte", "$lt"}
