"""How a page of search results is found: the queries, in the order in which they are to fill the page.

https://hl7.org/fhir/R4/search.html#sort, #paging

Every page is found by the position of a row next to it (keyset), never by skipping rows. The orders of creation, of
update, of ids and of the leading date are those of indexes. All others are computed for every match. Whatever the
order, a resource without a value comes last, and `n`, which no two resources share, decides between equals; it runs in
the direction of the first key.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cmp_to_key
from typing import Any, Final, Literal

from bson.decimal128 import Decimal128

from fhirhub.search.leading import leading
from fhirhub.search.result_parameters import SortKey
from fhirhub.store.entries import FIELDS, WITHOUT_ENTRIES
from fhirhub.store.ranges import stored_amount
from fhirhub.store.sort_values import sort_value

Document = dict[str, Any]
Scalar = int | str | Decimal | None
Position = tuple[Scalar, ...]
"""Where a row stands in an order: the values of its keys, None for a missing one, and last its `n`."""

Direction = Literal[1, -1]

_WITH_EVENT: Final = dict.fromkeys((name for name in FIELDS if name != "e"), 0)
_LOWEST: Final = float("-inf")
_DATED: Final[Document] = {"e": {"$gte": _LOWEST}}
_DATELESS: Final[Document] = {"e": {"$not": {"$gte": _LOWEST}}}


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the results is asked for.

    Arguments:
        sort: what the rows are sorted by; (): the newest first.
        position: the rows after this one in the order, or before it; None: from the beginning.
        backward: whether the rows before `position` are meant; those next to it come first then.
        limit: most rows to return.
        across: whether rows of several types are merged, so that ids do not tell them apart.
    """

    sort: tuple[SortKey, ...] = ()
    position: Position | None = None
    backward: bool = False
    limit: int = 20
    across: bool = False

    @property
    def way(self) -> Direction:
        """The direction in which rows are read by their first key: 1 is ascending."""
        return -1 if (not self.sort or self.sort[0].descending) != self.backward else 1


