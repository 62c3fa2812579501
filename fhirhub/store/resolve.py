"""Criteria about other resources, made plain ones by asking the database: chains, `_has`, lists and hierarchies.

https://hl7.org/fhir/R4/search.html#chaining, #has and #reference

Each step is a query of its own, the innermost first; what it finds goes into the next one as ids or keys of references.
Where it finds too much, the criteria beside the chain may find little: then their matches say whom to ask about.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import pymongo
from pymongo.client_session import ClientSession

from fhirhub.errors import Failure, FhirError
from fhirhub.search.filter import (
    All,
    And,
    Filter,
    GroupIs,
    Holds,
    IdIn,
    InHierarchy,
    Not,
    Nothing,
    Or,
    ReferredBy,
    Refers,
    Related,
    TokenIs,
    TokenStartsWith,
    all_of,
    any_of,
    for_contained,
    none_of,
    related,
    replaced,
)
from fhirhub.search.keys import beside_key
from fhirhub.search.match import matches
from fhirhub.search.syntax import too_costly
from fhirhub.search.values import IndexEntries
from fhirhub.store.canonical import canonical_of, named, refers_by_canonical
from fhirhub.store.collections import Collections
from fhirhub.store.filters import after_prefix, to_mongo

MAX_IDS: Final = 20_000
"""Most resources one step may find."""
MAX_SOURCES: Final = 50_000
"""Most resources that may refer to those a step finds."""
FEW: Final = 1_000
"""Up to so many matches of the criteria beside a reverse chain are what it is asked about, and not everything."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Uncommitted:
    """A resource as a transaction will leave it; `entries` is None when it deletes it, `updated` is in microseconds."""

    updated: int
    entries: IndexEntries | None


_NONE: Final[Mapping[Key, Uncommitted]] = MappingProxyType({})


def resolve(
    filter: Filter,
    resource_type: str,
    *,
    collections: Collections,
    session: ClientSession | None = None,
    seconds: float | None = None,
    uncommitted: Mapping[Key, Uncommitted] = _NONE,
) -> Filter:
    """Return a filter that finds the same resources of a type and asks for no others.

    Arguments:
        session: the transaction, or the snapshot, whose view of the data counts.
        seconds: how long all queries together may take; None: as long as the caller's own limit lets them.
        uncommitted: what a transaction has changed and the database cannot know yet, by type and id.

    Raises:
        FhirError: a step found more than `MAX_IDS` resources.
        PyMongoError: the database failed or time ran out (see `store.failures`).
    """
    if not related(filter):
        return filter
    with pymongo.timeout(seconds):
        return _Resolver(collections, session, uncommitted).plain(filter, resource_type)


