"""What plugins' hooks were called, by all processes together, over restarts.

docs/operations.md
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import pymongo
from pymongo import UpdateOne

from fhirhub.store.documents import HookCount

_SECONDS: Final = 2.0
"""How long it may take: a process that ends does not wait for a database that is away."""


class Count(NamedTuple):
    """One hook of one plugin: calls, their seconds in sum, failures, class and place of the last one."""

    plugin: str
    hook: str
    calls: int
    seconds: float
    failures: int
    last_error: str | None


def add(counts: Iterable[Count]) -> None:
    """Add to the sums. Raises PyMongoError."""
    updates = [_update(each) for each in counts]
    if not updates:
        return
    with pymongo.timeout(_SECONDS):
        HookCount._get_collection().bulk_write(updates, ordered=False)


def sums() -> list[Count]:
    """Return the sums. Raises PyMongoError."""
    found = HookCount._get_collection().find(sort=[("_id", 1)])
    return [Count(row["g"], row["h"], row["c"], row["s"], row["f"], row.get("e")) for row in found]


def _update(count: Count) -> UpdateOne:
    change: dict[str, Any] = {
        "$setOnInsert": {"g": count.plugin, "h": count.hook},
        "$inc": {"c": count.calls, "s": count.seconds, "f": count.failures},
    }
    if count.last_error is not None:
        change["$set"] = {"e": count.last_error}
    return UpdateOne({"_id": f"{count.plugin} {count.hook}"}, change, upsert=True)
