"""The part of a URL below the base, as text: path segments and parameters, refused where they are not UTF-8.

https://hl7.org/fhir/R4/http.html#2.21.0.3
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from fhirhub.errors import Failure, FhirError

MAX_PARAMETERS: Final = 10_000
"""Most parameters of one request; more is an attack, not a search."""

Query = tuple[tuple[str, str], ...]

_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def parse_path(path: str) -> tuple[str, ...]:
    """Split the path below the base URL, as WSGI gives it: percent-decoded, each character one byte.

    One slash at the end is tolerated. Raises FhirError for an empty segment and for bytes that are no UTF-8.
    """
    if not path.isascii():
        path = _text(_octets(path), "path of the URL")
    segments = path[1:].split("/")
    if not segments[-1]:
        segments.pop()
    if "" in segments:
        raise FhirError(Failure.MALFORMED, "The path of the URL has an empty segment (two slashes in a row).")
    if "\0" in path:
        raise FhirError(Failure.MALFORMED, "The path of the URL contains a NUL character.")
    return tuple(segments)


def parse_query(text: str | bytes) -> Query:
    """Decode `a=1&b=2` in its order; `+` is a blank, a parameter without `=` has the value "".

    Arguments:
        text: bytes, or WSGI's string whose characters are one byte each.

    Raises FhirError for broken escapes, bytes that are no UTF-8, NUL characters, more than `MAX_PARAMETERS`.
    """
    if not text:
        return ()
    octets = _octets(text) if isinstance(text, str) else text
    if _BROKEN_ESCAPE.search(octets):
        raise FhirError(Failure.MALFORMED, "The parameters contain a % that two hexadecimal digits do not follow.")
    # Counted before it is split: a form of nothing but separators would fill the memory.
    if octets.count(b"&") >= MAX_PARAMETERS:
        raise FhirError(Failure.TOO_COSTLY, f"The request has more than {MAX_PARAMETERS} parameters.")
    pairs = (part.partition(b"=") for part in octets.replace(b"+", b" ").split(b"&") if part)
    return tuple((_parameter(name), _parameter(value)) for name, _, value in pairs)


def _parameter(octets: bytes) -> str:
    text = _text(unquote_to_bytes(octets) if b"%" in octets else octets, "parameters")
    if "\0" in text:
        raise FhirError(Failure.MALFORMED, "The parameters contain a NUL character.")
    return text


def _octets(text: str) -> bytes:
    # WSGI's native strings hold one byte per character. Some servers decode UTF-8 before, which gives others.
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _text(octets: bytes, where: str) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise FhirError(Failure.MALFORMED, f"The {where} cannot be decoded as UTF-8.") from None
