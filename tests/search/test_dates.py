"""The ranges that dates, periods and timings cover."""

import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.search.dates import BEGINNING, END, date_range, microseconds, period_range, timing_range


def at(*fields: int, offset: int = 0) -> int:
    """Microseconds of a local time, `offset` minutes east of UTC."""
    return microseconds(datetime(*fields, tzinfo=timezone(timedelta(minutes=offset))))  # type: ignore[arg-type,misc]  # datetime takes seven integers before its keyword


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2013", at(2013, 1, 1), at(2014, 1, 1)),
        ("2013-12", at(2013, 12, 1), at(2014, 1, 1)),
        ("2012-02", at(2012, 2, 1), at(2012, 3, 1)),
        ("2013-01-14", at(2013, 1, 14), at(2013, 1, 15)),
        ("1969-12-31", -86_400_000_000, 0),
        ("2013-01-14T10:00", at(2013, 1, 14, 10), at(2013, 1, 14, 10, 1)),
        ("2013-01-14T10:00:07", at(2013, 1, 14, 10, 0, 7), at(2013, 1, 14, 10, 0, 8)),
        ("2013-01-14T10:00:07Z", at(2013, 1, 14, 10, 0, 7), at(2013, 1, 14, 10, 0, 8)),
        ("2013-01-14T10:00:00+08:00", at(2013, 1, 14, 2), at(2013, 1, 14, 2, 0, 1)),
        ("2013-01-14T20:00:00-05:30", at(2013, 1, 15, 1, 30), at(2013, 1, 15, 1, 30, 1)),
        ("2013-01-14T10:00:07.5Z", at(2013, 1, 14, 10, 0, 7, 500_000), at(2013, 1, 14, 10, 0, 7, 600_000)),
        ("2013-01-14T10:00:07.125Z", at(2013, 1, 14, 10, 0, 7, 125_000), at(2013, 1, 14, 10, 0, 7, 126_000)),
        ("2013-01-14T10:00:07.1234567Z", at(2013, 1, 14, 10, 0, 7, 123_456), at(2013, 1, 14, 10, 0, 7, 123_457)),
        ("2016-12-31T23:59:60Z", at(2017, 1, 1), at(2017, 1, 1, 0, 0, 1)),
    ],
)
def test_date_covers_its_precision(text: str, low: int, high: int) -> None:
    assert date_range(text, UTC) == (low, high)


def test_date_at_the_end_of_the_calendar_has_an_end() -> None:
    whole, december, day = date_range("9999", UTC), date_range("9999-12", UTC), date_range("9999-12-31", UTC)
    assert whole and december and day
    assert whole[1] == december[1] == day[1] == day[0] + 86_400_000_000


@pytest.mark.parametrize(
    "text",
    [
        "", "13", "2013-1", "2013-13", "2013-00", "2013-02-30", "2013-W01-1", "20130114", "2013-01-14T",
        "2013-01-14T10", "2013-01-14T24:00", "2013-01-14T10:60", "2013-01-14 10:00", "2013-01-14T10:00:00 08:00",
        "2013-01-14T10:00+15:00", "2013-01-14T10:00:00.Z", "0000", "２０１３", "2013\n", "now",
    ],
)  # fmt: skip
def test_date_that_is_none_covers_nothing(text: str) -> None:
    assert date_range(text, UTC) is None


@given(st.datetimes(timezones=st.timezones()))
def test_date_range_of_any_moment_starts_at_it(moment: datetime) -> None:
    moment = moment.astimezone(UTC) if 1 < moment.year < 9999 else moment.replace(tzinfo=UTC)
    text = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert date_range(text, UTC) == (microseconds(moment), microseconds(moment) + 1)


def test_period_covers_its_last_day_whole() -> None:
    assert period_range({"start": "2012-05-01", "end": "2012-05-23"}, UTC) == (at(2012, 5, 1), at(2012, 5, 24))


def test_period_without_an_end_goes_on_for_ever() -> None:
    assert period_range({"start": "2012-05-01"}, UTC) == (at(2012, 5, 1), END)
    assert period_range({"end": "2012-05"}, UTC) == (BEGINNING, at(2012, 6, 1))
    assert period_range({"extension": []}, UTC) is None


def test_timing_covers_from_its_first_event_to_its_last() -> None:
    timing = {"event": ["2013-03-24", None, "2013-01-31T08:00:00Z"], "repeat": {"frequency": 1}}
    assert timing_range(timing, UTC) == (at(2013, 1, 31, 8), at(2013, 3, 25))


def test_timing_includes_the_bounds_of_its_repetition() -> None:
    bounds = {"start": "2013-01-31", "end": "2013-03-24"}
    assert timing_range({"repeat": {"boundsPeriod": bounds}}, UTC) == (at(2013, 1, 31), at(2013, 3, 25))
    assert timing_range({"event": ["2012"], "repeat": {"boundsPeriod": bounds}}, UTC) == (
        at(2012, 1, 1),
        at(2013, 3, 25),
    )
    assert timing_range({"repeat": {"frequency": 3, "boundsDuration": {"value": 3}}}, UTC) is None


def test_microseconds_need_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        microseconds(datetime(2013, 1, 1))


@pytest.mark.parametrize("text", ["2013-01-14T10:00:00." + "1" * 1000 + "Z", "yesterday" * 100])
def test_text_that_is_longer_than_dates_are_is_not_kept_in_memory(text: str) -> None:
    before = sys.getrefcount(text)
    assert (date_range(text, UTC) is None) == text.startswith("yesterday")
    assert sys.getrefcount(text) == before


def test_period_that_ends_before_it_starts_covers_what_lies_between() -> None:
    period = {"start": "2013-01-20", "end": "2013-01-14"}
    assert period_range(period, UTC) == (at(2013, 1, 14), at(2013, 1, 21))
    assert period_range({"start": "2013-01-14", "end": "2013-01-13"}, UTC) is not None
