"""What inputs find: numbers with their dates, codes, truths.

https://hl7.org/fhir/R4/observation.html
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from .kleene import Interval


@dataclass(frozen=True, slots=True)
class Value:
    """One number of an Observation, in the unit of the input.

    Arguments:
        at: when it was true of the patient, and the day in the patient's calendar as it was written.
        low, high: the reference range that goes with it.
        age: of the patient then, full years.
        source: the resource it stands in, as a reference with its version.
    """

    number: Interval
    unit: str
    at: datetime
    day: str
    source: str
    low: Decimal | None = None
    high: Decimal | None = None
    age: int | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers of one input, the newest last; what it is by itself is the newest."""

    ATTRIBUTES: ClassVar = ("low", "high", "age")
    values: tuple[Value, ...]

    @property
    def latest(self) -> Interval | None:
        """The newest number."""
        return self.values[-1].number if self.values else None

    def attribute(self, name: str) -> Any:
        """Return an attribute of the newest number as an interval of one; None: unknown."""
        found = getattr(self.values[-1], name) if self.values else None
        return None if found is None else Interval(Decimal(found), Decimal(found))

    def each(self, holds: Callable[["Series"], bool | None]) -> list[tuple[Value, bool | None]]:
        """Return every value with what holds of it alone."""
        return [(value, holds(replace(self, values=(value,)))) for value in self.values]


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of a coded answer."""

    codes: frozenset[str]
    at: datetime
    day: str
    source: str
    text: str = ""
