"""JSON without loss: every decimal keeps its digits, nothing is accepted that says two things at once.

https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/datatypes.html#decimal
"""

import json as stdlib_json
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from fhirhub.errors import Failure, FhirError

Json = dict[str, Any]
"""A JSON object as FHIR means it: numbers are `int` or `Decimal`, never `float`."""

MAX_DEPTH: Final = 64
"""Deepest nesting of objects and arrays that is read (a Questionnaire of thirty levels fits)."""

_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)
_encoder: Final = msgspec.json.Encoder(decimal_format="number")
_canonical_encoder: Final = msgspec.json.Encoder(decimal_format="number", order="sorted")


def encode(value: object) -> bytes:
    """Return `value` as compact JSON, decimals digit for digit."""
    return _encoder.encode(value)


def encode_canonical(value: object) -> bytes:
    """Return compact JSON with sorted keys: equal bytes mean the same content, to the last digit of each decimal."""
    return _canonical_encoder.encode(value)


def encode_pretty(value: object) -> bytes:
    """Return `value` as JSON indented by two spaces, for people."""
    return msgspec.json.format(_encoder.encode(value), indent=2) + b"\n"


def decode_trusted(data: bytes) -> Any:
    """Parse JSON that this server wrote itself (no duplicate keys, no limits to check)."""
    return _decoder.decode(data)


def decode(data: bytes) -> Any:
    """Parse JSON that came from outside.

    Raises:
        FhirError: not UTF-8, not JSON, a key twice in one object, nested deeper than `MAX_DEPTH`, lone surrogates.
    """
    try:
        value = _decoder.decode(data)
        # Objects drop a repeated key, so re-encoding loses its colon; `\u003a` is the only other way the counts can
        # differ.
        if data.count(b":") != _encoder.encode(value).count(b":") or b"\\u003" in data:
            _refuse_duplicates(data)
    except RecursionError:
        raise FhirError(Failure.MALFORMED, _TOO_DEEP) from None
    except InvalidOperation:
        raise FhirError(Failure.MALFORMED, "The body has a number whose exponent is too large to be read.") from None
    except msgspec.ValidationError:
        # Without a schema nothing else is validated.
        raise FhirError(Failure.MALFORMED, "The body has a number of too many digits to be read.") from None
    except (UnicodeDecodeError, msgspec.DecodeError) as error:
        raise FhirError(Failure.MALFORMED, _complaint(data, str(error))) from None
    _refuse_depth(data, value)
    return value


_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_HIGH: Final = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW: Final = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
# Pairs and all other escapes are passed over, so that `\\ud800` (a backslash, then text) is none.
_ESCAPE: Final = re.compile(rb"%b%b|(?P<lone>%b|%b)|\\." % (_HIGH, _LOW, _HIGH, _LOW), re.DOTALL)
_TOO_DEEP: Final = f"The body nests objects and arrays deeper than {MAX_DEPTH} levels."


def _refuse_duplicates(data: bytes) -> None:
    def pairs(items: list[tuple[str, Any]]) -> None:
        for key, count in Counter(key for key, _ in items).items():
            if count > 1:
                raise FhirError(Failure.MALFORMED, f"The key {key!r} stands {count} times in one JSON object.")

    stdlib_json.loads(data, object_pairs_hook=pairs)


def _refuse_depth(data: bytes, value: object) -> None:
    # No document can nest deeper than it has opening brackets.
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return
    # Level by level, since a call for each of a large Bundle's objects would take as long as parsing it.
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for container in level
            for child in (container.values() if type(container) is dict else container)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return
    raise FhirError(Failure.MALFORMED, _TOO_DEEP)


def _complaint(data: bytes, message: str) -> str:
    """Return the sentence for what the parser refused."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"The body is not UTF-8: the byte at {_place(data, error.start)} cannot be decoded."
    if data.startswith(_BYTE_ORDER_MARK):
        return "The body begins with a byte order mark, which JSON does not allow."
    if "surrogate" in message or "truncated" in message:
        for found in _ESCAPE.finditer(data):
            if found["lone"]:
                lone = found["lone"].decode()
                return f"The body has a lone surrogate {lone} at {_place(data, found.start())}; it is no character."
    text, _, tail = message.removeprefix("JSON is malformed: ").partition(" (byte ")
    if not tail:
        return f"The body is not JSON: it ends too early, at {_place(data, len(data))}."
    return f"The body is not JSON: {text} at {_place(data, int(tail[:-1]))}."


def _place(data: bytes, offset: int) -> str:
    """Return line and column of a byte."""
    line, column = data.count(b"\n", 0, offset) + 1, offset - data.rfind(b"\n", 0, offset)
    return f"line {line}, column {column}"
