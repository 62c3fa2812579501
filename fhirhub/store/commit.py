"""Commits: single writes that arrive together share one durable transaction, a large one has its own.

https://hl7.org/fhir/R4/http.html#transaction, docs/adr/0005-coalescing.md
"""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import pymongo
from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, DocumentTooLarge, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from fhirhub.errors import Failure, FhirError
from fhirhub.store.coalescer import Coalescer, Job
from fhirhub.store.collections import Collections, Document
from fhirhub.store.failures import is_transient, write_failure
from fhirhub.store.search_parameters import Registry
from fhirhub.store.stamp import StampClock
from fhirhub.store.unit_of_work import Changes, Key, Unit

Result = TypeVar("Result")

COMMIT_SECONDS: Final = 15.0
"""How long single writes try before they answer 503."""

TRANSACTION_SECONDS: Final = 60.0
"""The same for transactions; MongoDB ends a transaction of its own after 60 s."""

_FAILURES_OF_ALL: Final = frozenset({Failure.UNAVAILABLE, Failure.OUTCOME_UNKNOWN})

_LANES: Final = 1
_LONGEST_PAUSE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Work:
    """A change to run: a function of the unit that may be called again after a conflict, and what it will read."""

    act: Callable[[Unit], Any]
    types: frozenset[str]
    reads: tuple[Key, ...]


class Commits:
    """Runs units in MongoDB transactions: majority, journaled, snapshot.

    Arguments:
        parameters: the search parameters there are; hears of a commit that changed them.
    """

    def __init__(
        self,
        client: MongoClient[Document],
        collections: Collections,
        clock: StampClock,
        parameters: Registry,
    ) -> None:
        self._client = client
        self._collections = collections
        self._clock = clock
        self._parameters = parameters
        self._coalescer: Coalescer[Work, Any] = Coalescer(self._commit_together, lanes=_LANES)

    def run(self, act: Callable[[Unit], Result], *, types: Iterable[str], reads: Iterable[Key] = ()) -> Result:
        """Commit one change, in one transaction with others that arrive at the same time.

        Arguments:
            act: stages the change; called again after a conflict, so it must depend on nothing but the unit.
            types: resource types it may write.
            reads: resources it will ask `current` for.

        Raises:
            FhirError: what `act` raised (then nothing of it is kept), or 503 when the database cannot.
        """
        return cast(Result, self._coalescer.run(self._work(act, types, reads)))

    def run_alone(self, act: Callable[[Unit], Result], *, types: Iterable[str], reads: Iterable[Key] = ()) -> Result:
        """Commit one large change in a transaction of its own; otherwise as `run`."""
        job: Job[Work, Any] = Job(self._work(act, types, reads))
        self._attempt([job], TRANSACTION_SECONDS)
        if job.error is not None:
            raise job.error
        return cast(Result, job.answer)

    def _work(self, act: Callable[[Unit], Any], types: Iterable[str], reads: Iterable[Key]) -> Work:
        names = frozenset(types)
        try:
            with pymongo.timeout(COMMIT_SECONDS):
                self._collections.ensure(names)
        except PyMongoError as error:
            raise write_failure(error, committing=False) from error
        return Work(act, names, tuple(reads))

    def _commit_together(self, jobs: Sequence[Job[Work, Any]]) -> None:
        try:
            self._attempt(jobs, COMMIT_SECONDS)
        except Exception as error:
            # A commit nobody knows the outcome of must not be made twice; any other failure may be one job's alone.
            if len(jobs) == 1 or (isinstance(error, FhirError) and error.failure in _FAILURES_OF_ALL):
                raise
            for job in jobs:
                self._alone(job)

    def _alone(self, job: Job[Work, Any]) -> None:
        try:
            self._attempt([job], COMMIT_SECONDS)
        except Exception as error:  # it is the job's, whatever it is
            job.error = error

    def _attempt(self, jobs: Sequence[Job[Work, Any]], seconds: float) -> None:
        """Run the transaction of `jobs` until it commits, fails for good or time is up."""
        deadline = time.monotonic() + seconds
        pause = 0.002
        with pymongo.timeout(seconds), self._client.start_session(causal_consistency=False) as session:
            while True:
                committing = False
                session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority", j=True))
                try:
                    changes = self._stage(jobs, session)
                    committing = True
                    self._commit(changes, deadline)
                    if changes.redefines:
                        self._parameters.expire()
                except (PyMongoError, DocumentTooLarge) as error:
                    if session.in_transaction:
                        _abort(session)
                    if not is_transient(error) or time.monotonic() > deadline:
                        raise write_failure(error, committing=committing) from error
                    # Rivals that met once meet again unless they part by chance.
                    time.sleep(random.uniform(0, pause))  # spreads retries, guards nothing
                    pause = min(pause * 2, _LONGEST_PAUSE)
                    continue
                except BaseException:
                    _abort(session)
                    raise
                return

    def _stage(self, jobs: Sequence[Job[Work, Any]], session: Any) -> Changes:
        changes = Changes(session, self._collections, self._clock, self._parameters.current)
        changes.load({key for job in jobs for key in job.ask.reads})
        for job in jobs:
            unit = Unit(changes)
            try:
                job.answer = job.ask.act(unit)
                job.error = None
            except PyMongoError:
                raise
            except Exception as error:
                # What it may have written already goes with the transaction.
                if len(jobs) == 1:
                    raise
                # One job's failure is its own; the others commit.
                job.error = error
                continue
            unit.keep()
        changes.flush()
        return changes

    def _commit(self, changes: Changes, deadline: float) -> None:
        session = changes.session
        while True:
            try:
                session.commit_transaction()
            except (ConnectionFailure, PyMongoError) as error:
                # Commit is idempotent: asking again is the only way to learn what happened.
                if not error.has_error_label("UnknownTransactionCommitResult") or time.monotonic() > deadline:
                    raise
                time.sleep(_LONGEST_PAUSE / 10)
                continue
            return


def _abort(session: Any) -> None:
    try:
        session.abort_transaction()
    except PyMongoError:
        # The server aborts what it has lost sight of.
        return
