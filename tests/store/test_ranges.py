"""Conditions on ranges: whatever index serves them, MongoDB finds what a look at every entry finds."""

import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.collection import Collection

from fhirhub.search.dates import BEGINNING, END
from fhirhub.search.filter import Filter, RangeIs, TokenIs, all_of, any_of
from fhirhub.search.index_numbers import LEAST, MOST
from fhirhub.search.leading import put_leading
from fhirhub.search.match import matches
from fhirhub.search.values import Amount, IndexEntries, RangeEntry
from fhirhub.store.collections import resource_indexes
from fhirhub.store.entries import entries_of
from fhirhub.store.filters import to_mongo
from fhirhub.store.lists import lists, within
from fhirhub.store.ranges import joined, stored_name
from fhirhub.store.stored import Stored, current_document

Kind = Literal["date", "number"]
Row = tuple[str, IndexEntries]

EXAMPLES = int(os.environ.get("FHIRHUB_TEST_RANGES", "200"))

HOUR = 3_600 * 1_000_000
DAY = 24 * HOUR
START = 1_500_000_000 * 1_000_000
LENGTHS = (1, 1_000_000, DAY, 25 * HOUR, 26 * HOUR, 27 * HOUR, 31 * DAY, 367 * DAY, 368 * DAY, 4_000 * DAY)
TIMES = st.builds(lambda days, more: START + days * DAY + more, st.integers(-40, 40), st.sampled_from((0, 1, HOUR)))
DATES = st.one_of(
    st.builds(lambda low, length: (low, low + length), TIMES, st.sampled_from(LENGTHS)),
    TIMES.map(lambda high: (BEGINNING, high)),
    TIMES.map(lambda low: (low, END)),
)
VALUES = st.integers(-6, 6).map(lambda tenths: Decimal(tenths) / 2)
NUMBERS = st.one_of(
    VALUES.map(lambda value: (value, value)),
    st.tuples(VALUES, VALUES).map(lambda ends: (min(ends), max(ends))),
    VALUES.map(lambda high: (LEAST, high)),
    VALUES.map(lambda low: (low, MOST)),
)


