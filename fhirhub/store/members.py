"""The workers that are alive.

docs/how-it-works/worker.md
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fhirhub.store.documents import WorkerMember


@dataclass(frozen=True, slots=True)
class Member:
    """A worker: where it runs, since when, which plugins it has, and whether it was heard of lately."""

    owner: str
    place: str
    since: datetime
    seen: datetime
    plugins: tuple[str, ...]


class Members:
    """One worker among those of a database. The database's clock decides who is alive.

    Arguments:
        owner: a name no other worker has.
        place: machine and process, for people.
        plugins: the names of those it has.
        seconds: after how long without a sign of life a worker is taken to be dead.
    """

    def __init__(self, owner: str, place: str, plugins: Sequence[str], *, seconds: float) -> None:
        self._owner = owner
        self._place = place
        self._plugins = list(plugins)
        self._milliseconds = int(seconds * 1000)

    def beat(self) -> tuple[int, int]:
        """Give a sign of life; return how many are alive, and which of them this one is, counted from 0."""
        collection = WorkerMember._get_collection()
        collection.update_one(
            {"_id": self._owner},
            [
                {
                    "$set": {
                        "h": self._place,
                        "g": {"$literal": self._plugins},
                        "u": "$$NOW",
                        "b": {"$ifNull": ["$b", "$$NOW"]},
                    }
                }
            ],
            upsert=True,
        )
        alive = [row["_id"] for row in collection.find(_heard_of(self._milliseconds), ["_id"], sort=[("_id", 1)])]
        # What is read may be a moment old.
        place = alive.index(self._owner) if self._owner in alive else 0
        collection.delete_many({"$expr": {"$lt": ["$u", {"$subtract": ["$$NOW", 10 * self._milliseconds]}]}})
        return max(1, len(alive)), place

    def leave(self) -> None:
        """Say that this worker has come to its end."""
        WorkerMember._get_collection().delete_one({"_id": self._owner})


def alive(seconds: float) -> list[Member]:
    """Return the workers that were heard of within so many seconds."""
    found = WorkerMember._get_collection().find(_heard_of(int(seconds * 1000)), sort=[("b", 1)])
    return [Member(row["_id"], row["h"], row["b"], row["u"], tuple(row["g"])) for row in found]


def _heard_of(milliseconds: int) -> dict[str, object]:
    return {"$expr": {"$gte": ["$u", {"$subtract": ["$$NOW", milliseconds]}]}}
