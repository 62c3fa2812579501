"""A server of its own for the HTTP tests: real workers, real sockets, and a dispatch that answers with what it got."""

import os
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask

from fhirhub import server
from fhirhub.errors import Failure, FhirError
from fhirhub.http.application import create_flask_app
from fhirhub.http.logs import RequestLog
from fhirhub.http.metrics import RequestMetrics
from fhirhub.model.json import encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.settings import Settings

LIMIT = 1 << 20
WRITTEN = datetime(2024, 2, 29, 23, 59, 58, 999_999, tzinfo=UTC)
SECRET = "Chalmers 1974-12-25"


def dispatch(request: FhirRequest) -> FhirResponse:
    """Answer with the request as Parameters, or as the path says."""
    match request.path:
        case ("Broken",):
            raise ZeroDivisionError(SECRET)
        case ("Unavailable",):
            raise FhirError(Failure.UNAVAILABLE, "The database does not answer.", headers={"Retry-After": "3"})
        case ("Basic", "unshowable"):
            raise FhirError(Failure.INVALID, "Not a code: \x01.")
        case ("Basic", "versioned"):
            body = encode({"resourceType": "Basic", "id": "versioned"})
            location = "http://fhir.example/fhir/Basic/versioned/_history/3"
            return FhirResponse(201, body, "3", WRITTEN, location, {"Content-Location": location})
        case ("Basic", "unmodified"):
            return FhirResponse(304, None, "3", WRITTEN)
        case ("Basic", "empty"):
            return FhirResponse(200)
        case ("Basic", "deleted"):
            return FhirResponse(204, None, "4")
        case ("Basic", "large"):
            return FhirResponse(200, encode({"resourceType": "Basic", "id": "large", "language": "x" * 5000}))
        case ("Basic", "slow"):
            time.sleep(1.5)
            return FhirResponse(200, encode({"resourceType": "Basic", "id": "slow"}))
        case ("Basic", "worker"):
            return FhirResponse(200, encode({"resourceType": "Basic", "id": str(os.getpid())}))
        case ("Binary", logical_id, *_) if request.method == "GET":
            return FhirResponse(200, encode(BINARIES[logical_id]), "1", WRITTEN)
        case _:
            return FhirResponse(200, encode(described(request)))


BINARIES: dict[str, dict[str, Any]] = {
    "pdf": {
        "resourceType": "Binary",
        "id": "pdf",
        "contentType": "application/pdf",
        "securityContext": {"reference": "Patient/1"},
        "data": "JVBERi0x LjQK\n",
    },
    "page": {"resourceType": "Binary", "id": "page", "contentType": "text/html", "data": "PGI+"},
    "injection": {"resourceType": "Binary", "id": "injection", "contentType": "text/a\r\nX: y", "data": "eA=="},
    "empty": {"resourceType": "Binary", "id": "empty", "contentType": "text/plain"},
    "json": {"resourceType": "Binary", "id": "json", "contentType": "application/json", "data": "e30="},
}


def described(request: FhirRequest) -> dict[str, Any]:
    """The request as Parameters: one parameter for each field that is set, `path` and `query` one for each member."""
    facts = [
        ("method", request.method),
        *(("path", segment) for segment in request.path),
        *(("query", f"{name}={value}") for name, value in request.query),
        ("body", None if request.body is None else encode(request.body).decode()),
        ("content_type", request.content_type),
        ("if_match", request.if_match),
        ("if_none_match", request.if_none_match),
        ("if_modified_since", request.if_modified_since),
        ("if_none_exist", request.if_none_exist),
        ("prefer_return", request.prefer_return),
        ("handling", request.handling),
        ("source", None if request.source is None else request.source.decode()),
        ("request_id", request.request_id),
    ]
    rows = [{"name": name, "valueString": value} for name, value in facts if value]
    return {"resourceType": "Parameters", "parameter": rows}


def build(settings: Settings, metrics_folder: Path) -> Flask:
    """The application of one worker; not ready while the file named in ECHO_NOT_READY is there."""
    if "ECHO_FAILS" in os.environ:
        raise RuntimeError("This worker cannot start.")
    marker = Path(os.environ["ECHO_NOT_READY"]) if "ECHO_NOT_READY" in os.environ else None
    return create_flask_app(
        dispatch,
        base_url=settings.public_url,
        max_request_bytes=settings.max_request_bytes,
        cors_origins=settings.cors_origins,
        ready=lambda: "the database is away" if marker is not None and marker.exists() else None,
        metrics=RequestMetrics(metrics_folder),
        log=RequestLog(settings.log_level, settings.log_format),
        openapi=lambda: {"openapi": "3.1.0", "info": {"title": "echo"}},
    )


def main(workers: int, port: int) -> None:
    """Run the server as `fhirhub serve` does."""
    settings = Settings(
        port=port,
        workers=workers,
        blocking_threads=4,
        max_request_bytes=LIMIT,
        log_format="json",
        cors_origins=("https://app.example",),
    )
    listener = server.listen(settings)
    server.serve(replace(settings, port=listener.port), build, listener)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
