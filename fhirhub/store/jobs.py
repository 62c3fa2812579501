"""Jobs: work that somebody asked for, done by one worker at a time, tried again when it fails.

docs/adr/0016-delivery.md, docs/how-it-works/worker.md

Whether a run is due is told by the injected clock; who is dead by the database's.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from fhirhub.model.json import decode_trusted, encode
from fhirhub.store.documents import JobDocument

KEPT: Final = 100
"""Ended runs of a job that are remembered."""

State = Literal["waiting", "running", "done", "failed"]

_CANDIDATES: Final = 20


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job.

    Arguments:
        attempts: how often it was begun.
        fence: rises with every worker that begins it.
        progress, word: how far it is, from 0 to 1, and where, for people.
        result: what it returned; reason: why it failed the last time.
    """

    number: str
    plugin: str
    job: str
    key: str | None
    state: State
    due: datetime
    parameters: Mapping[str, Any]
    attempts: int
    fence: int
    requested: datetime
    begun: datetime | None
    ended: datetime | None
    progress: float | None
    word: str | None
    result: Any
    reason: str | None


class Jobs:
    """The runs of one database.

    Arguments:
        now: the wall clock.
        new_id: makes the numbers of runs.
    """

    def __init__(self, now: Callable[[], datetime], new_id: Callable[[], str] = lambda: str(uuid.uuid4())) -> None:
        self._now = now
        self._new_id = new_id

    def schedule(
        self,
        plugin: str,
        job: str,
        parameters: Mapping[str, Any],
        key: str | None = None,
        at: datetime | None = None,
        *,
        session: ClientSession | None = None,
    ) -> str:
        """Ask for a run and return its number.

        Arguments:
            parameters: plain JSON.
            key: while a run of this job with the same key is waiting, there is no second: its number is returned.
            at: not before; None: at once.
            session: the transaction it is part of; in that, a second one with the key makes the transaction fail.

        Raises TypeError: the parameters are no plain JSON. Raises PyMongoError.
        """
        now = self._now()
        work = _work(plugin, job)
        document: dict[str, Any] = {
            "_id": self._new_id(),
            "w": work,
            "s": "waiting",
            "d": at or now,
            "a": encode(dict(parameters)),
            "n": 0,
            "f": 0,
            "q": now,
        }
        if key is not None:
            document |= {"k": key, "l": _slot("waiting", work, key)}
        collection = JobDocument._get_collection()
        while True:
            try:
                collection.insert_one(document, session=session)
            except DuplicateKeyError:
                if session is not None:
                    raise
                waiting = collection.find_one({"l": document.get("l", "")}, ["_id"])
                if waiting is not None:
                    return str(waiting["_id"])
                # It has just begun: this one is the next.
            else:
                return str(document["_id"])

    def begin(self, known: Collection[tuple[str, str]], owner: str, seconds: float) -> Run | None:
        """Begin a run that is due, or one whose worker is dead; None: there is none.

        Arguments:
            known: plugins and their jobs that this worker can do.
            owner: a name no other worker has.
            seconds: how long it is this worker's, unless `keep` prolongs that.
        """
        works = [_work(*each) for each in known]
        dead = {"s": "running", "w": {"$in": works}, "$expr": {"$lt": ["$u", "$$NOW"]}}
        due = {"s": "waiting", "w": {"$in": works}, "d": {"$lte": self._now()}}
        for query in (dead, due):
            found = JobDocument._get_collection().find(query, ["k", "w"], sort=[("d", 1)], limit=_CANDIDATES)
            for row in found:
                if (run := self._begin(row, query, owner, seconds)) is not None:
                    return run
        return None

    def _begin(self, row: Mapping[str, Any], query: Mapping[str, Any], owner: str, seconds: float) -> Run | None:
        change: dict[str, Any] = {
            "s": "running",
            "o": owner,
            "n": {"$add": ["$n", 1]},
            "f": {"$add": ["$f", 1]},
            "u": {"$add": ["$$NOW", int(seconds * 1000)]},
            "b": self._now(),
        }
        if "k" in row:
            change["l"] = _slot("running", row["w"], row["k"])
        try:
            taken = JobDocument._get_collection().find_one_and_update(
                {**query, "_id": row["_id"]}, [{"$set": change}], return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:
            # One with its key runs: it has to wait for that.
            return None
        return None if taken is None else _run(taken)

    def keep(self, run: Run, seconds: float) -> bool:
        """Prolong the time in which a run is this worker's; whether it still is."""
        return self._change(run, {"u": {"$add": ["$$NOW", int(seconds * 1000)]}})

    def tell(self, run: Run, progress: float, word: str) -> bool:
        """Note how far a run is; whether it is still this worker's."""
        return self._change(run, {"x": float(progress), "y": {"$literal": word}})

    def finish(self, run: Run, result: Any) -> bool:
        """Note that a run is done; False: it is no longer this worker's, and nothing is noted.

        Raises TypeError: the result is no plain JSON.
        """
        return self._end(run, {"s": "done", "z": encode(result), "x": 1.0})

    def fail(self, run: Run, reason: str) -> bool:
        """Note that a run failed for good; as `finish`."""
        return self._end(run, {"s": "failed", "r": {"$literal": reason}})

    def postpone(self, run: Run, due: datetime, reason: str) -> bool:
        """Note that a run failed and is to be tried again; as `finish`."""
        change = {"s": "waiting", "d": due, "r": {"$literal": reason}}
        if run.key is None:
            return self._change(run, change, "o", "u")
        try:
            return self._change(run, change | {"l": _slot("waiting", _work(run.plugin, run.job), run.key)}, "o", "u")
        except DuplicateKeyError:
            return self.fail(run, f"{reason}; another run with its key is waiting and takes its place")

    def hand_back(self, run: Run) -> bool:
        """Leave a run to others as if it had not been begun, since this worker ends; as `finish`."""
        change: dict[str, Any] = {"s": "waiting", "n": run.attempts - 1}
        if run.key is not None:
            change["l"] = _slot("waiting", _work(run.plugin, run.job), run.key)
        try:
            return self._change(run, change, "o", "u")
        except DuplicateKeyError:
            return self.fail(run, "its worker ended, and another run with its key is waiting and takes its place")

    def run(self, number: str) -> Run | None:
        """Return a run; None when there is, or is remembered, none of the number."""
        row = JobDocument._get_collection().find_one({"_id": number})
        return None if row is None else _run(row)

    def runs(self, plugin: str | None = None, job: str | None = None, *, limit: int = KEPT) -> list[Run]:
        """Return runs, those first that were asked for last."""
        query: dict[str, Any] = {}
        if plugin is not None:
            query["w"] = _work(plugin, job) if job is not None else {"$regex": f"^{plugin}/"}
        return [_run(row) for row in JobDocument._get_collection().find(query, sort=[("q", -1)], limit=limit)]

    def counts(self) -> Counter[tuple[str, str, State]]:
        """Return how many runs there are by plugin, job and state; of those that ended, only the remembered ones."""
        found = JobDocument._get_collection().aggregate([{"$group": {"_id": {"w": "$w", "s": "$s"}, "c": {"$sum": 1}}}])
        return Counter({(*_names(row["_id"]["w"]), cast(State, row["_id"]["s"])): row["c"] for row in found})

    def _change(self, run: Run, change: Mapping[str, Any], *gone: str) -> bool:
        stages: list[Mapping[str, Any]] = [{"$set": dict(change)}]
        if gone:
            stages.append({"$unset": list(gone)})
        # The fence says whose it is: who was taken to be dead and is not changes nothing.
        ours = {"_id": run.number, "s": "running", "f": run.fence}
        return bool(JobDocument._get_collection().update_one(ours, stages).matched_count)

    def _end(self, run: Run, change: Mapping[str, Any]) -> bool:
        ended = self._change(run, {**change, "e": self._now()}, "o", "u", "l")
        if ended:
            old = JobDocument._get_collection().find(
                {"w": _work(run.plugin, run.job), "s": change["s"]}, ["_id"], sort=[("e", -1)], skip=KEPT
            )
            JobDocument._get_collection().delete_many({"_id": {"$in": [row["_id"] for row in old]}})
        return ended


def _work(plugin: str, job: str) -> str:
    return f"{plugin}/{job}"


def _names(work: str) -> tuple[str, str]:
    plugin, _, job = work.partition("/")
    return plugin, job


def _slot(state: str, work: str, key: str) -> str:
    """What is unique: of one key, a run that waits and one that is done."""
    return f"{state} {work} {key}"


def _run(row: Mapping[str, Any]) -> Run:
    plugin, job = _names(row["w"])
    return Run(
        number=row["_id"],
        plugin=plugin,
        job=job,
        key=row.get("k"),
        state=row["s"],
        due=row["d"],
        parameters=decode_trusted(row["a"]),
        attempts=row["n"],
        fence=row["f"],
        requested=row["q"],
        begun=row.get("b"),
        ended=row.get("e"),
        progress=row.get("x"),
        word=row.get("y"),
        result=decode_trusted(row["z"]) if "z" in row else None,
        reason=row.get("r"),
    )