@dataclass(frozen=True, slots=True)
class Step:
    """One query: a find, or an aggregation where keys are computed.

    Arguments:
        match: which documents.
        sort: by what, in MongoDB's words.
        limit: most rows.
        projection: what of the documents to return.
        hint: the index to use; None: MongoDB decides.
        computed: the fields made of each document before it is sorted.
        onward: which of them come after the position; about the computed fields.
    """

    match: Document
    sort: Mapping[str, int]
    limit: int
    projection: Mapping[str, int]
    hint: str | None = None
    computed: tuple[Document, ...] = ()
    onward: Document | None = None

    def options(self) -> dict[str, Any]:
        """Return the arguments of a find, besides the filter."""
        given: dict[str, Any] = {"projection": self.projection, "sort": list(self.sort.items()), "limit": self.limit}
        return given if self.hint is None else {**given, "hint": self.hint}

    def pipeline(self) -> list[Document]:
        """Return the stages of an aggregation."""
        return [
            {"$match": self.match},
            *({"$set": fields} for fields in self.computed),
            *([{"$match": self.onward}] if self.onward else []),
            {"$sort": dict(self.sort)},
            {"$limit": self.limit},
            {"$project": dict(self.projection)},
        ]


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, and the fields of a found document that tell its position."""

    steps: tuple[Step, ...]
    fields: tuple[str, ...]

    @property
    def computes(self) -> bool:
        """Whether all matches have to be looked at to find the first ones."""
        return any(step.computed for step in self.steps)

    def position(self, document: Mapping[str, Any]) -> Position:
        """Return where a document stands."""
        return tuple(_plain(document.get(name)) for name in self.fields)


def by_event(resource_type: str, sort: Sequence[SortKey]) -> bool:
    """Whether the order is that of the leading date, which lists are kept in."""
    return _index_field(resource_type, sort) == "e"


def plan(resource_type: str, match: Document, page: Page, *, span: Document | None = None, hint: bool = False) -> Plan:
    """Return how to find a page.

    Arguments:
        match: the filter of the search.
        span: a condition on `e` that follows from it; with one, no match is without.
        hint: whether the lists are to be read, whatever else MongoDB finds in the filter.
    """
    field = _index_field(resource_type, page.sort)
    if field is None:
        return _computed(match, page)
    if field == "e":
        return _by_event(match, page, span, "listed" if hint else None)
    onward = _beyond(field, page)
    step = Step(_all(match, *onward), {field: page.way}, page.limit, WITHOUT_ENTRIES)
    return Plan((step,), ("n",) if field == "n" else (field, "n"))


def _index_field(resource_type: str, sort: Sequence[SortKey]) -> str | None:
    if not sort:
        return "n"
    match sort[0].parameter:
        case "_id":
            return "_id"
        case "_lastUpdated":
            return "u"
        case code if len(sort) == 1 and code == leading(resource_type):
            return "e"
        case _:
            return None


def _all(*parts: Document) -> Document:
    return {"$and": [part for part in parts if part]}


def _after(way: int) -> str:
    return "$gt" if way > 0 else "$lt"


def _beyond(field: str, page: Page) -> list[Document]:
    """The condition that a row comes after the position in an order without ties (over all types: but for ids)."""
    if page.position is None:
        return []
    value, number = page.position[0], page.position[-1]
    after = _after(page.way)
    if field == "_id" and page.across:
        return [{"_id": {f"{after}e": value}}, {"$or": [{"_id": {"$ne": value}}, {"n": {after: number}}]}]
    return [{field: {after: value}}]


def _by_event(match: Document, page: Page, span: Document | None, hint: str | None) -> Plan:
    """Ranges of the index, one after the other: a range starts where the position is, and nothing is read in vain."""
    way, after = page.way, _after(page.way)
    whole: list[Document] = []
    if page.position is None:
        # Missing values are the lowest of the index: read downward they come last by themselves.
        ranges = [whole] if way < 0 else [[_DATED], [_DATELESS]]
    else:
        value, number = page.position
        beside: Document = {"n": {after: number}}
        if value is None:
            ranges = [[_DATELESS, beside], *([[_DATED]] if page.backward else [])]
        elif page.backward:
            ranges = [[{"e": value}, beside], [{"e": {after: value}}]]
        elif way < 0:
            ranges = [[{"e": value}, beside], [{"e": {"$not": {"$gte": value}}}]]
        else:
            ranges = [[{"e": value}, beside], [{"e": {after: value}}], [_DATELESS]]
    if span is not None:
        ranges = [[span, *conditions] for conditions in ranges if _DATELESS not in conditions]
    steps = (Step(_all(match, *each), {"e": way, "n": way}, page.limit, _WITH_EVENT, hint) for each in ranges)
    return Plan(tuple(steps), ("e", "n"))


def _computed(match: Document, page: Page) -> Plan:
    values = {f"s{number}": sort_value(key) for number, key in enumerate(page.sort)}
    missing = {f"m{number}": {"$eq": [f"$s{number}", None]} for number in range(len(page.sort))}
    order: dict[str, int] = {}
    for number, key in enumerate(page.sort):
        order[f"m{number}"] = -1 if page.backward else 1
        order[f"s{number}"] = -1 if key.descending != page.backward else 1
    order["n"] = page.way
    projection = {**WITHOUT_ENTRIES, **dict.fromkeys(missing, 0)}
    onward = None if page.position is None else _past(order, _known(page.position))
    step = Step(match, order, page.limit, projection, computed=(values, missing), onward=onward)
    return Plan((step,), (*values, "n"))


def _known(position: Position) -> dict[str, Any]:
    """The fields of the row at a position."""
    fields: dict[str, Any] = {"n": position[-1]}
    for number, value in enumerate(position[:-1]):
        fields[f"s{number}"] = stored_amount(value) if isinstance(value, Decimal) else value
        fields[f"m{number}"] = value is None
    return fields


def _past(order: Mapping[str, int], row: Mapping[str, Any]) -> Document:
    """The condition that a document comes after a row: it equals it in some first keys and is beyond in the next."""
    equal: Document = {}
    ways: list[Document] = []
    for field, way in order.items():
        if row[field] is not None:
            ways.append({**equal, field: {_after(way): row[field]}})
        equal[field] = row[field]
    return {"$or": ways}


def _plain(value: Any) -> Scalar:
    if isinstance(value, Decimal128):
        return value.to_decimal()
    if isinstance(value, int):
        # BSON has an int of its own, which JSON does not know.
        return int(value)
    scalar: Scalar = value
    return scalar


def in_order(page: Page) -> Callable[[Position], Any]:
    """Return the key by which positions sort as the rows of a page do."""
    ways = [-1 if key.descending else 1 for key in page.sort] + [replace(page, backward=False).way]
    turn = -1 if page.backward else 1

    def compare(one: Position, other: Position) -> int:
        for left, right, way in zip(one, other, ways[-len(one) :], strict=True):
            if left != right:
                if left is None or right is None:
                    return turn if left is None else -turn
                return way * turn if left > right else -way * turn  # type: ignore[operator]  # of one key: of one type
        return 0

    return cmp_to_key(compare)
