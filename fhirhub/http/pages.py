"""The pages beside the FHIR service: what this is, whether it lives, whether it is ready, its numbers, its description.

The service itself is described by its CapabilityStatement: https://hl7.org/fhir/R4/capabilitystatement.html
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST
from werkzeug.exceptions import HTTPException

from fhirhub import __version__
from fhirhub.http.metrics import RequestMetrics
from fhirhub.http.response import SECURITY
from fhirhub.model.json import encode

Probe = Callable[[], str | None]
"""Why the server is not ready; None when it is."""

_RETRY_SECONDS: Final = "5"
_log: Final = logging.getLogger("fhirhub.http")


def create_pages(
    *, base_url: str, ready: Probe, metrics: RequestMetrics, openapi: Callable[[], dict[str, Any]] | None
) -> Blueprint:
    """Build the pages.

    Arguments:
        base_url: the FHIR base URL clients see.
        ready: asked at each `/ready`.
        openapi: makes the OpenAPI description; None: there is none.
    """
    pages = Blueprint("pages", __name__)
    root = base_url.rsplit("/", 1)[0]

    names = ("health", "ready", "metrics", *(("openapi.json",) if openapi else ()))
    links = {"fhir": base_url, "capabilities": f"{base_url}/metadata"} | {name: f"{root}/{name}" for name in names}

    @pages.get("/")
    def about() -> Response:
        facts = {"name": "fhirhub", "what": "a FHIR R4 server", "version": __version__, "fhirVersion": "4.0.1"}
        return _json({**facts, "links": links})

    @pages.get("/health")
    def health() -> Response:
        return _json({"status": "up", "version": __version__})

    @pages.get("/ready")
    def readiness() -> Response:
        reason = ready()
        if reason is None:
            return _json({"status": "ready", "version": __version__})
        response = _json({"status": "not ready", "reason": reason}, 503)
        response.headers["Retry-After"] = _RETRY_SECONDS
        return response

    @pages.get("/metrics")
    def numbers() -> Response:
        return _secured(Response(metrics.exposition(), content_type=CONTENT_TYPE_LATEST))

    if openapi is not None:

        @pages.get("/openapi.json")
        def description() -> Response:
            response = _json(openapi())
            response.headers["Access-Control-Allow-Origin"] = "*"
            return response

    pages.app_errorhandler(Exception)(_failed)
    return pages


def _failed(error: Exception) -> Response:
    """Answer a request outside the FHIR service that has no page, or whose page failed."""
    if isinstance(error, HTTPException) and error.code is not None:
        response = _json({"status": error.code, "message": error.description or error.name}, error.code)
        response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
        return response
    _log.error("A page failed.", exc_info=error)
    return _json({"status": 500, "message": "An error inside the server; its log describes it."}, 500)


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return _secured(Response(encode(value) + b"\n", status, content_type="application/json"))


def _secured(response: Response) -> Response:
    response.headers.extend(SECURITY)
    return response
