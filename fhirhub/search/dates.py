"""The time a partial date, a Period or a Timing covers, as a half-open range of microseconds since 1970 UTC.

https://hl7.org/fhir/R4/search.html#date
"""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from fhirhub.model.json import Json

Range = tuple[int, int]

BEGINNING: Final = -(2**63)
"""The low end of a period without start."""
END: Final = 2**63 - 1
"""The high end of a period without end."""

_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_EPOCH: Final = datetime(1970, 1, 1)

# The leap second :60 is valid FHIR; it is read as the first second of the next minute.
_DATE_TIME: Final = re.compile(
    r"([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-([0-3][0-9])"
    r"(?:T([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]|60)(?:\.([0-9]+))?)?"
    r"(Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?)?)?)?"
)


def date_range(text: str, zone: tzinfo) -> Range | None:
    """Return the range a date, dateTime or instant covers at the precision it is written in; None when it is none.

    Arguments:
        zone: where dates are, and times that name no zone of their own.

    Fractions finer than a microsecond are cut off.
    """
    return _known_range(text, zone) if len(text) <= _SHORT else _new_range(text, zone)


def _new_range(text: str, zone: tzinfo) -> Range | None:
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, named = found.groups()
    try:
        if day is None:
            low, high = _months(int(year), int(month or 1), 1 if month else 12)
            return _in_utc(low, zone), _in_utc(high, zone)
        low = (date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY) * _DAY
    except ValueError:
        return None
    if hour is None:
        return _in_utc(low, zone), _in_utc(low + _DAY, zone)
    low += (int(hour) * 60 + int(minute)) * 60 * _SECOND
    low = low - _offset(named) if named else _in_utc(low, zone)
    if second is None:
        return low, low + 60 * _SECOND
    low += int(second) * _SECOND
    if fraction is None:
        return low, low + _SECOND
    digits = fraction[:6]
    step = 10 ** (6 - len(digits))
    low += int(digits) * step
    return low, low + step


# Dates recur; whatever else someone writes there shall not fill the memory.
_SHORT: Final = 40
_known_range: Final = lru_cache(maxsize=4096)(_new_range)


def _months(year: int, month: int, count: int) -> Range:
    low = (date(year, month, 1).toordinal() - _EPOCH_DAY) * _DAY
    if month + count <= 12:
        return low, (date(year, month + count, 1).toordinal() - _EPOCH_DAY) * _DAY
    # 1 January of the next year, which `date` cannot hold after 9999.
    return low, (date(year, 12, 31).toordinal() + 1 - _EPOCH_DAY) * _DAY


def _in_utc(local: int, zone: tzinfo) -> int:
    """Return when a clock in the zone shows a time, given in microseconds since it showed 1970."""
    if zone is UTC:
        return local
    try:
        offset = (_EPOCH + timedelta(microseconds=local)).replace(tzinfo=zone).utcoffset()
    except OverflowError:
        # The end of the year 9999; only its neighbourhood can say how far the zone is from UTC.
        offset = datetime.max.replace(tzinfo=zone).utcoffset()
    return local - (offset or timedelta()) // timedelta(microseconds=1)


def _offset(zone: str) -> int:
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return (minutes if zone[0] == "+" else -minutes) * 60 * _SECOND


def period_range(period: Json, zone: tzinfo) -> Range | None:
    """Return the range of a Period, open ends included; None when it has neither start nor end.

    One that ends before it starts is found by all it may have meant: from its end to its start.
    """
    start = date_range(period.get("start") or "", zone)
    end = date_range(period.get("end") or "", zone)
    if start is None and end is None:
        return None
    if start and end and end[1] <= start[0]:
        return end[0], start[1]
    return (start[0] if start else BEGINNING, end[1] if end else END)


def timing_range(timing: Json, zone: tzinfo) -> Range | None:
    """Return the outer limits of a Timing, from its events and `repeat.boundsPeriod`; None when it states neither."""
    ranges = [covered for event in timing.get("event") or () if event and (covered := date_range(event, zone))]
    bounds = (timing.get("repeat") or {}).get("boundsPeriod")
    if bounds and (covered := period_range(bounds, zone)):
        ranges.append(covered)
    if not ranges:
        return None
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def microseconds(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970 UTC."""
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError("a moment needs its time zone")
    since = moment.replace(tzinfo=None) - offset - _EPOCH
    return (since.days * 86_400 + since.seconds) * _SECOND + since.microseconds
