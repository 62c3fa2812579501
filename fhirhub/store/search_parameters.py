"""The search parameters that were added to this server: kept in step by all its processes.

https://hl7.org/fhir/R4/searchparameter.html, docs/how-it-works/search-parameters.md

One small document tells which SearchParameter resources count, and since which generation. The transaction that writes
such a resource changes it too, so that neither is ever without the other; processes read it every few seconds.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import pymongo
from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError

from fhirhub.definitions import SearchParameter
from fhirhub.model.json import decode_trusted
from fhirhub.search.added import definition_of, faults
from fhirhub.search.parameters import Place, SearchParameters, types_of
from fhirhub.store.collections import Collections, Document
from fhirhub.store.documents import ParameterSet, ReindexRun
from fhirhub.store.stored import Stored

RESOURCE_TYPE: Final = "SearchParameter"
REFRESH_SECONDS: Final = 2.0
"""How long a process may not know that another one has changed the set."""

_ADDED: Final = "added"
_LOOK_SECONDS: Final = 2.0
_LOG: Final = logging.getLogger("fhirhub.search_parameters")


def redefine(changes: Iterable[tuple[Stored | None, Stored]], session: ClientSession) -> bool:
    """Note, within the transaction that writes them, which SearchParameters say something else from now on.

    Arguments:
        changes: the version before (None: there was none) and after, one pair for each resource.

    Returns whether any does: a text that was improved, or a draft, changes nothing.
    """
    changed = False
    for before, after in changes:
        old, new = _definition(before), _definition(after)
        if old == new:
            continue
        changed = True
        document = ParameterSet._get_collection().find_one_and_update(
            {"_id": _ADDED},
            {"$inc": {"g": 1}, "$pull": {"p": {"i": after.logical_id}}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        generation = document["g"]
        either = [each for each in (old, new) if each is not None]
        rows = [_rival(row, either, generation) for row in document.get("p", ())]
        if new is not None:
            parts = [each.definition.partition("|")[0] for each in new.components]
            rows.append({"i": after.logical_id, "c": new.code, "d": parts, "g": generation, "b": False})
        ParameterSet._get_collection().update_one({"_id": _ADDED}, {"$set": {"p": rows}}, session=session)
    return changed


def _definition(stored: Stored | None) -> SearchParameter | None:
    found = None if stored is None or stored.is_deleted else definition_of(stored.resource())
    return found and replace(found, description="")


def _rival(row: Document, changed: Iterable[SearchParameter], generation: int) -> Document:
    """A parameter whose code another one had or takes, or one of whose components changed, has to be indexed again."""
    if any(row["c"] == each.code or each.url in row.get("d", ()) for each in changed):
        return {**row, "g": generation, "b": False}
    return row


def mark_built(logical_ids: Iterable[str], generation: int) -> None:
    """Note that all resources are indexed by these parameters, as they were in a generation."""
    ParameterSet._get_collection().update_one(
        {"_id": _ADDED},
        {"$set": {"p.$[done].b": True}},
        array_filters=[{"done.i": {"$in": list(logical_ids)}, "done.g": {"$lte": generation}}],
    )


@dataclass(frozen=True, slots=True)
class Added:
    """An added parameter as it stands: its resource, what it says, since which generation, and if all is indexed."""

    logical_id: str
    parameter: SearchParameter
    since: int
    is_built: bool
    fault: str | None = None


class Registry:
    """The search parameters, as one process knows them; its threads share it.

    Arguments:
        collections: the database.
        refresh_seconds: how old that knowledge may become.
        clock: seconds that only rise.

    Raises PyMongoError: the database does not answer.
    """

    def __init__(
        self,
        collections: Collections,
        *,
        refresh_seconds: float = REFRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.refresh_seconds = refresh_seconds
        self._collections = collections
        self._clock = clock
        self._looking = threading.Lock()
        self._seen: Any = None
        self._shown = 100
        self._next = 0.0
        self._added: tuple[Added, ...] = ()
        self._current = SearchParameters()
        self._is_outdated = False
        self.refresh()

    def current(self) -> SearchParameters:
        """Return the parameters. Looks for changes when it did so long ago, or when this process has made some.

        While the database is away those known last go on being used.
        """
        outdated = self._is_outdated
        if not outdated and self._clock() < self._next:
            return self._current
        # Whoever comes while another one looks need not wait, unless there is something new for certain.
        if self._looking.acquire(blocking=outdated):
            try:
                with pymongo.timeout(_LOOK_SECONDS):
                    self._look()
            except PyMongoError as error:
                self._next = self._clock() + self.refresh_seconds
                _LOG.warning("cannot look for changes of the search parameters: %s", type(error).__name__)
            finally:
                self._looking.release()
        return self._current

    def refresh(self) -> SearchParameters:
        """Look for changes now and return the parameters. Raises PyMongoError."""
        with self._looking:
            self._look()
            return self._current

    def expire(self) -> None:
        """Say that this process has changed the set: the next call of `current` looks for what is new."""
        self._is_outdated = True

    def added(self) -> tuple[Added, ...]:
        """Return what stands behind the current parameters, unsound ones included."""
        return self._added

    def _look(self) -> None:
        # Before reading: what is changed meanwhile is looked for again.
        began = self._clock()
        self._is_outdated = False
        try:
            document = ParameterSet._get_collection().find_one({"_id": _ADDED}) or {}
            rows = document.get("p", [])
            percent = _percent() if any(not row["b"] for row in rows) else 100
            seen = (document.get("g", 0), rows)
            if seen != self._seen:
                self._added = self._read(rows)
            elif percent == self._shown:
                return
            self._seen, self._shown = seen, percent
            self._current = _parameters(self._added, seen[0], percent)
        except PyMongoError:
            self._is_outdated = True
            raise
        finally:
            # Who stood still meanwhile has an old answer.
            self._next = began + self.refresh_seconds

    def _read(self, rows: list[Document]) -> tuple[Added, ...]:
        by_id = {row["i"]: row for row in rows}
        documents = self._collections.of(RESOURCE_TYPE).find(
            {"_id": {"$in": list(by_id)}}, projection=["r"], sort=[("_id", 1)]
        )
        found = []
        for document in documents:
            # Written since by another process, it may be no longer what its row says: then a new row comes soon.
            definition = definition_of(decode_trusted(document["r"])) if "r" in document else None
            if definition is not None:
                row = by_id[document["_id"]]
                found.append(Added(document["_id"], definition, row["g"], row["b"]))
        return tuple(map(_checker(found), found))


def _checker(found: Iterable[Added]) -> Callable[[Added], Added]:
    """What was sound when it was written can be so no longer, as a composite is whose component was retired."""
    known = SearchParameters(each.parameter for each in found)

    def check(each: Added) -> Added:
        fault = next((text for element, text in faults(each.parameter, known) if element != "code"), None)
        if fault is not None:
            _LOG.warning("SearchParameter/%s is not searched by: %s", each.logical_id, fault)
        return replace(each, fault=fault)

    return check


def _parameters(added: Iterable[Added], generation: int, percent: int) -> SearchParameters:
    sound = [each for each in added if each.fault is None]
    building: Mapping[Place, int] = {
        (name, each.parameter.code): percent
        for each in sound
        if not each.is_built
        for name in types_of(each.parameter.base)
    }
    return SearchParameters(
        [each.parameter for each in sound], building=MappingProxyType(building), generation=generation
    )


def _percent() -> int:
    """How much of the reindex that is being done, is done."""
    run = ReindexRun._get_collection().find_one({"t": None}, sort=[("_id", 1)])
    rows = run.get("p", ()) if run else ()
    total = sum(max(row["c"], row["d"]) for row in rows)
    return min(99, 100 * sum(row["d"] for row in rows) // total) if total else 0
