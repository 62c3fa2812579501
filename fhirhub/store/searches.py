"""Running searches: pages of one type or of several merged, totals, and contained resources.

https://hl7.org/fhir/R4/search.html
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import pymongo
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError

from fhirhub.errors import Failure, FhirError
from fhirhub.search.filter import All, Filter, TokenIs, served
from fhirhub.search.leading import about, leading, person
from fhirhub.search.match import matches
from fhirhub.store.collections import Collections
from fhirhub.store.entries import entries_of
from fhirhub.store.failures import reading
from fhirhub.store.filters import after_prefix, to_mongo
from fhirhub.store.lists import MAX_LISTS, Lists, lists, within
from fhirhub.store.plan import Document, Page, Plan, Position, by_event, in_order, plan
from fhirhub.store.ranges import joined
from fhirhub.store.resolve import resolve
from fhirhub.store.stored import Stored, from_current

MANY: Final = 100_000
"""More resources than a search that no index serves goes through without saying so."""
MAX_COMPUTED: Final = 200_000
"""See `Searches`; a figure that is not measured yet."""

_STARTS_ALIKE: Final = 10
"""Most keys of lists that one prefix is made into; a code without its system rarely stands for more than one."""

_LIVING: Final[Document] = {"n": {"$gt": 0}}
_ALIVE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Row:
    """A resource that was found, and where it stands in the order of the search."""

    stored: Stored
    position: Position


@dataclass(frozen=True, slots=True)
class Holder:
    """A resource with contained ones that match: their ids; `matches`: it is itself a match."""

    row: Row
    contained: tuple[str, ...]
    matches: bool

    @property
    def position(self) -> Position:
        """Where it stands."""
        return self.row.position


class Searches:
    """The searches of one database. Every one of them is limited in time.

    Arguments:
        seconds: most time one search may take.
        session: the transaction whose writes are to be seen; None: what is committed.
        max_computed: most matches that are sorted by an order no index has.
    """

    def __init__(
        self,
        collections: Collections,
        *,
        seconds: float,
        session: ClientSession | None = None,
        max_computed: int = MAX_COMPUTED,
    ) -> None:
        self._collections = collections
        self._max_computed = max_computed
        self._seconds = seconds
        self._session = session

    def in_use(self) -> frozenset[str]:
        """Return the resource types there may be resources of."""
        with reading(), pymongo.timeout(self._seconds):
            return self._collections.in_use()

    def find(self, filters: Mapping[str, Filter], page: Page) -> list[Row]:
        """Return the resources that match the filter of their type, in the order in which the page is read.

        Raises:
            FhirError: the search takes too long or too much, or the database is away.
        """
        with reading(self._answers, advice(filters)), pymongo.timeout(self._seconds):
            page = replace(page, across=len(filters) > 1)
            found = [self._find(name, criteria, page) for name, criteria in filters.items()]
        return _merged(found, page)

    def _find(self, resource_type: str, criteria: Filter, page: Page) -> list[Row]:
        made = self._plan(resource_type, criteria, page)
        collection = self._collections.of(resource_type)
        if made.computes:
            self._check_size(resource_type, made)
        rows: list[Row] = []
        for step in made.steps:
            step = replace(step, limit=page.limit - len(rows))
            if made.computes:
                documents: Iterable[Document] = collection.aggregate(step.pipeline(), session=self._session)
            else:
                documents = collection.find(step.match, session=self._session, **step.options())
            rows += (Row(from_current(resource_type, each), made.position(each)) for each in documents)
            if len(rows) == page.limit:
                break
        return rows

    def scanned(self, filters: Mapping[str, Filter]) -> list[str]:
        """Return the types of which most resources are looked at, of which there are many, since no index serves."""
        wide = [name for name, criteria in filters.items() if not isinstance(criteria, All) and not served(criteria)]
        with reading(self._answers, advice(filters)), pymongo.timeout(self._seconds):
            return [name for name in wide if self._collections.of(name).estimated_document_count() > MANY]

    def plan_of(self, resource_type: str, criteria: Filter, page: Page) -> Plan:
        """Return the queries a page of a type is found with."""
        with reading(self._answers, advice([resource_type])), pymongo.timeout(self._seconds):
            return self._plan(resource_type, criteria, page)

    def _plan(self, resource_type: str, criteria: Filter, page: Page) -> Plan:
        criteria = self._plain(resource_type, criteria)
        timely = by_event(resource_type, page.sort)
        listed = lists(resource_type, criteria)
        if timely and listed is not None:
            listed = self._spelt_out(resource_type, listed)
        if not timely:
            return plan(resource_type, _match(criteria, listed if listed and listed.narrow else None), page)
        span = within(resource_type, criteria, listed)
        hint = listed is not None and listed.whole and not any(listed.prefixes)
        return plan(resource_type, _match(criteria, None if span else listed), page, span=span, hint=hint)

    def _spelt_out(self, resource_type: str, found: Lists) -> Lists:
        """Replace prefixes by the keys there are: in one list the order is that of the index, in a range it is not."""
        tokens = [token for token in found.tokens if isinstance(token, TokenIs)]
        for prefix in found.prefixes:
            keys = self._starting(resource_type, prefix)
            if keys is None or len(tokens) + len(keys) > MAX_LISTS:
                return found
            tokens += map(TokenIs, keys)
        return replace(found, tokens=tuple(tokens))

    def _starting(self, resource_type: str, prefix: str) -> list[str] | None:
        """Return the keys of lists that start with a prefix, each read at the cost of one document; None: too many."""
        keys: list[str] = []
        low = {"$gte": prefix}
        while len(keys) < _STARTS_ALIKE:
            among = {"a": {"$elemMatch": {**low, "$lt": after_prefix(prefix)}}}
            documents = self._collections.of(resource_type).find(
                among, projection={"a": 1}, limit=1, hint="listed", session=self._session
            )
            first = [key for each in documents for key in each["a"] if key.startswith(prefix) and key not in keys]
            if not first:
                return keys
            keys.append(min(first))
            low = {"$gt": keys[-1]}
        return None

    def _check_size(self, resource_type: str, made: Plan) -> None:
        """Refuse to sort too much: every match would have to be read and its place computed."""
        collection = self._collections.of(resource_type)
        if self._session is None and collection.estimated_document_count() <= self._max_computed:
            return
        count = collection.count_documents(made.steps[0].match, limit=self._max_computed + 1, session=self._session)
        if count > self._max_computed:
            free = " or ".join(code for code in ("_id", "_lastUpdated", leading(resource_type)) if code)
            raise FhirError(
                Failure.TOO_COSTLY,
                f"Search parameter _sort: more than {self._max_computed} resources of type {resource_type} match, too "
                f"many to sort in this order. {advice([resource_type])} Any number can be sorted by {free}.",
                expression=["http._sort"],
            )

    def count(self, filters: Mapping[str, Filter], *, at_most: int | None = None) -> int:
        """Return how many resources match; of each type no more than `at_most` are counted, if that is given."""
        with reading(self._answers, advice(filters)), pymongo.timeout(self._seconds):
            return sum(self._count(name, criteria, at_most) for name, criteria in filters.items())

    def _count(self, resource_type: str, criteria: Filter, at_most: int | None) -> int:
        criteria = self._plain(resource_type, criteria)
        collection = self._collections.of(resource_type)
        if isinstance(criteria, All) and at_most is not None and self._session is None:
            estimate = collection.estimated_document_count()
            if estimate > at_most:
                return estimate
        listed = lists(resource_type, criteria)
        match = _match(criteria, listed if listed and listed.narrow else None)
        limited: dict[str, Any] = {} if at_most is None else {"limit": at_most}
        return collection.count_documents(match, session=self._session, **limited)

    def holders(self, types: Iterable[str], held_type: str, part: Filter, page: Page, *, both: bool) -> list[Holder]:
        """Return the resources that contain one of a type that matches, the newest first.

        Arguments:
            types: what may contain them.
            part: is about the contained resources.
            both: resources of `held_type` that match themselves are found, too.
        """
        with reading(self._answers, advice([held_type])), pymongo.timeout(self._seconds):
            found = [self._holders(name, held_type, part, page, both=both and name == held_type) for name in types]
        by_row = {id(holder.row): holder for each in found for holder in each}
        return [by_row[id(row)] for row in _merged([[holder.row for holder in each] for each in found], page)]

    def _holders(self, resource_type: str, held_type: str, part: Filter, page: Page, *, both: bool) -> list[Holder]:
        made = plan(resource_type, _holding(held_type, part, both=both), page)
        step = made.steps[0]
        documents = self._collections.of(resource_type).find(
            step.match, session=self._session, **{**step.options(), "projection": None}
        )
        return [_holder(resource_type, each, made.position(each), held_type, part, both=both) for each in documents]

    def count_held(self, types: Iterable[str], held_type: str, part: Filter, *, both: bool, holders: bool) -> int:
        """Return how many there are: resources that contain a match (`holders`), or contained matches.

        With `both`, the matches that are not contained count, too.
        """
        with reading(self._answers, advice([held_type])), pymongo.timeout(self._seconds):
            if holders:
                return sum(
                    self._collections.of(name).count_documents(
                        _holding(held_type, part, both=both and name == held_type), session=self._session
                    )
                    for name in types
                )
            own = self._count(held_type, part, None) if both else 0
            return own + sum(self._count_contained(name, held_type, part) for name in types)

    def _count_contained(self, resource_type: str, held_type: str, part: Filter) -> int:
        stages: list[Document] = [
            {"$match": _holding(held_type, part, both=False)},
            {"$project": {"c": 1}},
            {"$unwind": "$c"},
            {"$replaceRoot": {"newRoot": "$c"}},
            {"$match": {"$and": [{"t": held_type}, to_mongo(part)]}},
            {"$count": "n"},
        ]
        rows = self._collections.of(resource_type).aggregate(stages, session=self._session)
        return sum(int(row["n"]) for row in rows)

    def _plain(self, resource_type: str, criteria: Filter) -> Filter:
        plain = resolve(criteria, resource_type, collections=self._collections, session=self._session)
        return joined(resource_type, plain)

    def _answers(self) -> bool:
        """Whether the database is there, and it was the search that took too long."""
        try:
            with pymongo.timeout(_ALIVE_SECONDS):
                self._collections.of("Patient").database.command("ping")
        except PyMongoError:
            return False
        return True


def _match(criteria: Filter, listed: Lists | None) -> Document:
    parts = [listed.condition() if listed else {}, to_mongo(criteria), _LIVING]
    return {"$and": [part for part in parts if part]}


def _holding(held_type: str, part: Filter, *, both: bool) -> Document:
    holds: Document = {"c": {"$elemMatch": {"t": held_type, **to_mongo(part)}}}
    return {"$and": [{"$or": [to_mongo(part), holds]} if both else holds, _LIVING]}


def _holder(
    resource_type: str, document: Document, position: Position, held_type: str, part: Filter, *, both: bool
) -> Holder:
    stored, entries = from_current(resource_type, document), entries_of(document)
    contained = tuple(
        each.logical_id
        for each in entries.contained
        if each.resource_type == held_type
        and matches(part, logical_id=each.logical_id, updated=0, entries=each.entries)
    )
    itself = both and matches(part, logical_id=stored.logical_id, updated=0, entries=entries)
    return Holder(Row(stored, position), contained, itself)


def _merged(found: Sequence[list[Row]], page: Page) -> list[Row]:
    if len(found) == 1:
        return found[0]
    place = in_order(page)
    return list(islice(heapq.merge(*found, key=lambda row: place(row.position)), page.limit))


def advice(types: Iterable[str]) -> str:
    """Say what would narrow a search: what the indexes are best at."""
    names = dict.fromkeys(code for name in types for code in (person(name), *about(name), leading(name)) if code)
    listed = list(names)[:4] or ["_id", "_lastUpdated"]
    return f"Add criteria that narrow the search, such as {', '.join(listed)}."
