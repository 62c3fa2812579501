"""Filters at their edges: of documents made to tell neighbours apart, MongoDB finds those that `matches` accepts.

Random resources hardly ever stand at an edge; here every filter of a kind meets every document.
https://hl7.org/fhir/R4/search.html#combining
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from fhirhub.search.filter import (
    Bound,
    Filter,
    GroupIs,
    HasWord,
    IdIn,
    RangeIs,
    TokenHas,
    TokenIs,
    TokenStartsWith,
    Updated,
    Within,
    all_of,
    any_of,
    none_of,
)
from fhirhub.search.match import matches
from fhirhub.search.values import Group, IndexEntries, Point, RangeEntry
from fhirhub.store.collections import resource_indexes
from fhirhub.store.filters import to_mongo
from fhirhub.store.stamp import LOW_BITS
from fhirhub.store.stored import Stored, current_document

BAR = "\x1f"
TEXTS = ["", "a", "ab", "b", "a.b", "axb", "a|x", f"a{BAR}", "A", "aa", "$", "(", "é", "\ud7ff", "\ue000", "\U0010ffff"]
PARTS = [text for text in TEXTS if text and "|" not in text]
NAMES = ("name", "named")
TOKENS = [f"{name}={text}" for name, text in product((*NAMES, "name:text"), TEXTS)]
NUMBERS = [Decimal(1), Decimal("1.5"), Decimal(2)]
RANGES = [(low, high) for low, high in product(NUMBERS, NUMBERS) if low <= high]
PLACES = [Point(0.0, 0.0), Point(0.0, 1.0), Point(1.0, 0.0), Point(89.0, 10.0), Point(0.0, -179.9), Point(0.0, 180.0)]
DEGREE = 111_320.0
"""A little more than the metres from one degree of the equator to the next."""
MILLISECONDS = [-1, 0, 1, 1_600_000_000_000, 1_600_000_000_001]

DOCUMENTS: dict[str, list[IndexEntries]] = {
    "tokens": [
        IndexEntries(),
        *(IndexEntries(tokens=[token]) for token in TOKENS),
        IndexEntries(tokens=["name=0", "name=zz"]),
        IndexEntries(tokens=["name=b|", f"other=a{BAR}b"]),
    ],
    "groups": [
        IndexEntries(groups=[Group(name, IndexEntries(tokens=[f"1={code}|"], numbers=[RangeEntry(unit, *ends)]))])
        for name, code, unit, ends in product(("g", "h"), "ab", ("2", "2|c:g"), RANGES)
    ]
    + [IndexEntries(groups=[Group("g", IndexEntries(tokens=[f"1={code}|"])) for code in "ab"])],
    "words": [IndexEntries(words=words) for words in ([], ["a"], [".a"], ["ab"], [".b", "a"], ["A"])],
    "places": [IndexEntries(points=[place]) for place in PLACES] + [IndexEntries(points=[PLACES[1], PLACES[3]])],
}


def bounds() -> Iterator[tuple[Bound, ...]]:
    sides: tuple[Any, ...] = ("low", "high")
    comparisons: tuple[Any, ...] = ("<", "<=", ">", ">=")
    yield ()
    for bound in product(sides, comparisons, NUMBERS):
        yield (bound,)
    yield (("low", ">=", Decimal(1)), ("high", "<=", Decimal("1.5")))
    yield (("low", "<", Decimal(2)), ("high", ">", Decimal(1)))


FILTERS: dict[str, list[Filter]] = {
    "tokens": [
        *(TokenIs(token) for token in TOKENS),
        *(TokenStartsWith(token) for token in TOKENS),
        *(
            TokenHas(f"{name}=", text, at_end)
            for name, text, at_end in product(("name", "named"), PARTS, (False, True))
        ),
        TokenHas("n.me=", "a"),
        # What stands behind a bar is no part of the text.
        TokenHas("name=", "x"),
        any_of([TokenIs("name=a"), TokenIs("named=b"), IdIn(frozenset({"r0", "r3"}))]),
        any_of([TokenIs("name=a"), TokenStartsWith("named=b"), IdIn(frozenset({"r1"})), IdIn(frozenset({"r2"}))]),
        all_of([TokenStartsWith("name="), none_of(TokenIs("name=a"))]),
        none_of(any_of([TokenIs("name=a"), TokenStartsWith("name=b")])),
        IdIn(frozenset({"r1", "r", "R1"})),
    ],
    "groups": [
        *(
            GroupIs(name, all_of([TokenIs(f"1={code}|"), RangeIs("number", unit, each)]))
            for name, code, unit, each in product(("g", "h"), "ab", ("2", "2|c:g"), bounds())
        ),
        GroupIs("g", all_of([TokenIs("1=a|"), TokenIs("1=b|")])),
        GroupIs("g", all_of([])),
        GroupIs("g", none_of(TokenIs("1=a|"))),
        all_of([GroupIs("g", TokenIs("1=a|")), GroupIs("g", TokenIs("1=b|"))]),
    ],
    "words": [HasWord(word, narrative) for word, narrative in product(("a", "b", "ab", "A", ".a"), (False, True))],
    "places": [
        Within(place.latitude, place.longitude, degrees * DEGREE)
        for place, degrees in product(PLACES, (0.0, 0.00001, 0.1, 0.995, 1.0, 1.42, 180.0))
    ],
}


@pytest.fixture(scope="module")
def collection(mongodb_uri: str) -> Iterator[Collection[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        database = client["test_filters"]
        database["Resource"].create_indexes(resource_indexes("Location"))
        yield database["Resource"]
        client.drop_database(database)


def fill(collection: Collection[dict[str, Any]], rows: list[tuple[int, IndexEntries]]) -> None:
    collection.delete_many({})
    for number, (milliseconds, entries) in enumerate(rows):
        stamp = (milliseconds << LOW_BITS) + number
        stored = Stored("Location", f"r{number}", 1, stamp, "PUT", b"{}", stamp)
        collection.insert_one(current_document(stored, entries))


def check(
    collection: Collection[dict[str, Any]], rows: list[tuple[int, IndexEntries]], filters: Sequence[Filter]
) -> None:
    """Every filter finds what `matches` accepts; most of them find some and not all."""
    useless = 0
    for filter in filters:
        expected = {
            f"r{number}"
            for number, (milliseconds, entries) in enumerate(rows)
            if matches(filter, logical_id=f"r{number}", updated=milliseconds * 1000, entries=entries)
        }
        assert {row["_id"] for row in collection.find(to_mongo(filter), projection=["_id"])} == expected, filter
        useless += not 0 < len(expected) < len(rows)
    assert useless < len(filters) / 2


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_mongodb_finds_what_matches_at_the_edges(collection: Collection[dict[str, Any]], kind: str) -> None:
    rows = [(0, entries) for entries in DOCUMENTS[kind]]
    fill(collection, rows)
    check(collection, rows, FILTERS[kind])


def test_times_of_update_are_found_to_the_millisecond(collection: Collection[dict[str, Any]]) -> None:
    rows = [(milliseconds, IndexEntries()) for milliseconds in MILLISECONDS]
    fill(collection, rows)
    edges = [milliseconds * 1000 + more for milliseconds in MILLISECONDS for more in (-1, 0, 1)]
    check(collection, rows, [Updated(None, edge) for edge in edges] + [Updated(edge, None) for edge in edges])
    check(collection, rows, [Updated(low, high) for low, high in product(edges, repeat=2) if low < high])