def bounds(limits: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    one = st.tuples(st.sampled_from(["low", "high"]), st.sampled_from(["<", "<=", ">", ">="]), limits)
    return st.lists(one, max_size=3).map(tuple)


def conditions(kind: Kind, parameter: str, limits: st.SearchStrategy[Any]) -> st.SearchStrategy[Filter]:
    one = bounds(limits).map(lambda each: RangeIs(kind, parameter, each))
    either = st.lists(one, min_size=1, max_size=3).map(any_of)
    return st.lists(either, min_size=1, max_size=3).map(all_of)


CRITERIA = st.one_of(
    conditions("date", "date", TIMES),
    conditions("number", "value-quantity", VALUES),
    conditions("number", "component-value-quantity", VALUES),
)


@pytest.fixture(scope="module")
def collection(mongodb_uri: str) -> Iterator[Collection[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        database = client["test_ranges"]
        database["Observation"].create_indexes(resource_indexes("Observation"))
        yield database["Observation"]
        client.drop_database(database)


def ranges(parameter: str, found: list[tuple[Amount, Amount]]) -> list[RangeEntry]:
    return [RangeEntry(parameter, low, high) for low, high in dict.fromkeys(found)]


def observation(data: st.DataObject) -> IndexEntries:
    """One date and one value, as an Observation has them, and any number of components."""
    entries = IndexEntries(
        tokens=["patient=Patient/1", "code=a|s"],
        dates=ranges("date", data.draw(st.lists(DATES, max_size=1))),
        numbers=[
            *ranges("value-quantity", data.draw(st.lists(NUMBERS, max_size=1))),
            *ranges("component-value-quantity", data.draw(st.lists(NUMBERS, max_size=3))),
        ],
    )
    put_leading(entries, "Observation")
    return entries


def put(collection: Collection[dict[str, Any]], found: list[IndexEntries]) -> list[Row]:
    collection.delete_many({})
    rows = [(f"r{number}", entries) for number, entries in enumerate(found)]
    for number, (logical_id, entries) in enumerate(rows, 1):
        stored = Stored("Observation", logical_id, 1, number, "PUT", b"{}", number)
        collection.insert_one(current_document(stored, entries))
    return rows


def ids(collection: Collection[dict[str, Any]], condition: dict[str, Any]) -> set[str]:
    return {document["_id"] for document in collection.find(condition, projection=["_id"])}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), size=st.integers(1, 8))
def test_conditions_find_what_a_look_at_every_entry_finds(
    collection: Collection[dict[str, Any]], data: st.DataObject, size: int
) -> None:
    rows = put(collection, [observation(data) for _ in range(size)])
    for _ in range(4):
        criteria = data.draw(CRITERIA, label="criteria")
        expected = {
            logical_id
            for logical_id, entries in rows
            if matches(criteria, logical_id=logical_id, updated=0, entries=entries)
        }
        assert ids(collection, to_mongo(criteria)) == expected
        together = joined("Observation", criteria)
        assert ids(collection, to_mongo(together)) == expected
        for among in (None, lists("Observation", all_of([together, TokenIs("patient=Patient/1")]))):
            span = within("Observation", together, among)
            if span is not None:
                assert ids(collection, {"$and": [span, to_mongo(together)]}) == expected


def test_entries_are_read_as_they_were_written(collection: Collection[dict[str, Any]]) -> None:
    dates = ranges("date", [(START, START + length) for length in LENGTHS])
    numbers = ranges("value-quantity|u:a", [(Decimal(1), Decimal(1)), (Decimal(1), Decimal(2)), (LEAST, MOST)])
    put(collection, [IndexEntries(dates=dates, numbers=numbers)])
    (document,) = collection.find({})
    assert entries_of(document).dates == dates
    assert entries_of(document).numbers == numbers


def test_name_tells_how_long_a_range_is() -> None:
    names = [stored_name("date", "date", START, START + length) for length in LENGTHS]
    assert names == sorted(names)
    assert len(set(names)) == 3
    assert stored_name("number", "x", Decimal(1), Decimal("1.0")) == "x"
    assert stored_name("number", "x", Decimal(1), Decimal(2)) != "x"


def test_conditions_on_a_value_of_many_stay_apart() -> None:
    criteria = all_of(
        [
            RangeIs("number", "component-value-quantity", (("high", ">=", Decimal(3)),)),
            RangeIs("number", "component-value-quantity", (("low", "<", Decimal(2)),)),
        ]
    )
    assert joined("Observation", criteria) == criteria


def examined(collection: Collection[dict[str, Any]], condition: dict[str, Any]) -> tuple[int, int]:
    """Return how many documents a query looks at, and how many it finds."""
    plan = collection.database.command(
        "explain", {"find": collection.name, "filter": condition}, verbosity="executionStats"
    )
    return plan["executionStats"]["totalDocsExamined"], plan["executionStats"]["nReturned"]


@pytest.mark.parametrize("code", ["value-quantity", "date"])
def test_two_sides_of_a_range_are_looked_up_together(collection: Collection[dict[str, Any]], code: str) -> None:
    def entries(number: int) -> IndexEntries:
        low = START + number * DAY
        return IndexEntries(
            dates=ranges("date", [(low, low + 1)]),
            numbers=ranges("value-quantity", [(Decimal(number), Decimal(number))]),
        )

    put(collection, [entries(number) for number in range(500)])
    kind: Kind = "date" if code == "date" else "number"
    low: Amount = START + 200 * DAY if code == "date" else Decimal(200)
    high: Amount = START + 220 * DAY if code == "date" else Decimal(220)
    criteria = joined(
        "Observation", all_of([RangeIs(kind, code, (("high", ">=", low),)), RangeIs(kind, code, (("low", "<", high),))])
    )
    looked_at, found = examined(collection, to_mongo(criteria))
    assert found == 20
    assert looked_at <= 2 * found
