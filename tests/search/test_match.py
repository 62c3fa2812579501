"""Matching index entries: the prefix table of the specification, and presence."""

from dataclasses import replace
from datetime import UTC

import pytest

from fhirhub.model.json import Json
from fhirhub.search.dates import date_range, period_range, timing_range
from fhirhub.search.filter import (
    All,
    Filter,
    Holds,
    IdIn,
    Not,
    Nothing,
    RangeIs,
    ReferredBy,
    TokenIs,
    Updated,
    all_of,
    any_of,
    none_of,
)
from fhirhub.search.match import matches
from fhirhub.search.values import Contained, IndexEntries, RangeEntry

from .conftest import Search

EARLIER = {"end": "2013-01-21"}
FROM_JANUARY = {"start": "2013-01-21"}
FROM_MARCH = {"start": "2013-03-15"}


def dated(value: str | Json) -> IndexEntries:
    period = {"start": value, "end": value} if isinstance(value, str) else value
    covered = period_range(period, UTC)
    assert covered is not None
    return IndexEntries(dates=[RangeEntry("date", *covered)])


def found(filter: Filter, entries: IndexEntries) -> bool:
    return matches(filter, logical_id="1", updated=0, entries=entries)


@pytest.mark.parametrize(
    ("query", "value", "expected"),
    [
        ("2013-01-14", "2013-01-14T00:00", True),
        ("eq2013-01-14", "2013-01-14T10:00", True),
        ("eq2013-01-14", "2013-01-15T00:00", False),
        ("eq2013-01-14T10:00", "2013-01-14", False),
        ("eq2013-01", "2013-01-14", True),
        ("eq2013", {"start": "2013-02-01", "end": "2013-12-31"}, True),
        ("eq2013", {"start": "2013-02-01", "end": "2014-01-01"}, False),
        ("eq2013", FROM_JANUARY, False),
        ("ne2013-01-14", "2013-01-15T00:00", True),
        ("ne2013-01-14", "2013-01-14T00:00", False),
        ("ne2013-01-14", "2013-01-14T10:00", False),
        ("ne2013-01-14", "2013-01", True),
        ("lt2013-01-14T10:00", "2013-01-14", True),
        ("lt2013-01-14T10:00", "2013-01-14T09:59", True),
        ("lt2013-01-14T10:00", "2013-01-14T10:00", False),
        ("gt2013-01-14T10:00", "2013-01-14", True),
        ("gt2013-01-14T10:00", "2013-01-14T10:00", False),
        ("gt2013-01-14T10:00", "2013-01-14T10:01", True),
        ("ge2013-03-14", FROM_JANUARY, True),
        ("ge2013-03-14", "2013-03-14", True),
        ("ge2013-03-14", "2013-03-13", False),
        ("ge2013-03-14", EARLIER, False),
        ("le2013-03-14", FROM_JANUARY, True),
        ("le2013-03-14", "2013-03-14", True),
        ("le2013-03-14", "2013-03-15", False),
        ("le2013-03-14", FROM_MARCH, False),
        ("sa2013-03-14", FROM_MARCH, True),
        ("sa2013-03-14", FROM_JANUARY, False),
        ("sa2013-03-14", EARLIER, False),
        ("sa2013-03-14", "2013-03-14T23:59", False),
        ("eb2013-03-14", FROM_MARCH, False),
        ("eb2013-03-14", FROM_JANUARY, False),
        ("eb2013-03-14", EARLIER, True),
        ("eb2013-03-14", "2013-03-14", False),
        ("ap2013-03-14", "2013-03-14", True),
        ("ap2013-03-14", "2013-01-21", True),
        ("ap2013-03-14", "2015-06-15", False),
        ("2013-01-14T10:00:00Z", "2013-01-14T18:00:00+08:00", True),
        ("2012,2013-01-14", "2013-01-14T10:00", True),
    ],
)
def test_prefix_compares_ranges(search: Search, query: str, value: str | Json, expected: bool) -> None:
    assert found(search("Observation", ("date", query)).filter, dated(value)) is expected


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", [False, False, True, True, False, False]),
        ("eq", [False, False, True, True, False, False]),
        ("ne", [True, True, False, False, True, True]),
        ("gt", [False, False, False, False, True, True]),
        ("sa", [False, False, False, False, True, True]),
        ("lt", [True, True, False, False, False, False]),
        ("eb", [True, True, False, False, False, False]),
        ("ge", [False, False, True, True, True, True]),
        ("le", [True, True, True, True, False, False]),
        # Some 222 days, a tenth of the time from then to now, on both sides.
        ("ap", [False, True, True, True, True, False]),
    ],
)
def test_prefix_compares_the_time_of_the_last_update(search: Search, prefix: str, expected: list[bool]) -> None:
    day = date_range("2020-01-01", UTC)
    assert day is not None
    year, millisecond = 365 * (day[1] - day[0]), 1000
    moments = [day[0] - year, day[0] - millisecond, day[0], day[1] - millisecond, day[1], day[1] + year]
    filter = search("Patient", ("_lastUpdated", f"{prefix}2020-01-01")).filter
    found = [matches(filter, logical_id="1", updated=moment, entries=IndexEntries()) for moment in moments]
    assert found == expected


