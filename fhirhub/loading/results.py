"""What came of loading: where each resource stood, what became of it, and why something was refused.

https://hl7.org/fhir/R4/operationoutcome.html
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal

from fhirhub.errors import Issue

Fate = Literal["created", "updated", "unchanged", "deleted", "refused"]
"""What became of a resource."""

FATES: Final[tuple[Fate, ...]] = ("created", "updated", "unchanged", "deleted", "refused")

Tally = Counter[tuple[str, Fate]]
"""How many resources of a type met a fate."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stood: the file (`archive!member` in an archive), the line of NDJSON (from 1), the entry of a
    Bundle (from 0)."""

    source: str
    line: int | None = None
    entry: int | None = None

    def __str__(self) -> str:
        line = "" if self.line is None else f":{self.line}"
        entry = "" if self.entry is None else f", entry {self.entry}"
        return f"{self.source}{line}{entry}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was not loaded. `resource` is `Type/id`, `Type`, or empty when that could not be found out."""

    place: Place
    resource: str
    issues: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that holds no FHIR resource by its name; nobody tried to read it."""

    source: str
    reason: str


@dataclass(slots=True)
class Done:
    """What became of one chunk.

    Arguments:
        weight: bytes of the disk that were read for it.
        stopped: why going on makes no sense (the database is gone); None when it does.
    """

    weight: int
    tally: Tally = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    stopped: str | None = None
