"""Three-valued logic and intervals: what is known of a number that a laboratory gives as `<0.5`.

Kleene's strong logic; None is unknown. https://hl7.org/fhir/R4/datatypes.html#Quantity (comparator)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, DivisionByZero, InvalidOperation
from typing import Final

Truth = bool | None
INFINITY: Final = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class Interval:
    """The numbers that a value can be: from `low` to `high`, an end excluded where it is open."""

    low: Decimal
    high: Decimal
    low_open: bool = False
    high_open: bool = False

    @property
    def is_point(self) -> bool:
        """Whether it is one number."""
        return self.low == self.high

    def scaled(self, factor: Decimal) -> "Interval":
        """Return it times a positive factor."""
        return Interval(self.low * factor, self.high * factor, self.low_open, self.high_open)


def point(number: Decimal | int) -> Interval:
    """Return the interval that is one number."""
    return Interval(Decimal(number), Decimal(number))


def of_comparator(number: Decimal, comparator: str | None) -> Interval:
    """Return what a Quantity with this comparator can be."""
    match comparator:
        case "<":
            return Interval(-INFINITY, number, True, True)
        case "<=":
            return Interval(-INFINITY, number, True, False)
        case ">":
            return Interval(number, INFINITY, True, True)
        case ">=":
            return Interval(number, INFINITY, False, True)
        case _:
            return point(number)


def negated(truth: Truth) -> Truth:
    """Not; unknown stays unknown."""
    return None if truth is None else not truth


def all_of(truths: Iterable[Truth]) -> Truth:
    """And: false where one is, else unknown where one is."""
    found: Truth = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            found = None
    return found


def any_of(truths: Iterable[Truth]) -> Truth:
    """Or: true where one is, else unknown where one is."""
    return negated(all_of(negated(truth) for truth in truths))


def at_least(number: int, truths: Iterable[Truth]) -> Truth:
    """Whether so many of them are true."""
    seen = list(truths)
    if sum(truth is True for truth in seen) >= number:
        return True
    return None if sum(truth is not False for truth in seen) >= number else False


def greater(left: Interval, right: Interval) -> Truth:
    """Whether every number of one is above every number of the other; unknown where that depends."""
    if left.low > right.high or (left.low == right.high and (left.low_open or right.high_open)):
        return True
    return False if left.high <= right.low else None


def at_least_as_great(left: Interval, right: Interval) -> Truth:
    """As `greater`, equal numbers included."""
    return negated(greater(right, left))


def equal(left: Interval, right: Interval) -> Truth:
    """Whether they are the same number."""
    if left.is_point and right.is_point:
        return left.low == right.low
    return None if greater(left, right) is None and greater(right, left) is None else False


def combined(operator: str, left: Interval, right: Interval) -> Interval | None:
    """Return `left operator right` for + - * /; None where that is no number."""
    if operator == "-":
        return combined("+", left, Interval(-right.high, -right.low, right.high_open, right.low_open))
    try:
        if operator == "+":
            return Interval(
                left.low + right.low,
                left.high + right.high,
                left.low_open or right.low_open,
                left.high_open or right.high_open,
            )
        if operator == "/":
            if right.low <= 0 <= right.high:
                return None
            right = Interval(1 / right.high, 1 / right.low, right.high_open, right.low_open)
        ends = [
            (a * b, a_open or b_open)
            for a, a_open in ((left.low, left.low_open), (left.high, left.high_open))
            for b, b_open in ((right.low, right.low_open), (right.high, right.high_open))
        ]
    except (InvalidOperation, DivisionByZero):
        return None
    # Of equal ends, one that belongs to the interval wins.
    low = min(ends)
    high = max(ends, key=lambda end: (end[0], not end[1]))
    return Interval(low[0], high[0], low[1], high[1])
