"""The composition root: the one place that wires database, interactions and HTTP together.

https://hl7.org/fhir/R4/http.html, docs/architecture.md
"""

import gc
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fhirhub.http.application import create_flask_app
from fhirhub.http.logs import RequestLog
from fhirhub.http.metrics import RequestMetrics
from fhirhub.interactions.call import Call, Rules
from fhirhub.interactions.dispatch import dispatch
from fhirhub.interactions.openapi import openapi
from fhirhub.interactions.routes import ROUTES
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.settings import ConfigurationError, Settings
from fhirhub.store.database import Database, open_database

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_COLLECT_AFTER = (100_000, 20, 50)


@dataclass(frozen=True, slots=True)
class Hub:
    """The server without HTTP: everything a request needs, in one process."""

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
        base_url=settings.public_url,
        find=database.find,
        commits=database.commits,
        rules=Rules(
            update_create=settings.update_create,
            default_count=settings.default_count,
            max_count=settings.max_count,
            max_bundle_entries=settings.max_bundle_entries,
        ),
        now=now,
        new_id=new_id,
        dispatch=dispatch,
    )
    return Hub(call, database)


def web_application(settings: Settings, metrics_folder: Path) -> WsgiApplication:
    """Build the WSGI application of one web worker.

    Arguments:
        metrics_folder: shared by the workers, so that any of them can answer `/metrics` for all.
    """
    hub = open_hub(settings)
    # A Bundle makes a million short-lived objects without a cycle: looking for cycles that often finds nothing.
    gc.set_threshold(*_COLLECT_AFTER)
    return create_flask_app(
        hub.answer,
        base_url=settings.public_url,
        max_request_bytes=settings.max_request_bytes,
        cors_origins=settings.cors_origins,
        ready=hub.database.unavailable,
        metrics=RequestMetrics(metrics_folder),
        log=RequestLog(settings.log_level, settings.log_format),
        openapi=lambda: openapi(ROUTES, settings.public_url),
    )
