"""The WSGI application: Flask, with the FHIR service in front of it.

https://hl7.org/fhir/R4/http.html
"""

import time
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

from fhirhub.http.cors import CrossOrigin
from fhirhub.http.logs import RequestLog
from fhirhub.http.metrics import RequestMetrics
from fhirhub.http.negotiation import FHIR_ALONE, Offers
from fhirhub.http.pages import Probe, create_pages
from fhirhub.http.plugin_pages import PluginPages, create_plugin_pages
from fhirhub.http.service import MOUNT, Dispatch, FhirService, RequestIds
from fhirhub.plugin import Hub

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class FhirFlask(Flask):
    """A Flask application that hands everything below `MOUNT` to the FHIR service and keeps the rest."""

    def __init__(self, service: FhirService, request_ids: RequestIds, log: RequestLog) -> None:
        super().__init__("fhirhub", static_folder=None, template_folder=None)
        self._service = service
        self._request_ids = request_ids
        self._log = log

    def wsgi_app(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        path: str = environ["PATH_INFO"]
        if path.startswith(MOUNT) and path[len(MOUNT) : len(MOUNT) + 1] in ("", "/"):
            return self._service(environ, start_response)
        return self._page(environ, start_response)

    def _page(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Let Flask answer, with the request id and the log line that all answers have."""
        began = time.perf_counter()
        request_id = self._request_ids(environ)
        answered = [500]

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            answered[0] = int(status[:3])
            return start_response(status, [*headers, ("X-Request-Id", request_id)], *rest)

        chunks = super().wsgi_app(environ, start)
        try:
            body = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        seconds = time.perf_counter() - began
        self._log(request_id, environ["REQUEST_METHOD"], environ["PATH_INFO"], (), answered[0], seconds, len(body))
        return [body]


def create_flask_app(
    dispatch: Dispatch,
    *,
    base_url: str,
    max_request_bytes: int,
    cors_origins: Collection[str],
    ready: Probe,
    metrics: RequestMetrics,
    log: RequestLog,
    offers: Offers = FHIR_ALONE,
    openapi: Callable[[], dict[str, Any]] | None = None,
    pages: PluginPages = (),
    page_hub: Callable[[str], Hub] | None = None,
    request_ids: RequestIds | None = None,
) -> FhirFlask:
    """Build the application of one worker process.

    Arguments:
        dispatch: answers a FHIR request or raises FhirError.
        base_url: the FHIR base URL clients see, without a slash at its end.
        max_request_bytes: largest request body in bytes, as sent and after decompression.
        cors_origins: origins whose pages may call the service; `*` is any.
        ready: why the server is not ready, None when it is.
        offers: what answers can be besides JSON and XML.
        openapi: makes the OpenAPI description.
        pages: those of plugins.
        page_hub: makes the hub of a request to a page, by the name of its plugin; needed where there are pages.
    """
    ids = request_ids or RequestIds()
    service = FhirService(
        dispatch,
        max_request_bytes=max_request_bytes,
        cross_origin=CrossOrigin(cors_origins),
        request_ids=ids,
        metrics=metrics,
        log=log,
        offers=offers,
    )
    app = FhirFlask(service, ids, log)
    app.register_blueprint(create_pages(base_url=base_url, ready=ready, metrics=metrics, openapi=openapi))
    if pages and page_hub is not None:
        app.register_blueprint(create_plugin_pages(pages, page_hub, max_bytes=max_request_bytes))
    return app
