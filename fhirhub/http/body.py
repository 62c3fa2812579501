"""The body of a request: read within the limit, decompressed within the limit, parsed by its Content-Type.

https://hl7.org/fhir/R4/http.html#mime-type
"""

import zlib
from collections.abc import Mapping
from typing import IO, Any, Final

from fhirhub.errors import Failure, FhirError
from fhirhub.http.fields import MediaType, parse_media_type
from fhirhub.http.negotiation import FHIR_ALONE, FHIR_VERSIONS, RESOURCE_TYPES, Offers
from fhirhub.http.xml import from_xml
from fhirhub.model.json import decode

FORM: Final = "application/x-www-form-urlencoded"
PATCH_TYPES: Final = ("application/json-patch+json", "application/merge-patch+json")

_CHUNK: Final = 1 << 20
_GZIP: Final = 16 + zlib.MAX_WBITS


def read_body(environ: Mapping[str, Any], limit: int) -> bytes:
    """Return the body, decompressed; b"" where there is none.

    `limit` counts bytes, both as sent and after decompression. Raises FhirError: too large, cut short, not what its
    Content-Encoding says, or of an encoding this server does not read.
    """
    sent = _read(environ, limit)
    codings = [each.strip().lower() for each in environ.get("HTTP_CONTENT_ENCODING", "").split(",") if each.strip()]
    if not sent or codings in ([], ["identity"]):
        return sent
    if codings in (["gzip"], ["x-gzip"]):
        return _inflate(sent, _GZIP, limit)
    if codings == ["deflate"]:
        # Zlib's format by the standard; some clients send the bare stream. Zlib's has a checked header.
        wrapped = len(sent) > 1 and sent[0] & 15 == 8 and (sent[0] << 8 | sent[1]) % 31 == 0
        return _inflate(sent, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS, limit)
    raise FhirError(
        Failure.UNSUPPORTED_MEDIA_TYPE,
        f"Content-Encoding {', '.join(codings)!r} is not read here; use gzip, deflate or none.",
        headers={"Accept-Encoding": "gzip, deflate"},
    )


def content_type(environ: Mapping[str, Any]) -> MediaType:
    """The Content-Type of a body that is there. Raises FhirError (UNSUPPORTED_MEDIA_TYPE) without a readable one."""
    value = environ.get("CONTENT_TYPE", "")
    if not value.strip():
        raise _unsupported(
            "The request has a body but no Content-Type; say application/fhir+json or application/fhir+xml."
        )
    media_type = parse_media_type(value)
    if media_type is None:
        raise _unsupported(f"The Content-Type {value!r} is not a media type.")
    return media_type


def parse_resource(data: bytes, media_type: MediaType, offers: Offers = FHIR_ALONE) -> Any:
    """Parse the JSON or XML of a resource, or another form that can be read. Raises FhirError."""
    added = offers.get(media_type.essence)
    if added is not None and added.read is not None:
        refuse_foreign(media_type)
        made = added.read(data)
        if not isinstance(made, dict):
            raise TypeError(f"The format {added.name} read an object of type {type(made).__name__}.")
        return made
    syntax = RESOURCE_TYPES.get(media_type.essence)
    if syntax is None:
        raise _unsupported(
            f"The Content-Type {media_type.essence!r} is not read here; "
            "send application/fhir+json or application/fhir+xml."
        )
    refuse_foreign(media_type)
    if syntax == "xml":
        return from_xml(data)
    resource = decode(data)
    if not isinstance(resource, dict):
        raise FhirError(Failure.MALFORMED, "The body is not a resource: it has to be one JSON object.")
    return resource


def parse_patch(data: bytes, media_type: MediaType) -> Any:
    """Parse a JSON Patch or JSON Merge Patch. Raises FhirError."""
    refuse_foreign(media_type)
    return decode(data)


def refuse_foreign(media_type: MediaType) -> None:
    """Raise FhirError for another character set than UTF-8 and another FHIR version than R4."""
    charset = (media_type.parameter("charset") or "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise _unsupported(f"The character set {charset!r} is not read here; FHIR is always UTF-8.")
    version = media_type.parameter("fhirversion")
    if version is not None and version not in FHIR_VERSIONS:
        raise _unsupported(f"The body is of FHIR version {version!r}; this server speaks 4.0 (R4).")


def _read(environ: Mapping[str, Any], limit: int) -> bytes:
    stated = environ.get("CONTENT_LENGTH") or None
    if stated is None:
        # Without a length only a server that ends the stream itself can be read to its end.
        if not environ.get("wsgi.input_terminated") or "HTTP_TRANSFER_ENCODING" not in environ:
            return b""
        data = _drain(environ["wsgi.input"], limit + 1)
    else:
        if not (stated.isascii() and stated.isdigit()):
            raise FhirError(Failure.MALFORMED, f"Content-Length {stated!r} is not a number.")
        length = int(stated)
        if length > limit:
            raise _too_large(limit)
        data = _drain(environ["wsgi.input"], length)
        if len(data) < length:
            raise FhirError(Failure.MALFORMED, f"The body ended after {len(data)} of {length} bytes.")
    if len(data) > limit:
        raise _too_large(limit)
    return data


def _drain(stream: IO[bytes], most: int) -> bytes:
    first = stream.read(min(most, _CHUNK))
    if len(first) == most:
        return first
    parts, total = [first], len(first)
    while total < most and (part := stream.read(min(most - total, _CHUNK))):
        parts.append(part)
        total += len(part)
    return b"".join(parts)


def _inflate(data: bytes, window_bits: int, limit: int) -> bytes:
    stream = zlib.decompressobj(window_bits)
    try:
        inflated = stream.decompress(data, limit + 1)
    except zlib.error:
        raise FhirError(Failure.MALFORMED, "The body is not compressed as its Content-Encoding says.") from None
    if len(inflated) > limit:
        raise _too_large(limit)
    if not stream.eof:
        raise FhirError(Failure.MALFORMED, "The compressed body is cut short.")
    if stream.unused_data:
        raise FhirError(Failure.MALFORMED, "Bytes follow the end of the compressed body.")
    return inflated


def _too_large(limit: int) -> FhirError:
    return FhirError(Failure.TOO_LARGE, f"The body is larger than the {limit} bytes this server reads.")


def _unsupported(diagnostics: str) -> FhirError:
    return FhirError(Failure.UNSUPPORTED_MEDIA_TYPE, diagnostics)
