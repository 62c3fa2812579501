"""Where the converters put the index entries of one resource.

https://hl7.org/fhir/R4/search.html#ptypes
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhirhub.model.json import Json
from fhirhub.search.site import Site
from fhirhub.search.values import Group, IndexEntries, Point, RangeEntry

Pairs = list[tuple[str, Any]]
"""Values, each behind the name of its type."""

Times = tuple[tuple[str, int, int], ...]
Numbers = tuple[tuple[str, Decimal, Decimal], ...]


class Collector:
    """Gathers the entries of one resource; dictionaries because they drop duplicates and keep the order.

    `dates`, `numbers` and `groups` hold the fields of the entries, which take less time to compare than the entries
    themselves.

    Arguments:
        held: by the id of a contained resource, the codes of the reference parameters that lead to it.
    """

    __slots__ = ("base_url", "dates", "groups", "held", "numbers", "points", "site", "tokens")

    def __init__(self, site: Site) -> None:
        self.site = site
        self.base_url = site.base_url
        self.tokens: dict[str, None] = {}
        self.dates: dict[tuple[str, int, int], None] = {}
        self.numbers: dict[tuple[str, Decimal, Decimal], None] = {}
        self.groups: dict[tuple[str, tuple[str, ...], Times, Numbers], None] = {}
        self.points: dict[Point, None] = {}
        self.held: dict[str, dict[str, None]] = {}

    def put_held(self, code: str, fragment: str) -> None:
        """Note that a reference parameter leads to a contained resource."""
        self.held.setdefault(fragment, {})[code] = None

    def put_group(self, code: str, inner: "Collector") -> None:
        """Add what was gathered for one element that a composite is about."""
        self.groups[code, tuple(inner.tokens), tuple(inner.dates), tuple(inner.numbers)] = None

    def size(self) -> int:
        """Return how many entries were gathered; one of a group counts as much as one outside."""
        inner = sum(len(tokens) + len(dates) + len(numbers) for _, tokens, dates, numbers in self.groups)
        return len(self.tokens) + len(self.dates) + len(self.numbers) + inner

    def entries(self) -> IndexEntries:
        """Return all that was gathered."""
        return IndexEntries(
            tokens=list(self.tokens),
            dates=[RangeEntry(*fields) for fields in self.dates],
            numbers=[RangeEntry(*fields) for fields in self.numbers],
            groups=[
                Group(code, IndexEntries(list(tokens), _ranges(dates), _ranges(numbers)))
                for code, tokens, dates, numbers in self.groups
            ],
            points=list(self.points),
        )


def _ranges(fields: Times | Numbers) -> list[RangeEntry]:
    return [RangeEntry(*each) for each in fields]


Converter = Callable[[str, Any, Collector], bool]
"""Takes a parameter's code and a value; adds entries and returns whether there were any."""

Put = Callable[[Json, Json, Collector], None]
"""Takes a resource and the one it stands in, itself if none; adds entries."""
