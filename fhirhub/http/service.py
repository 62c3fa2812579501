"""The way of a FHIR request through WSGI: decode, dispatch, encode, log. It takes the place of a Flask view.

https://hl7.org/fhir/R4/http.html. Why it does not go through Flask: docs/adr/0003-thin-wsgi-path.md.
"""

import itertools
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fhirhub.errors import Failure, FhirError
from fhirhub.http.binary import is_binary_read
from fhirhub.http.cors import CrossOrigin
from fhirhub.http.errors import refuse
from fhirhub.http.fields import accepts_gzip
from fhirhub.http.logs import RequestLog
from fhirhub.http.metrics import RequestMetrics
from fhirhub.http.negotiation import (
    FHIR_ALONE,
    JSON,
    PRESENTATION,
    Offers,
    accepted,
    negotiate,
    not_acceptable,
    wants_native,
)
from fhirhub.http.request import decode_request, writes
from fhirhub.http.response import SECURITY, STATUS_LINES, Encoded, encode_response
from fhirhub.http.routes import OTHER, route_of
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.model.url import parse_path, parse_query

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MOUNT: Final = "/fhir"
"""The path of the FHIR base URL on this server."""

Dispatch = Callable[[FhirRequest], FhirResponse]

_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


class Exchange:
    """What becomes known of a request on its way, for the log and the counts."""

    __slots__ = ("names", "request_id", "route")

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.route = OTHER
        self.names: tuple[str, ...] = ()


class RequestIds:
    """Takes over the client's request ids, or makes one: unique to this process and its run."""

    def __init__(self, prefix: str | None = None) -> None:
        self._prefix = prefix or secrets.token_hex(6)
        self._numbers = itertools.count(1)

    def __call__(self, environ: "WSGIEnvironment") -> str:
        """Return the id of a request."""
        given: str | None = environ.get("HTTP_X_REQUEST_ID")
        if given is not None and _SANE_ID.match(given):
            return given
        return f"{self._prefix}-{next(self._numbers):x}"


class FhirService:
    """A WSGI application for everything below `MOUNT`.

    Arguments:
        dispatch: answers a decoded request or raises FhirError.
        max_request_bytes: largest body.
        cross_origin: which pages may call.
        request_ids, metrics, log, offers: see their classes.
        clock: seconds that only ever grow.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        *,
        max_request_bytes: int,
        cross_origin: CrossOrigin,
        request_ids: RequestIds,
        metrics: RequestMetrics,
        log: RequestLog,
        offers: Offers = FHIR_ALONE,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._dispatch = dispatch
        self._max_request_bytes = max_request_bytes
        self._cross_origin = cross_origin
        self._request_ids = request_ids
        self._metrics = metrics
        self._log = log
        self._offers = offers
        self._clock = clock

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request; never raises for anything a client sends."""
        began = self._clock()
        self._metrics.started()
        method: str = environ["REQUEST_METHOD"]
        exchange = Exchange(self._request_ids(environ))
        status = 500
        size = 0
        try:
            if method == "OPTIONS":
                status, headers, body = Encoded(204, [*SECURITY, *self._cross_origin.preflight(environ)], b"")
            else:
                status, headers, body = self._answer(environ, exchange)
                if "HTTP_ORIGIN" in environ:
                    headers.extend(self._cross_origin.headers(environ))
            headers.append(("X-Request-Id", exchange.request_id))
            if method == "HEAD":
                body = b""
            size = len(body)
            start_response(STATUS_LINES[status], headers)
            return [body]
        finally:
            seconds = self._clock() - began
            self._metrics.finished(method, exchange.route, status, seconds)
            self._log(exchange.request_id, method, environ["PATH_INFO"], exchange.names, status, seconds, size)

    def _answer(self, environ: "WSGIEnvironment", exchange: Exchange) -> Encoded:
        accept: str = environ.get("HTTP_ACCEPT", "")
        gzip = accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        offers = self._offers
        form = accepted(accept, offers)
        try:
            path = parse_path(environ["PATH_INFO"][len(MOUNT) :])
            exchange.route = route_of(path)
            asked = parse_query(environ.get("QUERY_STRING", ""))
            exchange.names = tuple(name for name, _ in asked)
            form, query = negotiate(asked, accept, offers)
            native = is_binary_read(environ["REQUEST_METHOD"], path) and wants_native(asked, accept)
            if form is not None and form.added is not None and writes(environ["REQUEST_METHOD"], path):
                text = f"What is written is answered in JSON or XML, not in {form.added.media_type}."
                raise FhirError(Failure.NOT_ACCEPTABLE, text)
            request = decode_request(
                environ, path, query, request_id=exchange.request_id, max_bytes=self._max_request_bytes, offers=offers
            )
            if request.query is not query:
                # The form of a search may hold _format, too.
                asked += request.query[len(query) :]
                exchange.names = tuple(name for name, _ in asked)
                form, query = negotiate(asked, accept, offers)
                request = replace(request, query=query)
            if len(query) < len(asked):
                request = replace(request, presentation=tuple(pair for pair in asked if pair[0] in PRESENTATION))
            if form is None and not native:
                raise not_acceptable(accept, offers)
            return encode_response(self._dispatch(request), form or JSON, gzip=gzip, native=native)
        except Exception as error:
            refusal = refuse(error, exchange.request_id)
            try:
                return encode_response(refusal, JSON if form is None or form.added else form, gzip=gzip)
            except FhirError:
                # XML cannot carry every character of JSON that a diagnosis may quote.
                return encode_response(refusal, JSON, gzip=gzip)
