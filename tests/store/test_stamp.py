"""Stamps: docs/adr/0004-stamps.md."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.store.stamp import LOW_BITS, PROCESSES, StampClock, format_instant, instant_of, stamp_at

NOW = datetime(2026, 1, 31, 8, 15, 30, 125_000, tzinfo=UTC)


def clock(process: int = 1, now: datetime = NOW) -> StampClock:
    return StampClock(process, lambda: now)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_stamp_carries_its_millisecond(moment: datetime) -> None:
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert instant_of(stamp_at(moment)) == whole
    assert stamp_at(moment) < 2**63


def test_instant_is_written_with_three_digits() -> None:
    assert format_instant(stamp_at(NOW)) == "2026-01-31T08:15:30.125Z"
    assert format_instant(stamp_at(NOW.replace(microsecond=0))) == "2026-01-31T08:15:30.000Z"


def test_stamps_of_a_process_rise_within_one_millisecond_and_beyond_its_capacity() -> None:
    ours = clock()
    stamps = [ours.next() for _ in range(10_000)]
    assert stamps == sorted(set(stamps))
    assert instant_of(stamps[0]) == NOW
    assert instant_of(stamps[-1]) - NOW < timedelta(milliseconds=10)


def test_stamps_of_processes_differ() -> None:
    stamps = [clock(process).next() for process in range(PROCESSES)]
    assert len(set(stamps)) == PROCESSES


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(milliseconds=1), timedelta(hours=3)])
def test_stamp_is_a_millisecond_later_than_the_version_before(ahead: timedelta) -> None:
    """Also when that was made on a machine whose clock runs ahead of ours."""
    before = clock(process=900, now=NOW + ahead).next()
    after = clock(process=1).next(after=before)
    assert after >> LOW_BITS > before >> LOW_BITS
    assert instant_of(after) > instant_of(before)


def test_clock_that_goes_back_makes_later_stamps_all_the_same() -> None:
    times = [NOW, NOW - timedelta(minutes=5), NOW - timedelta(days=1), NOW + timedelta(seconds=1)]
    ours = StampClock(3, lambda: times.pop(0))
    stamps = [ours.next() for _ in range(4)]
    assert stamps == sorted(set(stamps))
    assert instant_of(stamps[-1]) == NOW + timedelta(seconds=1)