class _Resolver:
    """Resolves the nodes of one request, each only once."""

    def __init__(
        self, collections: Collections, session: ClientSession | None, uncommitted: Mapping[Key, Uncommitted]
    ) -> None:
        self._collections = collections
        self._session = session
        self._changed: dict[str, dict[str, Uncommitted]] = {}
        for (resource_type, logical_id), each in uncommitted.items():
            self._changed.setdefault(resource_type, {})[logical_id] = each
        self._known: dict[tuple[str, Related], Filter] = {}
        self._found: dict[tuple[str, Filter, tuple[str, ...]], dict[str, list[str]]] = {}

    def plain(self, filter: Filter, resource_type: str) -> Filter:
        """Return the filter with every related node of it replaced."""
        match filter:
            case And(parts):
                return self._all(parts, resource_type)
            case Or(parts):
                return any_of(self.plain(part, resource_type) for part in parts)
            case Not(part):
                return none_of(self.plain(part, resource_type))
            case GroupIs(parameter, part):
                return GroupIs(parameter, self.plain(part, resource_type))
            case Holds():
                return self._held(filter, lambda each: self._finds(resource_type, each))
            case Refers() | ReferredBy() | InHierarchy():
                key = (resource_type, filter)
                if key not in self._known:
                    self._known[key] = self._resolved(filter, resource_type)
                return self._known[key]
            case _:
                return filter

    def _all(self, parts: Iterable[Filter], resource_type: str) -> Filter:
        """Resolve the parts of a conjunction: those first that ask for nothing, those last that find too much."""
        found: Filter = All()
        wide: list[tuple[Filter, FhirError]] = []
        for part in sorted(parts, key=related):
            if isinstance(found, Nothing):
                return found
            each = self._among(part, resource_type, found) if self._is_few(part, resource_type, found) else None
            try:
                found = all_of([found, self.plain(part, resource_type) if each is None else each])
            except FhirError as error:
                if error.failure is not Failure.TOO_COSTLY:
                    raise
                wide.append((part, error))
        for part, reason in wide:
            if isinstance(found, Nothing):
                return found
            each = self._among(part, resource_type, found)
            if each is None:
                raise reason
            found = all_of([found, each])
        return found

    def _is_few(self, node: Filter, resource_type: str, others: Filter) -> bool:
        """Whether what a reverse chain stands beside finds so little that looking from there is sure to be cheaper."""
        if not isinstance(node, ReferredBy) or isinstance(others, All):
            return False
        ids = self._collections.of(resource_type).find(
            _query(others), projection=["_id"], limit=FEW + 1, session=self._session
        )
        return sum(1 for _ in ids) <= FEW

    def _among(self, node: Filter, resource_type: str, others: Filter) -> Filter | None:
        """Resolve a node only as far as it concerns what fulfils `others`, which is plain; None: that is no help."""
        match node:
            case _ if isinstance(others, All):
                return None
            case Refers(parameter, target_type) if not refers_by_canonical(resource_type, parameter, target_type):
                part = self.plain(node.part, target_type)
                candidates = self._targets(resource_type, others, f"{parameter}={target_type}/", parameter)
                ids = self._ids(target_type, all_of([candidates, part]), parameter)
                found = _one_of(f"{parameter}={target_type}/{each}" for each in ids)
                return any_of([found, self.plain(Holds(parameter, target_type, node.part), resource_type)])
            case ReferredBy(source_type, parameter) if not refers_by_canonical(source_type, parameter, resource_type):
                part = self.plain(node.part, source_type)
                prefix = f"{parameter}={resource_type}/"
                candidates = _one_of(f"{prefix}{each}" for each in self._ids(resource_type, others, parameter))
                return self._targets(source_type, all_of([candidates, part]), prefix, parameter)
            case _:
                return None

    def _resolved(self, node: Related, resource_type: str) -> Filter:
        match node:
            case Refers(parameter, target_type, part):
                held = Holds(parameter, target_type, part)
                return any_of([self._refers(node, resource_type), self.plain(held, resource_type)])
            case ReferredBy():
                return self._referred(node, resource_type)
            case InHierarchy():
                ids = self._ancestors(node) if node.direction == "above" else self._descendants(node)
                return _one_of(f"{node.parameter}={node.target_type}/{each}" for each in sorted(ids))

    def _refers(self, node: Refers, resource_type: str) -> Filter:
        part = self.plain(node.part, node.target_type)
        if isinstance(part, Nothing):
            return part
        if refers_by_canonical(resource_type, node.parameter, node.target_type):
            rows = self._rows(node.target_type, part, ("url=", "version="), node.parameter)
            by_url = [canonical_of(tokens).referred(node.parameter) for tokens in rows.values()]
            return any_of([_one_of(f"{node.parameter}={node.target_type}/{each}" for each in rows), *by_url])
        ids = self._ids(node.target_type, part, node.parameter)
        return _one_of(f"{node.parameter}={node.target_type}/{each}" for each in ids)

    def _held(self, node: Holds, exists: Callable[[Filter], bool]) -> Filter:
        """Return the node with its part resolved, or `Nothing` where it finds nothing.

        Then a chain comes to nothing but tokens, which the database finds in the order of an index.

        Arguments:
            exists: tells whether there is anything to which a filter applies where the node stands.
        """
        held_type = node.resource_type

        def around(part: Filter) -> bool:
            return exists(Holds(node.parameter, held_type, part))

        def plain(each: Filter) -> Filter:
            match each:
                case Refers(parameter, target_type, part):
                    leads = TokenIs(beside_key(parameter))
                    beside: Filter = Nothing()
                    if around(leads):
                        beside = all_of([leads, self._held(Holds(parameter, target_type, part), around)])
                    return any_of([self._refers(each, held_type), beside])
                case _:
                    return self.plain(each, held_type)

        if not around(All()):
            return Nothing()
        part = replaced(for_contained(node.part), plain)
        if isinstance(part, Nothing) or not around(part):
            return Nothing()
        return Holds(node.parameter, held_type, part)

    def _finds(self, resource_type: str, filter: Filter) -> bool:
        """Whether anything at all matches, or did before it was changed."""
        # What is deleted has no entries, and a condition on `n` would let MongoDB walk along the index of that.
        stored = self._collections.of(resource_type).find_one(
            to_mongo(filter), projection=["_id"], session=self._session
        )
        return stored is not None or any(True for _ in self._matching(resource_type, filter))

    def _referred(self, node: ReferredBy, resource_type: str) -> Filter:
        part = self.plain(node.part, node.source_type)
        if isinstance(part, Nothing):
            return part
        local = f"{node.parameter}={resource_type}/"
        found = [self._targets(node.source_type, part, local, node.parameter)]
        if refers_by_canonical(node.source_type, node.parameter, resource_type):
            link = f"{node.parameter}="
            rows = self._rows(node.source_type, all_of([part, TokenStartsWith(link)]), (link,), node.parameter)
            canonicals = {each for tokens in rows.values() for each in named(tokens, link)}
            found += [each.found() for each in sorted(canonicals, key=str)]
        return any_of(found)

    def _descendants(self, node: InHierarchy) -> set[str]:
        def below(ids: set[str]) -> Iterable[str]:
            parents = _one_of(f"{node.parent}={node.target_type}/{each}" for each in sorted(ids))
            return self._ids(node.target_type, parents, node.parameter)

        return self._closure(node, below)

    def _ancestors(self, node: InHierarchy) -> set[str]:
        prefix = f"{node.parent}={node.target_type}/"

        def above(ids: set[str]) -> Iterable[str]:
            rows = self._rows(node.target_type, IdIn(frozenset(ids)), (prefix,), node.parameter)
            return (token.removeprefix(prefix) for tokens in rows.values() for token in tokens)

        return self._closure(node, above)

    def _closure(self, node: InHierarchy, next_to: Callable[[set[str]], Iterable[str]]) -> set[str]:
        """Walk level by level; what was met before is not asked for again, so a cycle ends."""
        reached = {node.logical_id}
        level = reached
        while level:
            level = set(next_to(level)) - reached
            reached = reached | level
            _check(len(reached), node.parameter, node.target_type)
        return reached

    def _ids(self, resource_type: str, filter: Filter, asked: str) -> list[str]:
        """Return the ids of all resources of a type that match."""
        return list(self._rows(resource_type, filter, (), asked))

    def _rows(self, resource_type: str, filter: Filter, prefixes: tuple[str, ...], asked: str) -> dict[str, list[str]]:
        """Return, by id, the tokens that start with any of `prefixes` of all resources of a type that match."""
        key = (resource_type, filter, prefixes)
        if key not in self._found:
            self._found[key] = self._read(resource_type, filter, prefixes, asked)
        return self._found[key]

    def _read(self, resource_type: str, filter: Filter, prefixes: tuple[str, ...], asked: str) -> dict[str, list[str]]:
        changed = self._changed.get(resource_type, {})
        projection: dict[str, Any] = {"_id": 1}
        if prefixes:
            projection["k"] = {"$filter": {"input": "$k", "as": "t", "cond": {"$or": list(map(_starts, prefixes))}}}
        cursor = self._collections.of(resource_type).find(
            _query(filter), projection=projection, limit=MAX_IDS + 1 + len(changed), session=self._session
        )
        found = {row["_id"]: row.get("k", []) for row in cursor if row["_id"] not in changed}
        for logical_id, entries in self._matching(resource_type, filter):
            found[logical_id] = [token for token in entries.tokens if token.startswith(prefixes)] if prefixes else []
        _check(len(found), asked, resource_type)
        return found

    def _targets(self, source_type: str, filter: Filter, prefix: str, asked: str) -> Filter:
        """Return the ids that tokens with a prefix end in, of all resources of a type that match."""
        changed = self._changed.get(source_type, {})
        stages: list[dict[str, Any]] = [
            {"$match": _query(all_of([filter, TokenStartsWith(prefix)]))},
            {"$limit": MAX_SOURCES + 1},
            {"$project": {"_id": 0, "k": {"$filter": {"input": "$k", "as": "t", "cond": _starts(prefix)}}}},
            {"$unwind": "$k"},
            {"$group": {"_id": "$k", "c": {"$sum": 1}}},
            {"$limit": MAX_IDS + 1},
        ]
        if changed:
            stages.insert(0, {"$match": {"_id": {"$nin": list(changed)}}})
        rows = list(self._collections.of(source_type).aggregate(stages, session=self._session))
        _check(sum(row["c"] for row in rows), asked, source_type, MAX_SOURCES)
        ids = {row["_id"].removeprefix(prefix) for row in rows}
        for _, entries in self._matching(source_type, filter):
            ids |= {token.removeprefix(prefix) for token in entries.tokens if token.startswith(prefix)}
        _check(len(ids), asked, source_type)
        return IdIn(frozenset(ids)) if ids else Nothing()

    def _matching(self, resource_type: str, filter: Filter) -> Iterable[tuple[str, IndexEntries]]:
        for logical_id, each in self._changed.get(resource_type, {}).items():
            if each.entries is not None and matches(
                filter, logical_id=logical_id, updated=each.updated, entries=each.entries
            ):
                yield logical_id, each.entries


def _query(filter: Filter) -> dict[str, Any]:
    return {"$and": [to_mongo(filter), {"n": {"$gt": 0}}]}


def _starts(prefix: str) -> dict[str, Any]:
    # `$literal` keeps a prefix from being read as an expression.
    return {"$and": [{"$gte": ["$$t", {"$literal": prefix}]}, {"$lt": ["$$t", {"$literal": after_prefix(prefix)}]}]}


def _one_of(tokens: Iterable[str]) -> Filter:
    """Return the disjunction; made at once, since there can be thousands."""
    parts = tuple(map(TokenIs, tokens))
    if not parts:
        return Nothing()
    return Or(parts) if len(parts) > 1 else parts[0]


def _check(count: int, asked: str, resource_type: str, most: int | None = None) -> None:
    most = MAX_IDS if most is None else most
    if count > most:
        raise too_costly(
            asked,
            f"more than {most} resources of type {resource_type} fulfil what the chain asks of them; "
            f"add criteria for {resource_type} to the chain, or criteria beside it that find less.",
        )
