"""Cursors: where a page of search results begins, sealed so that only this installation can make one.

https://hl7.org/fhir/R4/http.html#paging

A cursor holds all it takes to go on, so the server keeps nothing. It is good for the search it was made for and no
other. It is signed, not encrypted: it tells no more than the row it was made of.
"""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

import msgspec

from fhirhub.errors import Failure, FhirError
from fhirhub.search.result_parameters import CURSOR
from fhirhub.store.documents import Installation
from fhirhub.store.failures import unavailable
from fhirhub.store.plan import Position, Scalar

_SIGNATURE: Final = 16
"""Bytes of the signature that are kept."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The rows after a position, or with `backward` those before it."""

    position: Position
    backward: bool = False


class Seal:
    """Turns cursors into text and back.

    Arguments:
        key: the secret of the installation.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, cursor: Cursor, search: str) -> str:
        """Return a cursor as url-safe text.

        Arguments:
            search: what the cursor is good for, as text: the same for all pages of one search.
        """
        payload = msgspec.json.encode([cursor.backward, *map(_written, cursor.position)])
        return _text(self._signature(payload, search) + payload)

    def open(self, text: str, search: str) -> Cursor:
        """Return the cursor.

        Raises FhirError: nobody but this installation, or for another search, made it.
        """
        try:
            sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (NotBase64, ValueError):
            raise _foreign() from None
        # What decodes to the same bytes is not the same cursor: characters that stand for nothing are passed over.
        if _text(sealed) != text:
            raise _foreign()
        signature, payload = sealed[:_SIGNATURE], sealed[_SIGNATURE:]
        if not hmac.compare_digest(signature, self._signature(payload, search)):
            raise _foreign()
        backward, *position = msgspec.json.decode(payload)
        return Cursor(tuple(map(_read, position)), backward)

    def _signature(self, payload: bytes, search: str) -> bytes:
        # The length keeps apart what belongs to the search from what belongs to the position.
        named = search.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, b"%d:%b%b" % (len(named), named, payload), sha256)[:_SIGNATURE]


def cursor_key() -> bytes:
    """Return the secret of this installation; whoever asks first makes it.

    Raises:
        PyMongoError: the database failed.
        FhirError: the database is gone.
    """
    installation = Installation._get_collection()
    own = {"_id": "fhirhub"}
    found = installation.find_one(own) or {}
    if "cursor_key" not in found:
        # Of several processes that come here at a time one makes the key, and all read it.
        fresh = {"$set": {"cursor_key": secrets.token_bytes(32)}}
        installation.update_one({**own, "cursor_key": {"$exists": False}}, fresh)
        found = installation.find_one(own) or {}
    if "cursor_key" not in found:
        raise unavailable()
    return bytes(found["cursor_key"])


def _foreign() -> FhirError:
    problem = "it is not one this server made for this search. Follow the links of the pages as they are."
    return FhirError(Failure.BAD_VALUE, f"Search parameter {CURSOR}: {problem}", expression=[f"http.{CURSOR}"])


def _text(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).decode().rstrip("=")


def _written(value: Scalar) -> Any:
    """Texts get a letter that tells them from decimal numbers, which JSON would not keep."""
    if isinstance(value, str):
        return f"s{value}"
    return f"d{value}" if isinstance(value, Decimal) else value


def _read(value: Any) -> Scalar:
    if isinstance(value, str):
        return value[1:] if value.startswith("s") else Decimal(value[1:])
    scalar: Scalar = value
    return scalar
