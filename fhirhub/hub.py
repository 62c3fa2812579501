"""The server without HTTP: database and interactions wired together, for web workers, the loader and tests.

https://hl7.org/fhir/R4/http.html, docs/architecture.md
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from fhirhub.interactions.call import Call, Rules
from fhirhub.interactions.dispatch import dispatch
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.site import Site
from fhirhub.settings import ConfigurationError, Settings, zone_of
from fhirhub.store.database import Database, open_database
from fhirhub.store.parameter_failures import Failures
from fhirhub.store.reindex import Pace, Reindexer
from fhirhub.store.terminology import StoredTerminology


class Hub:
    """Everything a request needs, in one process.

    Arguments:
        call: what interactions work with.
        database: the database.
        failures: where the site of `call` counts search parameters that fail.
    """

    def __init__(self, call: Call, database: Database, failures: Failures) -> None:
        self.database = database
        self._call = call
        self._failures = failures

    @property
    def call(self) -> Call:
        """What interactions work with, with the newest search parameters."""
        call = self._call
        parameters = self.database.parameters.current()
        if call.site.parameters is not parameters:
            # Of threads that do this at the same time, the last one wins; each has what it asked for.
            self._call = call = replace(call, site=replace(call.site, parameters=parameters))
        return call

    def answer(self, request: FhirRequest) -> FhirResponse:
        """Run one request. Raises FhirError."""
        return dispatch(request, self.call)

    def reindexer(self, pace: Pace) -> Reindexer:
        """Return what makes index entries anew, when it is asked for or new search parameters need it."""
        return Reindexer(
            self.database.collections,
            self.database.parameters,
            self.database.reindex,
            lambda: self.call.site,
            self._failures,
            owner=str(uuid.uuid4()),
            pace=pace,
            now=self.call.now,
        )

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
    failures = Failures()
    site = Site(
        settings.public_url,
        now,
        zone=zone_of(settings.time_zone),
        parameters=database.parameters.current(),
        terminology=StoredTerminology(database.find),
        full_text=settings.full_text,
        failed=failures.note,
    )
    call = Call(
        site=site,
        find=database.find,
        commits=database.commits,
        added=database.parameters,
        reindex=database.reindex,
        rules=Rules(
            update_create=settings.update_create,
            default_count=settings.default_count,
            max_count=settings.max_count,
            max_bundle_entries=settings.max_bundle_entries,
        ),
        new_id=new_id,
        dispatch=dispatch,
    )
    return Hub(call, database, failures)
