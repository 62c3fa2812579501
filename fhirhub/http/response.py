"""From a FhirResponse to status, headers and bytes.

https://hl7.org/fhir/R4/http.html#Http-Headers, https://hl7.org/fhir/R4/http.html#versioning
"""

import re
import zlib
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec

from fhirhub.http.binary import unwrap
from fhirhub.http.negotiation import Format
from fhirhub.http.xml import to_xml
from fhirhub.model.json import decode_trusted
from fhirhub.model.request import FhirResponse

Headers = list[tuple[str, str]]

STATUS_LINES: Final = {each.value: f"{each.value} {each.phrase}" for each in HTTPStatus}

# A page that shows an answer as a document runs nothing of it and tells nobody where it came from; a shared cache keeps
# no patient data, and the client's own asks again.
SECURITY: Final[Headers] = [
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "private, no-cache"),
    ("Referrer-Policy", "no-referrer"),
]
_POLICY: Final = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
_VARY: Final = ("Vary", "Accept, Accept-Encoding, Origin")

# What a header can carry, and cannot be taken for its end.
_URL: Final = re.compile(r"[!#-;=?-~]{1,4000}")
_RELATION: Final = re.compile(r"[a-z][a-z-]{0,40}")

_GZIP_FROM: Final = 1024
_GZIP_LEVEL: Final = 2
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_BODILESS: Final = frozenset({204, 304})

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Encoded(NamedTuple):
    """An answer as WSGI takes it."""

    status: int
    headers: Headers
    body: bytes


def encode_response(response: FhirResponse, form: Format, *, gzip: bool = False, native: bool = False) -> Encoded:
    """Write an answer.

    Arguments:
        form: how to write the resource.
        gzip: whether the client takes compressed bodies; small ones are not compressed.
        native: whether a Binary is to be given as its content.
    """
    headers = [*SECURITY, _VARY]
    if response.version_id is not None:
        headers.append(("ETag", f'W/"{response.version_id}"'))
    if response.last_updated is not None:
        headers.append(("Last-Modified", http_date(response.last_updated)))
    if response.location is not None:
        headers.append(("Location", response.location))
    if response.headers:
        headers.extend(response.headers.items())
    body = response.body
    if response.status in _BODILESS:
        return Encoded(response.status, headers, b"")
    if body is None:
        return Encoded(response.status, [*headers, ("Content-Length", "0")], b"")
    if native and response.status == 200 and (unwrapped := unwrap(body)) is not None:
        body, described = unwrapped
        headers.extend(described.items())
    else:
        if form.added is not None:
            headers.extend(_links(body))
        body = write(body, form)
        headers.append(("Content-Type", form.content_type))
        headers.append(_POLICY)
        if gzip and len(body) > _GZIP_FROM:
            body = _compressed(body)
            headers.append(("Content-Encoding", "gzip"))
    headers.append(("Content-Length", str(len(body))))
    return Encoded(response.status, headers, body)


def write(body: bytes, form: Format) -> bytes:
    """Return the JSON of a resource in the format. Raises FhirError: it has no such form."""
    if form.added is not None:
        written = form.added.write(decode_trusted(body))
        if not isinstance(written, bytes):
            raise TypeError(f"The format {form.added.name} wrote an object of type {type(written).__name__}.")
        return written
    if form.syntax == "xml":
        return to_xml(decode_trusted(body), pretty=form.pretty)
    return msgspec.json.format(body, indent=2) if form.pretty else body


def http_date(moment: datetime) -> str:
    """Write an aware moment for HTTP (RFC 9110, section 5.6.7), in any locale; fractions of a second are cut off."""
    t = moment.astimezone(UTC)
    return (
        f"{_DAYS[t.weekday()]}, {t.day:02} {_MONTHS[t.month - 1]} {t.year:04}"
        f" {t.hour:02}:{t.minute:02}:{t.second:02} GMT"
    )


def _links(body: bytes) -> Headers:
    """The links of a Bundle as a header: forms that are no resources have no place for them."""
    resource = decode_trusted(body)
    links = resource.get("link", ()) if resource["resourceType"] == "Bundle" else ()
    # A Bundle that was stored has what its author wrote.
    pairs = ((each.get("url", ""), each.get("relation", "")) for each in links)
    text = ", ".join(
        f'<{url}>; rel="{name}"' for url, name in pairs if _URL.fullmatch(url) and _RELATION.fullmatch(name)
    )
    return [("Link", text)] if text else []


def _compressed(body: bytes) -> bytes:
    stream = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return stream.compress(body) + stream.flush()
