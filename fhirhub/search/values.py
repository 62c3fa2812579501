"""What a resource is found by: its index entries.

https://hl7.org/fhir/R4/search.html#ptypes
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DateEntry:
    """The time one value of a date parameter covers: [low, high) in microseconds since 1970 UTC."""

    parameter: str
    low: int
    high: int


@dataclass(slots=True)
class IndexEntries:
    """All index entries of one resource; both lists are free of duplicates and in a stable order."""

    tokens: list[str] = field(default_factory=list)
    dates: list[DateEntry] = field(default_factory=list)
