"""A date or time and a duration: sums that respect the calendar and the precision of the date.

http://hl7.org/fhirpath/N1/#datetime-arithmetic
"""

from calendar import monthrange
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Final

from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.quantity import DEFINITE_UNITS, Quantity
from fhirhub.fhirpath.temporal import DAY, Temporal

_SECONDS: Final = {"week": 7 * DAY, "day": DAY, "hour": 3600, "minute": 60, "second": 1}
_LAST_ORDINAL: Final = date.max.toordinal()


def add_duration(moment: Temporal, duration: Quantity, sign: int) -> Temporal | None:
    """Return `moment` plus (`sign` 1) or minus (-1) a duration, as precise as `moment`; None outside years 1 to 9999.

    Above seconds only whole units count. A duration finer than the date is reduced to the date's finest unit.

    Raises:
        FhirPathError: the unit is no duration that can be added to this type.
    """
    unit = duration.unit if duration.calendar else DEFINITE_UNITS.get(duration.unit)
    if unit is None:
        raise FhirPathError(f"{duration.unit!r} is no duration of the calendar that could be added to a date or time")
    amount = duration.value * sign
    if unit == "millisecond":
        unit, amount = "second", amount.to_integral_value(ROUND_DOWN) / 1000
    elif unit != "second":
        amount = amount.to_integral_value(ROUND_DOWN)
    if moment.type == "System.Time":
        return _shift_time(moment, unit, amount)
    if unit in ("year", "month"):
        return _shift_months(moment, amount, 12 if unit == "year" else 1)
    return _shift_seconds(moment, amount * _SECONDS[unit])


def _whole(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_DOWN))


def _shift_months(moment: Temporal, amount: Decimal, factor: int) -> Temporal | None:
    months = _whole(amount * factor)
    if len(moment.parts) == 1:
        months = _whole(Decimal(months) / 12) * 12
    year, month = divmod(moment.parts[0] * 12 + (moment.parts[1] - 1 if len(moment.parts) > 1 else 0) + months, 12)
    if not 1 <= year <= 9999:
        return None
    parts = [year, month + 1, *moment.parts[2:]][: len(moment.parts)]
    if len(parts) > 2:
        parts[2] = min(parts[2], monthrange(year, month + 1)[1])
    return Temporal(moment.type, tuple(parts), moment.fraction, moment.offset)


def _shift_seconds(moment: Temporal, seconds: Decimal) -> Temporal | None:
    precision = len(moment.parts)
    if precision == 1:
        return _shift_months(moment, Decimal(_whole(seconds / (365 * DAY))), 12)
    if precision == 2:
        return _shift_months(moment, Decimal(_whole(seconds / (30 * DAY))), 1)
    finest = {3: DAY, 4: 3600, 5: 60}.get(precision)
    if finest is not None:
        seconds = Decimal(_whole(seconds / finest) * finest)
    hour, minute = (*moment.parts[3:5], 0, 0)[:2]
    total = Decimal(hour * 3600 + minute * 60) + moment.second + seconds
    days, rest = _split_days(total)
    ordinal = date(*moment.parts[:3]).toordinal() + days
    if not 1 <= ordinal <= _LAST_ORDINAL:
        return None
    day = date.fromordinal(ordinal)
    clock, fraction = _clock(rest, moment.fraction, precision > 5)
    return Temporal(moment.type, (day.year, day.month, day.day, *clock)[:precision], fraction, moment.offset)


def _shift_time(moment: Temporal, unit: str, amount: Decimal) -> Temporal:
    if unit not in ("hour", "minute", "second"):
        raise FhirPathError(f"A {unit} cannot be added to a time of day")
    seconds = amount * _SECONDS[unit]
    precision = len(moment.parts)
    finest = {1: 3600, 2: 60}.get(precision)
    if finest is not None:
        seconds = Decimal(_whole(seconds / finest) * finest)
    hour, minute = (*moment.parts[:2], 0)[:2]
    _, rest = _split_days(Decimal(hour * 3600 + minute * 60) + moment.second + seconds)
    clock, fraction = _clock(rest, moment.fraction, precision > 2)
    return Temporal(moment.type, clock[:precision], fraction)


def _split_days(seconds: Decimal) -> tuple[int, Decimal]:
    days = int((seconds / DAY).to_integral_value(rounding="ROUND_FLOOR"))
    return days, seconds - days * DAY


def _clock(seconds: Decimal, fraction: str | None, has_seconds: bool) -> tuple[tuple[int, int, int], str | None]:
    """Return hour, minute, second and the digits of the fraction: as many as there were, more where they are needed."""
    whole = int(seconds)
    digits = format(seconds - whole, "f").partition(".")[2].rstrip("0")
    if has_seconds and (digits or fraction is not None):
        digits = digits.ljust(len(fraction or ""), "0")
    return (whole // 3600, whole // 60 % 60, whole % 60), (digits or None) if has_seconds else None
