"""Reindexes that were asked for: the queue, and how far each is.

https://hl7.org/fhir/R4/search.html, docs/how-it-works/search-parameters.md
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pymongo import ReturnDocument

from fhirhub.store.documents import Counter, ReindexRun

KEPT: Final = 20
"""Ended runs that are remembered."""

State = Literal["waiting", "running", "done"]


@dataclass(frozen=True, slots=True)
class TypeProgress:
    """How far a run is with one type: resources there were about, looked at, and not to be indexed for a mistake."""

    resource_type: str
    total: int
    done: int
    failed: int
    is_complete: bool
    after: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One reindex; see `documents.ReindexRun`."""

    number: int
    wanted: frozenset[str]
    everything: bool
    requested: datetime
    started: datetime | None
    ended: datetime | None
    generation: int | None
    progress: tuple[TypeProgress, ...]

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.ended is not None:
            return "done"
        return "waiting" if self.generation is None else "running"

    @property
    def done(self) -> int:
        """Resources looked at."""
        return sum(each.done for each in self.progress)

    @property
    def total(self) -> int:
        """Resources to look at, about."""
        return sum(max(each.total, each.done) for each in self.progress)

    @property
    def failed(self) -> int:
        """Resources that could not be indexed."""
        return sum(each.failed for each in self.progress)

    @property
    def percent(self) -> int:
        """How much is done; 100 only at the end."""
        if self.ended is not None:
            return 100
        return min(99, 100 * self.done // self.total) if self.total else 0

    def concerns(self, resource_type: str) -> bool:
        """Whether it is about a type."""
        return not self.wanted or resource_type in self.wanted


class ReindexQueue:
    """Takes requests for a reindex and tells what became of them.

    Arguments:
        now: the wall clock.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def request(self, wanted: Collection[str] = (), *, everything: bool = True) -> Run:
        """Ask for a reindex; of the same one that is waiting already, there is no second.

        Arguments:
            wanted: resource types; none: all.
            everything: also what was indexed by all the search parameters there are.
        """
        names = sorted(set(wanted))
        same = {"w": names, "v": everything, "g": None, "t": None}
        if (waiting := ReindexRun._get_collection().find_one(same)) is not None:
            return _run(waiting)
        counter = Counter._get_collection().find_one_and_update(
            {"_id": "reindex"}, {"$inc": {"c": 1}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        document = {"_id": counter["c"], "q": self._now(), **same, "s": None, "f": 0, "p": []}
        ReindexRun._get_collection().insert_one(document)
        return _run(document)

    def oldest_open(self) -> Run | None:
        """Return the run that is worked on, or is to be next."""
        document = ReindexRun._get_collection().find_one({"t": None}, sort=[("_id", 1)])
        return None if document is None else _run(document)

    def run(self, number: int) -> Run | None:
        """Return a run; None when there is, or is remembered, none of the number."""
        document = ReindexRun._get_collection().find_one({"_id": number})
        return None if document is None else _run(document)

    def runs(self) -> list[Run]:
        """Return all runs that are open or remembered, the newest first."""
        return [_run(document) for document in ReindexRun._get_collection().find(sort=[("_id", -1)])]

    def begin(self, run: Run, fence: int, generation: int, totals: Mapping[str, int]) -> bool:
        """Note what a run has to go through; whether the lease of this fence is still ours, as in what follows."""
        rows = [{"n": name, "a": "", "c": total, "d": 0, "f": 0, "e": False} for name, total in sorted(totals.items())]
        return _fenced(run, fence, {"$set": {"g": generation, "s": self._now(), "p": rows}})

    def take_over(self, run: Run, fence: int) -> bool:
        """Go on with a run under a new fence."""
        return _fenced(run, fence, {"$set": {"f": fence}})

    def advance(self, run: Run, fence: int, at: TypeProgress) -> bool:
        """Note how far a run is with a type."""
        document = {
            "p.$[row].a": at.after,
            "p.$[row].d": at.done,
            "p.$[row].f": at.failed,
            "p.$[row].e": at.is_complete,
        }
        return _fenced(run, fence, {"$set": document}, array_filters=[{"row.n": at.resource_type}])

    def end(self, run: Run, fence: int) -> bool:
        """Note that a run is done, and forget old ones."""
        ended = _fenced(run, fence, {"$set": {"t": self._now()}})
        old = ReindexRun._get_collection().find({"t": {"$ne": None}}, ["_id"], sort=[("_id", -1)], skip=KEPT)
        ReindexRun._get_collection().delete_many({"_id": {"$in": [document["_id"] for document in old]}})
        return ended


def _fenced(run: Run, fence: int, change: dict[str, Any], **options: Any) -> bool:
    change["$set"]["f"] = fence
    result = ReindexRun._get_collection().update_one({"_id": run.number, "f": {"$lte": fence}}, change, **options)
    return bool(result.matched_count)


def _run(document: Mapping[str, Any]) -> Run:
    return Run(
        number=document["_id"],
        wanted=frozenset(document["w"]),
        everything=document["v"],
        requested=document["q"],
        started=document["s"],
        ended=document["t"],
        generation=document["g"],
        progress=tuple(
            TypeProgress(row["n"], row["c"], row["d"], row["f"], row["e"], row["a"]) for row in document["p"]
        ),
    )
