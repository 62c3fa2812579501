"""What rules ask of several values: days, spans, trends, significant change.

Sources: RCV, C.G. Fraser, Biological Variation (AACC Press 2001); Mann, Econometrica 1945;13:245; Kendall, Rank
Correlation Methods (1975), exact distribution for few values.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from itertools import combinations
from math import erfc, sqrt
from typing import Any, Final

from .kleene import Interval, point
from .observed import Series

Holds = Callable[[Series], bool | None]
_FEWEST: Final = 4
_SIGNIFICANT: Final = 0.05
_EXACT: Final = 10


def held_days(series: Any, holds: Holds) -> Interval | None:
    """On how many calendar days a condition held: at least those that are certain. Unknown without values."""
    if not isinstance(series, Series) or not series.values:
        return None
    seen = series.each(holds)
    certain = {value.day[:10] for value, truth in seen if truth}
    possible = {value.day[:10] for value, truth in seen if truth is not False}
    return Interval(Decimal(len(certain)), Decimal(len(possible)))


def held_span(series: Any, holds: Holds) -> Interval | None:
    """How many days lie between the first and the last value for which a condition held. Unknown without values."""
    if not isinstance(series, Series) or not series.values:
        return None
    seen = series.each(holds)
    ends = [
        [value.at for value, truth in seen if truth is True or (possible and truth is None)]
        for possible in (False, True)
    ]
    low, high = (Decimal((max(times) - min(times)).days if times else 0) for times in ends)
    return Interval(low, high)


def change(series: Any) -> Interval | None:
    """By how many percent of the value before it the newest one differs. Unknown for fewer than two, or from `<`."""
    if not isinstance(series, Series) or len(series.values) < 2:
        return None
    before, now = (value.number for value in series.values[-2:])
    if not before.is_point or not now.is_point or before.low <= 0:
        return None
    return point((now.low - before.low) / before.low * 100)


def rising(series: Any) -> bool | None:
    """Whether values rise: Mann-Kendall, one-sided p < 0.05; unknown for fewer than four."""
    return _trend(series, 1)


def falling(series: Any) -> bool | None:
    """Whether values fall, as `rising`."""
    return _trend(series, -1)


def _trend(series: Any, sign: int) -> bool | None:
    if not isinstance(series, Series):
        return None
    numbers = [value.number for value in series.values]
    if len(numbers) < _FEWEST or not all(number.is_point for number in numbers):
        return None
    pairs = list(combinations([number.low for number in numbers], 2))
    statistic = sign * sum((late > early) - (late < early) for early, late in pairs)
    return statistic > 0 and _p_value(statistic, [number.low for number in numbers]) < _SIGNIFICANT


def _p_value(statistic: int, numbers: list[Decimal]) -> float:
    """The one-sided probability of a statistic so high without a trend."""
    count = len(numbers)
    if count < _EXACT and len(set(numbers)) == count:
        ways = _ways(count)
        pairs = count * (count - 1) // 2
        # S = pairs - 2 x inversions
        return sum(ways[: (pairs - statistic) // 2 + 1]) / sum(ways)
    ties = [numbers.count(number) for number in set(numbers)]
    variance = (count * (count - 1) * (2 * count + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    return 1.0 if variance == 0 else erfc((statistic - 1) / sqrt(variance) / sqrt(2)) / 2


@cache
def _ways(count: int) -> tuple[int, ...]:
    """How many orders of so many values have 0, 1, 2, ... inversions."""
    found = [1]
    for size in range(2, count + 1):
        found = [sum(found[max(0, k - size + 1) : k + 1]) for k in range(len(found) + size - 1)]
    return tuple(found)
