"""Chains, `_has`, lists and hierarchies: `resolve` and MongoDB find what brute force over all resources finds."""

import os
from collections.abc import Iterator
from itertools import product
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import Json
from fhirhub.search.filter import Filter, InHierarchy, all_of, any_of, none_of
from fhirhub.search.match import matches
from fhirhub.search.parse import parse
from fhirhub.search.site import Site
from fhirhub.store import resolve as resolving
from fhirhub.store.collections import Collections
from fhirhub.store.filters import to_mongo
from fhirhub.store.resolve import Uncommitted, resolve
from fhirhub.store.stored import Stored, current_document

from .conftest import BASE_URL, NOW
from .universe import IDS, KINDS, RESOURCES, Universe, terms, worlds

EXAMPLES = int(os.environ.get("FHIRHUB_TEST_CHAINS", "25"))
"""Sets of resources to try in each test, with several queries each; more on demand."""

TYPES = tuple(KINDS)
SITE = Site(BASE_URL, lambda: NOW)


@pytest.fixture(scope="module")
def collections(mongodb_uri: str) -> Iterator[Collections]:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        database = client["test_chain_differential"]
        collections = Collections(database)
        collections.ensure(TYPES)
        yield collections
        client.drop_database(database)


def fill(collections: Collections, resources: list[Json], universe: Universe) -> None:
    """Store resources; all others were deleted: they are never found and never lead anywhere."""
    held = {(resource["resourceType"], resource["id"]): resource for resource in resources}
    for resource_type in TYPES:
        rows = []
        for logical_id in IDS:
            resource = held.get((resource_type, logical_id))
            if resource is None:
                rows.append(current_document(Stored(resource_type, logical_id, 2, 5, "DELETE", None, None), None))
            else:
                stored = Stored(resource_type, logical_id, 1, 1, "PUT", b"{}", 1)
                rows.append(current_document(stored, universe.add(resource)))
        collections.of(resource_type).delete_many({})
        collections.of(resource_type).insert_many(rows)


def found(collections: Collections, resource_type: str, filter: Filter) -> set[str]:
    plain = resolve(filter, resource_type, collections=collections)
    rows = collections.of(resource_type).find({"$and": [to_mongo(plain), {"n": {"$gt": 0}}]}, projection=["_id"])
    return {row["_id"] for row in rows}


def parsed(resource_type: str, parameters: list[tuple[str, str]]) -> Filter:
    try:
        return parse(resource_type, parameters, handling="strict", site=SITE).filter
    except FhirError as error:
        # List.item, for one, leads to any type, and many of those lead to any type again.
        assert error.failure is Failure.TOO_COSTLY
        return reject()


Search = tuple[str, list[tuple[str, str]]]


@st.composite
def searches(draw: st.DrawFn) -> Search:
    resource_type = draw(st.sampled_from(TYPES))
    return resource_type, draw(st.lists(terms(resource_type), min_size=1, max_size=2))


def several(most: int) -> st.SearchStrategy[list[Search]]:
    return st.lists(searches(), min_size=most, max_size=most)


SLOW = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@SLOW
@given(resources=worlds(), queries=several(8))
def test_mongodb_finds_what_the_chain_means(
    collections: Collections, resources: list[Json], queries: list[Search]
) -> None:
    universe = Universe(SITE)
    fill(collections, resources, universe)
    for resource_type, parameters in queries:
        filter = parsed(resource_type, parameters)
        assert found(collections, resource_type, filter) == universe.search(resource_type, filter), parameters


@SLOW
@given(resources=worlds(), queries=several(5), most=st.sampled_from([1, 2]))
def test_narrow_criteria_make_up_for_a_wide_chain(
    collections: Collections, resources: list[Json], queries: list[Search], most: int
) -> None:
    universe = Universe(SITE)
    fill(collections, resources, universe)
    for resource_type, parameters in queries:
        filter = parsed(resource_type, [*parameters, ("_id", "1,2" if most == 2 else "1")])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(resolving, "MAX_IDS", most)
            patch.setattr(resolving, "FEW", most)
            try:
                ids = found(collections, resource_type, filter)
            except FhirError as error:
                assert error.failure is Failure.TOO_COSTLY
            else:
                assert ids == universe.search(resource_type, filter), parameters


@SLOW
@given(resources=worlds(), one=terms("Observation"), other=terms("Observation"))
def test_chains_combine_like_all_criteria(
    collections: Collections, resources: list[Json], one: tuple[str, str], other: tuple[str, str]
) -> None:
    universe = Universe(SITE)
    fill(collections, resources, universe)
    first, second = (parsed("Observation", [each]) for each in (one, other))
    for filter in (any_of([first, second]), all_of([first, none_of(second)]), none_of(any_of([first, second]))):
        assert found(collections, "Observation", filter) == universe.search("Observation", filter)


@SLOW
@given(
    before=worlds(),
    changes=st.lists(RESOURCES, min_size=2, max_size=8),
    deletions=st.sets(st.tuples(st.sampled_from(TYPES), st.sampled_from(IDS)), max_size=4),
    queries=several(5),
)
def test_what_a_transaction_has_changed_counts_as_changed(
    collections: Collections,
    before: list[Json],
    changes: list[Json],
    deletions: set[tuple[str, str]],
    queries: list[Search],
) -> None:
    universe = Universe(SITE)
    fill(collections, before, universe)
    changed = {(each["resourceType"], each["id"]): Uncommitted(0, universe.add(each)) for each in changes}
    for key in deletions:
        universe.entries.pop(key, None)
        changed[key] = Uncommitted(0, None)
    for resource_type, parameters in queries:
        filter = parsed(resource_type, parameters)
        plain = resolve(filter, resource_type, collections=collections, uncommitted=changed)
        rows = collections.of(resource_type).find({"$and": [to_mongo(plain), {"n": {"$gt": 0}}]}, projection=["_id"])
        ids = {row["_id"] for row in rows if (resource_type, row["_id"]) not in changed}
        for (name, logical_id), each in changed.items():
            if name == resource_type and each.entries is not None:
                ids |= {logical_id} if matches(plain, logical_id=logical_id, updated=0, entries=each.entries) else set()
        assert ids == universe.search(resource_type, filter), parameters


@SLOW
@given(resources=worlds("Patient", "Organization"))
def test_hierarchies_are_walked_and_cycles_end(collections: Collections, resources: list[Json]) -> None:
    universe = Universe(SITE)
    fill(collections, resources, universe)
    directions: tuple[Literal["above", "below"], ...] = ("above", "below")
    for (resource_type, parameter), logical_id, direction in product(
        (("Patient", "organization"), ("Organization", "partof")), IDS, directions
    ):
        node = InHierarchy(parameter, "Organization", logical_id, "partof", direction)
        assert found(collections, resource_type, node) == universe.search(resource_type, node)
