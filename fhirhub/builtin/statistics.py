"""The statistics of $stats, exact in decimal arithmetic where they are rational.

http://terminology.hl7.org/CodeSystem/observation-statistics; quantiles are interpolated between the two nearest values
(Hyndman and Fan, type 7), variance and standard deviation are those of a sample (n - 1), skewness and kurtosis the
standardized third and fourth moments of the values (a normal distribution has a kurtosis of 3).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

Timed = Sequence[tuple[datetime, Decimal]]
"""Numbers with their times, in any order."""
Statistic = Callable[[Timed], Decimal | None]

_DAY: Final = Decimal(86_400)


def mean(values: Timed) -> Decimal | None:
    """The arithmetic mean; None without values, as for what follows."""
    return _sum(number for _, number in values) / len(values) if values else None


def quantile(portion: Decimal) -> Statistic:
    """Return the statistic below which this portion of the values lies."""

    def found(values: Timed) -> Decimal | None:
        if not values:
            return None
        numbers = sorted(number for _, number in values)
        place = portion * (len(numbers) - 1)
        low = int(place)
        high = min(low + 1, len(numbers) - 1)
        return numbers[low] + (numbers[high] - numbers[low]) * (place - low)

    return found


def variance(values: Timed) -> Decimal | None:
    """Of a sample; None for fewer than two values."""
    middle = mean(values)
    if middle is None or len(values) < 2:
        return None
    return _sum((number - middle) ** 2 for _, number in values) / (len(values) - 1)


def deviation(values: Timed) -> Decimal | None:
    """The root of the variance."""
    found = variance(values)
    return None if found is None else found.sqrt()


def regression(values: Timed) -> Decimal | None:
    """The slope of the least-squares line, per day; None where all values are of one moment."""
    if not values:
        return None
    began = min(at for at, _ in values)
    days = [Decimal((at - began).total_seconds()) / _DAY for at, _ in values]
    middle, level = _sum(days) / len(days), _sum(number for _, number in values) / len(values)
    spread = _sum((day - middle) ** 2 for day in days)
    if not spread:
        return None
    return _sum((day - middle) * (number - level) for day, (_, number) in zip(days, values, strict=True)) / spread


def _sum(numbers: Iterable[Decimal]) -> Decimal:
    return sum(numbers, Decimal(0))


def _moment(order: int) -> Statistic:
    def found(values: Timed) -> Decimal | None:
        middle = mean(values)
        if middle is None:
            return None
        spread = _sum((number - middle) ** 2 for _, number in values) / len(values)
        if not spread:
            return None
        central = _sum((number - middle) ** order for _, number in values) / len(values)
        return central / (spread.sqrt() ** order)

    return found


def _quartile_deviation(values: Timed) -> Decimal | None:
    low, high = (quantile(Decimal(portion))(values) for portion in ("0.25", "0.75"))
    return None if low is None or high is None else (high - low) / 2


def _extreme(choose: Callable[..., Decimal]) -> Statistic:
    return lambda values: choose(number for _, number in values) if values else None


OF_VALUES: Final[Mapping[str, Statistic]] = MappingProxyType(
    {
        "average": mean,
        "maximum": _extreme(max),
        "minimum": _extreme(min),
        "median": quantile(Decimal("0.5")),
        "std-dev": deviation,
        "sum": lambda values: _sum(number for _, number in values) if values else None,
        "variance": variance,
        "20-percent": quantile(Decimal("0.2")),
        "80-percent": quantile(Decimal("0.8")),
        "4-lower": quantile(Decimal("0.25")),
        "4-upper": quantile(Decimal("0.75")),
        "4-dev": _quartile_deviation,
        "5-1": quantile(Decimal("0.2")),
        "5-2": quantile(Decimal("0.4")),
        "5-3": quantile(Decimal("0.6")),
        "5-4": quantile(Decimal("0.8")),
        "skew": _moment(3),
        "kurtosis": _moment(4),
        "regression": regression,
    }
)
"""By their code. `count` and `total-count` are of Observations, not of values."""
