"""From a WSGI environment to a FhirRequest.

https://hl7.org/fhir/R4/http.html, https://hl7.org/fhir/R4/http.html#Http-Headers
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, get_args

from fhirhub.errors import Failure, FhirError
from fhirhub.http.binary import is_binary_write, read_binary
from fhirhub.http.body import FORM, PATCH_TYPES, content_type, parse_patch, parse_resource, read_body, refuse_foreign
from fhirhub.http.fields import MediaType, parse_prefer
from fhirhub.http.negotiation import FHIR_ALONE, RESOURCE_TYPES, Offers
from fhirhub.model.request import FhirRequest, Method
from fhirhub.model.url import Query, parse_query

METHODS: Final[frozenset[str]] = frozenset(get_args(Method))
ALLOW: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

_WRITES: Final = frozenset({"PUT", "PATCH", "DELETE"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_RESOURCE: Final = "application/fhir+json"


class _Content(NamedTuple):
    """What a body holds: a resource or patch with its media type and, where it is JSON, its bytes; or parameters."""

    body: Any = None
    essence: str | None = None
    source: bytes | None = None
    query: Query = ()


_NOTHING: Final = _Content()


def decode_request(
    environ: Mapping[str, Any],
    path: tuple[str, ...],
    query: Query,
    *,
    request_id: str,
    max_bytes: int,
    offers: Offers = FHIR_ALONE,
) -> FhirRequest:
    """Read the headers and the body of a request.

    Arguments:
        environ: the WSGI environment.
        path, query: what of the URL is passed on, decoded.
        max_bytes: largest body in bytes, as sent and after decompression.
        offers: in which forms a resource may be besides JSON and XML.

    A HEAD becomes the GET whose headers it asks for. Raises FhirError.
    """
    method: Any = environ["REQUEST_METHOD"]
    if method not in METHODS:
        raise FhirError(
            Failure.METHOD_NOT_ALLOWED, f"The method {method!r} is not known here.", headers={"Allow": ALLOW}
        )
    prefer = parse_prefer(environ.get("HTTP_PREFER", ""))
    content = _NOTHING
    if method in _WITH_BODY:
        data = read_body(environ, max_bytes)
        if data:
            content = _parse(data, content_type(environ), environ, path, offers)
        elif not _may_be_empty(method, path):
            raise FhirError(Failure.MALFORMED, f"A {method} to this URL needs a body.")
    return FhirRequest(
        "GET" if method == "HEAD" else method,
        path,
        query + content.query if content.query else query,
        content.body,
        content.essence,
        environ.get("HTTP_IF_MATCH"),
        environ.get("HTTP_IF_NONE_MATCH"),
        environ.get("HTTP_IF_MODIFIED_SINCE"),
        environ.get("HTTP_IF_NONE_EXIST"),
        prefer.returned,
        prefer.handling,
        content.source,
        request_id,
    )


def _parse(
    data: bytes, media_type: MediaType, environ: Mapping[str, Any], path: tuple[str, ...], offers: Offers
) -> _Content:
    method, essence = environ["REQUEST_METHOD"], media_type.essence
    if is_binary_write(method, path):
        return _Content(read_binary(data, media_type, environ, path), _RESOURCE)
    if _is_search(method, path):
        if essence != FORM:
            raise FhirError(Failure.UNSUPPORTED_MEDIA_TYPE, f"A search by POST sends its parameters as {FORM}.")
        refuse_foreign(media_type)
        return _Content(query=parse_query(data))
    if method == "PATCH" and essence in PATCH_TYPES:
        return _Content(parse_patch(data, media_type), essence, data)
    source = data if RESOURCE_TYPES.get(essence) == "json" else None
    return _Content(parse_resource(data, media_type, offers), _RESOURCE, source)


def writes(method: str, path: tuple[str, ...]) -> bool:
    """Whether a request changes resources by itself: it is no read, search or operation."""
    return method in _WRITES or (method == "POST" and not _may_be_empty(method, path))


def _is_search(method: str, path: tuple[str, ...]) -> bool:
    return method == "POST" and path[-1:] == ("_search",)


def _may_be_empty(method: str, path: tuple[str, ...]) -> bool:
    """An operation may have no parameters, a search may have them in the URL."""
    return method == "POST" and bool(path) and (path[-1] == "_search" or path[-1].startswith("$"))