def test_both_bounds_must_hold_for_one_entry(search: Search) -> None:
    first, second = dated("2010").dates[0], dated("2020").dates[0]
    both = IndexEntries(dates=[first, second])
    assert not found(search("Observation", ("date", "2015")).filter, both)
    assert found(search("Observation", ("date", "lt2015"), ("date", "gt2015")).filter, both)


def test_entry_of_another_parameter_does_not_count(search: Search) -> None:
    other = IndexEntries(dates=[replace(dated("2013").dates[0], parameter="value-date")])
    assert not found(search("Observation", ("date", "2013")).filter, other)


def test_ne_needs_a_value_and_not_does_not(search: Search) -> None:
    nothing = IndexEntries()
    assert not found(search("Observation", ("date", "ne2013")).filter, nothing)
    assert found(search("Observation", ("status:not", "final")).filter, nothing)
    assert found(search("Observation", ("date:missing", "true")).filter, nothing)


def test_timing_is_found_between_its_limits(search: Search) -> None:
    bounds = {"start": "2013-01-31", "end": "2013-03-24"}
    covered = timing_range({"repeat": {"boundsPeriod": bounds}}, UTC)
    assert covered is not None
    entries = IndexEntries(dates=[RangeEntry("date", *covered)])
    assert found(search("Observation", ("date", "ap2013-02-01")).filter, entries)
    assert found(search("Observation", ("date", "ge2013-02-01"), ("date", "le2013-02-01")).filter, entries)


def test_updated_is_half_open() -> None:
    at = {"logical_id": "1", "entries": IndexEntries()}
    window = Updated(1000, 2000)
    assert [matches(window, updated=time, **at) for time in (999, 1000, 1999, 2000)] == [False, True, True, False]  # type: ignore[arg-type]  # the dictionary mixes the types of two arguments


def test_combinations_are_simplified() -> None:
    one, two = TokenIs("a"), TokenIs("b")
    assert all_of([]) == All()
    assert any_of([]) == Nothing()
    assert all_of([one, All(), one]) == one
    assert all_of([one, Nothing()]) == Nothing()
    assert any_of([one, All()]) == All()
    assert any_of([one, any_of([one, two])]) == any_of([one, two])
    assert none_of(none_of(one)) == one
    assert none_of(All()) == Nothing()
    assert none_of(one) == Not(one)
    assert all_of([RangeIs("date", "d"), all_of([one, two])]) == all_of([RangeIs("date", "d"), one, two])


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (All(), True),
        (TokenIs("name=ann|"), True),
        (Not(TokenIs("name=ann|")), True),
        (all_of([Not(TokenIs("name=ann|")), Not(TokenIs("name=bob|"))]), False),
        # One and the same contained resource has to fulfil all of it, and the parameter to lead there.
        (all_of([TokenIs("name=ann|"), TokenIs("name=bob|")]), False),
        (TokenIs("name=cid|"), False),
        # What a contained resource has nothing of is never fulfilled.
        (IdIn(frozenset({"1"})), False),
        (Updated(), False),
        (ReferredBy("Observation", "subject", All()), False),
        (Not(IdIn(frozenset({"1"}))), True),
    ],
)
def test_contained_resource_that_a_parameter_leads_to_fulfils_the_part(part: Filter, expected: bool) -> None:
    inner = (("1", ["name=ann|", "^subject"]), ("2", ["name=bob|", "^subject"]), ("3", ["name=cid|", "^performer"]))
    contained = [Contained("Patient", logical_id, IndexEntries(tokens=tokens)) for logical_id, tokens in inner]
    entries = IndexEntries(contained=contained)
    assert found(Holds("subject", "Patient", part), entries) is expected
    assert found(Holds("subject", "Group", part), entries) is False
