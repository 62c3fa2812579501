"""A lease: one process at a time does a work; when it dies, another takes over.

docs/how-it-works/search-parameters.md, docs/how-it-works/worker.md

The database's clock decides, so clocks of machines that differ do no harm. The fence rises with every new owner: what
is written on condition of it cannot be spoilt by one who does not know yet that the lease is lost.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pymongo
from bson.binary import Binary
from pymongo import MongoClient, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from fhirhub.store.documents import Lease

_WRITE_SECONDS: Final = 15.0


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
        self._marks: dict[str, Any] = {}

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
                        **self._marks,
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
            {"_id": self._work, "o": self._owner}, [{"$set": {"u": datetime(1970, 1, 1, tzinfo=UTC)}}, {"$unset": "s"}]
        )


class Guard(Holder):
    """A holder that writes in transactions, on condition that it has the lease.

    A process that is killed in the middle of a transaction leaves it open: MongoDB ends it after a minute, and until
    then whoever wants to take the lease waits. So the lease names the session of these transactions, and who takes it
    from one who is dead ends that session first.

    Arguments:
        client: of the database.
    """

    def __init__(self, work: str, owner: str, *, seconds: float, client: MongoClient[dict[str, Any]]) -> None:
        super().__init__(work, owner, seconds=seconds)
        self._client = client
        self._session = client.start_session(causal_consistency=False)
        self._marks = {"s": {"$literal": self._session.session_id["id"]}}
        self._is_ours = False

    def hold(self) -> int | None:
        """See `Holder.hold`. It does not wait for the database longer than a fraction of the lease."""
        with pymongo.timeout(self._milliseconds / 4000):
            if not self._is_ours:
                self._end_orphan()
            # Whoever cannot say has to ask anew.
            self._is_ours = False
            fence = super().hold()
            self._is_ours = fence is not None
            return fence

    def write(self, fence: int, act: Callable[[ClientSession], object]) -> bool:
        """Run writes in a transaction; False: the lease is not of this fence any more, and nothing is written.

        The lease is written, too, so of this transaction and one who takes the lease meanwhile only one succeeds.
        Raises PyMongoError.
        """

        def guarded(session: ClientSession) -> bool:
            kept = Lease._get_collection().update_one(
                {"_id": self._work, "o": self._owner, "f": fence},
                [{"$set": {"u": {"$add": ["$$NOW", self._milliseconds]}}}],
                session=session,
            )
            if kept.matched_count:
                act(session)
            return bool(kept.matched_count)

        with pymongo.timeout(_WRITE_SECONDS):
            return self._session.with_transaction(guarded, ReadConcern("snapshot"), WriteConcern("majority", j=True))

    def _end_orphan(self) -> None:
        orphan = Lease._get_collection().find_one(
            {"_id": self._work, "o": {"$ne": self._owner}, "s": {"$exists": True}, "$expr": {"$lt": ["$u", "$$NOW"]}}
        )
        if orphan is not None:
            self._client.admin.command("killSessions", [{"id": Binary.from_uuid(orphan["s"])}])
