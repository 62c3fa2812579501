"""The server without HTTP: database and interactions wired together, for web workers, the loader and tests.

https://hl7.org/fhir/R4/http.html, docs/architecture.md
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from fhirhub.interactions.call import Call, Rules
from fhirhub.interactions.dispatch import dispatch
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.site import Site
from fhirhub.settings import ConfigurationError, Settings
from fhirhub.store.database import Database, open_database


@dataclass(frozen=True, slots=True)
class Hub:
    """Everything a request needs, in one process."""

    call: Call
    database: Database

    def answer(self, request: FhirRequest) -> FhirResponse:
        """Run one request. Raises FhirError."""
        return dispatch(request, self.call)

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def open_hub(
    settings: Settings,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> Hub:
    """Open the database of the settings and wire the interactions to it.

    Arguments:
        now: the wall clock, in UTC.
        new_id: makes logical ids.

    Raises:
        ConfigurationError: no database is configured, or it is not one fhirhub can use.
    """
    if settings.mongodb_uri is None:
        raise ConfigurationError("No database: set FHIRHUB_MONGODB_URI, or start the embedded mongod first.")
    database = open_database(settings.mongodb_uri, settings.database, max_time_ms=settings.max_time_ms, now=now)
    call = Call(
        site=Site(settings.public_url, now),
        find=database.find,
        commits=database.commits,
        rules=Rules(
            update_create=settings.update_create,
            default_count=settings.default_count,
            max_count=settings.max_count,
            max_bundle_entries=settings.max_bundle_entries,
        ),
        new_id=new_id,
        dispatch=dispatch,
    )
    return Hub(call, database)
