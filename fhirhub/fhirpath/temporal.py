"""Dates, times and what lies between: partial precision, offsets, three-valued comparison.

http://hl7.org/fhirpath/N1/#datetime-comparison, https://hl7.org/fhir/R4/datatypes.html#dateTime
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

_DIGITS: Final = 18
_TICKS: Final = 10**_DIGITS
"""Parts of a second, fine enough for every fraction that is read."""

_SECOND = rf"(?P<second>[0-5]\d|60)(?:\.(?P<fraction>\d{{1,{_DIGITS}}}))?"
_TIME = rf"(?P<hour>[01]\d|2[0-3])(?::(?P<minute>[0-5]\d)(?::{_SECOND})?)?"
_DATE = r"(?P<year>\d{4})(?:-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>0[1-9]|[12]\d|3[01]))?)?"
_ZONE = r"(?P<zone>Z|[+-](?:0\d|1[0-4]):[0-5]\d)"
_PATTERNS: Final = {
    "System.Date": re.compile(_DATE),
    "System.DateTime": re.compile(rf"{_DATE}(?:T(?:{_TIME}{_ZONE}?)?)?"),
    "System.Time": re.compile(_TIME),
}
_PARTS: Final = ("year", "month", "day", "hour", "minute", "second")

DAY: Final = 86_400
EARLIEST_OFFSET: Final = -12 * 60
"""The offsets a time without one can have, in minutes: from here …"""
LATEST_OFFSET: Final = 14 * 60
"""… to here."""


@dataclass(frozen=True, slots=True)
class Temporal:
    """A date, dateTime or time.

    `parts` holds year, month, day, hour, minute, second as far as they are known (of a time: hour, minute, second),
    `fraction` the digits after the second's point, `offset` the minutes east of UTC.
    """

    type: str
    parts: tuple[int, ...]
    fraction: str | None = None
    offset: int | None = None

    @property
    def second(self) -> Decimal:
        """The seconds with their fraction; 0 when they are not known."""
        position = 2 if self.type == "System.Time" else 5
        if len(self.parts) <= position:
            return Decimal(0)
        return Decimal(f"{self.parts[position]}.{self.fraction}") if self.fraction else Decimal(self.parts[position])

    def __str__(self) -> str:
        numbers = [f"{part:02d}" for part in self.parts]
        if self.type == "System.Time":
            text = ":".join(numbers)
        else:
            text = "-".join([f"{self.parts[0]:04d}", *numbers[1:3]])
            if len(numbers) > 3:
                text += "T" + ":".join(numbers[3:])
        if self.fraction is not None:
            text += "." + self.fraction
        if self.offset is None:
            return text
        if self.offset == 0:
            return text + "Z"
        hours, minutes = divmod(abs(self.offset), 60)
        return f"{text}{'-' if self.offset < 0 else '+'}{hours:02d}:{minutes:02d}"


@lru_cache(maxsize=4096)
def parse(text: str, type_name: str) -> Temporal | None:
    """Return the value of `text` as `System.Date`, `System.DateTime` or `System.Time`; None when it is none."""
    match = _PATTERNS[type_name].fullmatch(text)
    if match is None:
        return None
    found = match.groupdict()
    parts = tuple(int(found[name]) for name in _PARTS if found.get(name) is not None)
    if type_name != "System.Time" and not _is_day(parts):
        return None
    return Temporal(type_name, parts, found.get("fraction"), _offset(found.get("zone")))


def _is_day(parts: tuple[int, ...]) -> bool:
    return parts[0] > 0 and (len(parts) < 3 or parts[2] <= monthrange(parts[0], parts[1])[1])


def _offset(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def compare(left: Temporal, right: Temporal) -> int | None:
    """Return -1, 0 or 1; None when the precision or a missing offset leaves it open.

    A date compares with a dateTime, a time only with a time: the caller sees to that.
    """
    low, high = _bounds(left)
    other_low, other_high = _bounds(right)
    same_offset = (left.offset is None) == (right.offset is None)
    if same_offset and len(left.parts) == len(right.parts):
        return (low > other_low) - (low < other_low)
    if not same_offset:
        # The one without an offset can be anywhere between the easternmost and the westernmost zone.
        earlier, later = LATEST_OFFSET * 60 * _TICKS, -EARLIEST_OFFSET * 60 * _TICKS
        if left.offset is None:
            low, high = low - earlier, high + later
        else:
            other_low, other_high = other_low - earlier, other_high + later
    if high < other_low:
        return -1
    if low > other_high:
        return 1
    return None


def equivalent(left: Temporal, right: Temporal) -> bool:
    """Whether both are equal and known to the same precision (seconds and their fractions are one precision)."""
    same_precision = len(left.parts) == len(right.parts) and (left.offset is None) == (right.offset is None)
    return same_precision and compare(left, right) == 0


def equality_key(value: Temporal) -> tuple[object, ...]:
    """Return something that two values share exactly when `compare` finds them equal."""
    return (value.type == "System.Time", value.offset is None, len(value.parts), _bounds(value)[0])


def _bounds(value: Temporal) -> tuple[int, int]:
    """Return the first and the last moment `value` can mean, in ticks since the year 1 (a time: since midnight)."""
    if value.type == "System.Time":
        clock, days = value.parts, 0
    else:
        year, month, day = (*value.parts[:3], 1, 1)[:3]
        clock, days = value.parts[3:], date(year, month, day).toordinal()
    hour, minute = (*clock[:2], 0, 0)[:2]
    second = clock[2] if len(clock) > 2 else 0
    low = (days * DAY + hour * 3600 + minute * 60 + second - (value.offset or 0) * 60) * _TICKS
    low += int((value.fraction or "").ljust(_DIGITS, "0"))
    match len(value.parts) + (3 if value.type == "System.Time" else 0):
        case 1:
            span = (366 if monthrange(value.parts[0], 2)[1] == 29 else 365) * DAY
        case 2:
            span = monthrange(value.parts[0], value.parts[1])[1] * DAY
        case 3:
            span = DAY
        case 4:
            span = 3600
        case 5:
            span = 60
        case _:
            return low, low
    return low, low + span * _TICKS - 1
