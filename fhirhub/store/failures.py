"""From what the driver raises to what the client is told.

https://hl7.org/fhir/R4/http.html#Status-Codes
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)

from fhirhub.errors import Failure, FhirError

DATABASE_ERRORS: Final = (PyMongoError,)
"""What a hook that reads must let pass: a transaction that meets another one begins anew because of it."""
RETRY_AFTER: Final = {"Retry-After": "5"}

_MAX_TIME_EXPIRED: Final = 50
_DUPLICATE_KEY: Final = 11000
_TOO_LARGE: Final = frozenset({388, 10334})
"""A transaction larger than the cache, a document of more than 16 MiB."""


@contextmanager
def reading(answers: Callable[[], bool] = lambda: False, advice: str = "Narrow it.") -> Iterator[None]:
    """Turn failures of a read: the database away is 503, a query that ran out of time is too costly.

    Arguments:
        answers: tells whether the database is there after all, when nothing came from it in time.
        advice: a sentence that says what would make the query cheaper.
    """
    try:
        yield
    except NetworkTimeout as error:
        # The database stops a query a moment before the driver stops waiting, but not always in time.
        raise _too_costly(advice) if answers() else unavailable() from error
    except ExecutionTimeout as error:
        raise _too_costly(advice) from error
    except OperationFailure as error:
        if error.code == _MAX_TIME_EXPIRED:
            raise _too_costly(advice) from error
        raise unavailable() from error
    except DocumentTooLarge as error:
        # What chains find stands in the query as ids. The driver does not count it among its own failures.
        raise _too_large(advice) from error
    except PyMongoError as error:
        raise unavailable() from error


def _too_large(advice: str) -> FhirError:
    return FhirError(Failure.TOO_COSTLY, f"The search became larger than the database takes. {advice}")


def _too_costly(advice: str) -> FhirError:
    return FhirError(Failure.TOO_COSTLY, f"The search took longer than allowed. {advice}")


def is_transient(error: PyMongoError | DocumentTooLarge) -> bool:
    """Whether the same transaction may succeed when tried again."""
    if isinstance(error, DocumentTooLarge):
        return False
    # A key that is there already was put there by another writer after this transaction took its view of the data.
    return error.has_error_label("TransientTransactionError") or _DUPLICATE_KEY in _codes(error)


def _codes(error: PyMongoError) -> set[int | None]:
    """Return MongoDB's codes of what failed."""
    rows = error.details["writeErrors"] if isinstance(error, BulkWriteError) else ()
    return {row["code"] for row in rows} | {error.code if isinstance(error, OperationFailure) else None}


def write_failure(error: PyMongoError | DocumentTooLarge, *, committing: bool) -> FhirError:
    """Return what a client is told when its transaction failed for good.

    Arguments:
        committing: the commit had been sent, so nobody knows whether it took effect.
    """
    if isinstance(error, DocumentTooLarge):
        # The driver finds this out before it sends anything, and counts it as no failure of the database.
        return FhirError(Failure.TOO_LARGE, "The resource and its index entries are larger than can be stored.")
    if _TOO_LARGE & _codes(error):
        return FhirError(Failure.TOO_LARGE, "The change is larger than the database takes at once; make it in parts.")
    if committing and (
        error.has_error_label("UnknownTransactionCommitResult")
        or isinstance(error, ConnectionFailure | NetworkTimeout | WTimeoutError)
        or error.timeout
    ):
        return FhirError(
            Failure.OUTCOME_UNKNOWN,
            "The database did not confirm in time; whether the change was made is unknown. Read before you try again.",
            headers=RETRY_AFTER,
        )
    return unavailable()


def unavailable() -> FhirError:
    """Return the failure for a database that does not answer."""
    return FhirError(
        Failure.UNAVAILABLE, "The database is not available; nothing was changed. Try again later.", headers=RETRY_AFTER
    )


PERMANENT: Final = (ConfigurationError, InvalidOperation)
"""Mistakes of this program or its set-up, never a reason to try again."""
