"""A lease: one process at a time does a work; when it dies, another takes over.

docs/how-it-works/search-parameters.md

The database's clock decides, so clocks of machines that differ do no harm. The fence rises with every new owner: what
is written on condition of it cannot be spoilt by one who does not know yet that the lease is lost.
"""

from datetime import UTC, datetime

from pymongo import ReturnDocument

from fhirhub.store.documents import Lease


class Holder:
    """One who may hold the lease of a work.

    Arguments:
        work: the name of what one at a time may do.
        owner: a name no other holder has.
        seconds: how long the lease lasts unless it is held again.
    """

    def __init__(self, work: str, owner: str, *, seconds: float) -> None:
        self._work = work
        self._owner = owner
        self._milliseconds = int(seconds * 1000)

    def hold(self) -> int | None:
        """Take the lease or prolong it, and return its fence; None: another one has it."""
        collection = Lease._get_collection()
        is_mine = {"$eq": ["$o", self._owner]}
        taken = collection.find_one_and_update(
            {"_id": self._work, "$or": [{"o": self._owner}, {"$expr": {"$lt": ["$u", "$$NOW"]}}]},
            [
                {
                    "$set": {
                        "f": {"$cond": [is_mine, "$f", {"$add": ["$f", 1]}]},
                        "o": self._owner,
                        "u": {"$add": ["$$NOW", self._milliseconds]},
                    }
                }
            ],
            return_document=ReturnDocument.AFTER,
        )
        if taken is not None:
            return int(taken["f"])
        # The first one who ever asks makes it, as one that has run out.
        unowned = {"o": "", "u": datetime(1970, 1, 1, tzinfo=UTC), "f": 0}
        made = collection.update_one({"_id": self._work}, {"$setOnInsert": unowned}, upsert=True)
        return self.hold() if made.upserted_id is not None else None

    def release(self) -> None:
        """Let another one have it at once."""
        Lease._get_collection().update_one(
            {"_id": self._work, "o": self._owner}, {"$set": {"u": datetime(1970, 1, 1, tzinfo=UTC)}}
        )
