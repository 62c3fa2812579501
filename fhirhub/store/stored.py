"""A version of a resource as the database holds it, and a resource on its way there.

https://hl7.org/fhir/R4/resource.html#Meta
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import Json, decode_trusted, encode, encode_canonical
from fhirhub.model.request import Method
from fhirhub.search.extract import extract
from fhirhub.search.site import Site
from fhirhub.search.values import IndexEntries
from fhirhub.store.entries import entries_document
from fhirhub.store.stamp import format_instant, instant_of

MAX_RESOURCE_BYTES: Final = 15 * 1024 * 1024
"""Largest resource that is stored: MongoDB allows 16 MiB for a document, index entries included."""

# What BSON adds to the text of a token; what a range takes with the longest code of a parameter and its unit.
_TOKEN_BYTES: Final = 14
_RANGE_BYTES: Final = 110

_SET_BY_SERVER: Final = frozenset({"resourceType", "id", "meta"})
_META_SET_BY_SERVER: Final = frozenset({"versionId", "lastUpdated"})


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of one resource; `content` is the JSON as served, None for a version that says "deleted".

    `created` is the stamp of the first version since the resource last came into being; it never changes while the
    resource lives, so lists sorted by it stay stable while others write.
    """

    resource_type: str
    logical_id: str
    version: int
    stamp: int
    method: Method
    content: bytes | None
    created: int | None

    @property
    def version_id(self) -> str:
        """`meta.versionId`."""
        return str(self.version)

    @property
    def last_updated(self) -> datetime:
        """`meta.lastUpdated`."""
        return instant_of(self.stamp)

    @property
    def is_deleted(self) -> bool:
        """Whether this version says that the resource was deleted."""
        return self.content is None

    def resource(self) -> Json:
        """Parse the content. Raises ValueError when this version is a deletion."""
        if self.content is None:
            raise ValueError(f"{self.resource_type}/{self.logical_id} version {self.version} is a deletion")
        resource: Json = decode_trusted(self.content)
        return resource


@dataclass(frozen=True, slots=True)
class Draft:
    """A valid resource that has no version yet: its parts encoded once, its index entries extracted once.

    `site` is what the entries were extracted by.
    """

    resource_type: str
    meta: bytes
    rest: bytes
    entries: IndexEntries
    site: Site

    @staticmethod
    def of(resource: Json, site: Site) -> "Draft":
        """Prepare a resource for writing.

        Raises:
            FhirError: the resource is larger than `MAX_RESOURCE_BYTES`.
        """
        resource_type = resource["resourceType"]
        meta = {key: value for key, value in resource.get("meta", {}).items() if key not in _META_SET_BY_SERVER}
        rest = {key: value for key, value in resource.items() if key not in _SET_BY_SERVER}
        draft = Draft(
            resource_type=resource_type,
            meta=encode(meta)[1:-1],
            rest=encode(rest)[1:-1],
            entries=extract(resource, resource_type, site),
            site=site,
        )
        if draft.size > MAX_RESOURCE_BYTES:
            raise FhirError(
                Failure.TOO_LARGE,
                f"The {resource_type} takes {draft.size} bytes; at most {MAX_RESOURCE_BYTES} can be stored.",
                expression=[resource_type],
            )
        return draft

    @property
    def size(self) -> int:
        """Bytes the document will take, roughly."""
        return len(self.meta) + len(self.rest) + _size(self.entries)

    def content(self, logical_id: str, version: int, stamp: int) -> bytes:
        """Return the JSON as it will be served for one version."""
        head = (
            f'{{"resourceType":"{self.resource_type}","id":"{logical_id}",'
            f'"meta":{{"versionId":"{version}","lastUpdated":"{format_instant(stamp)}"'
        ).encode()
        meta = b"," + self.meta if self.meta else b""
        rest = b"," + self.rest if self.rest else b""
        return b"".join((head, meta, b"}", rest, b"}"))

    def says_the_same_as(self, stored: Stored) -> bool:
        """Whether writing this draft over `stored` would change nothing but version and time."""
        if stored.content is None:
            return False
        same = self.content(stored.logical_id, stored.version, stored.stamp)
        if same == stored.content:
            return True
        # Equal content has equal length in any key order: spares parsing nearly every real change.
        return len(same) == len(stored.content) and (
            encode_canonical(decode_trusted(same)) == encode_canonical(stored.resource())
        )


def _size(entries: IndexEntries) -> int:
    texts = [*entries.tokens, *entries.words, *entries.listed]
    ranges = len(entries.dates) + len(entries.numbers) + len(entries.points)
    inner = [group.entries for group in entries.groups] + [each.entries for each in entries.contained]
    parts = sum(_size(each) + _RANGE_BYTES for each in inner)
    return len("".join(texts).encode()) + _TOKEN_BYTES * len(texts) + _RANGE_BYTES * ranges + parts


def current_document(stored: Stored, entries: IndexEntries | None, generation: int = 0) -> dict[str, Any]:
    """Return the document of a current version. A deletion has neither `n` nor index entries, so no search meets it.

    Arguments:
        generation: of the search parameters by which the entries were extracted; without added ones it is 0, and the
            document does not say it.
    """
    document: dict[str, Any] = {
        "_id": stored.logical_id,
        "v": stored.version,
        "u": stored.stamp,
        "m": stored.method,
    }
    if stored.content is not None and entries is not None:
        document["n"] = stored.created
        document["r"] = stored.content
        document |= entries_document(entries)
        if generation:
            document["x"] = generation
    return document


def history_document(stored: Stored, until: int) -> dict[str, Any]:
    """Return the document of a superseded version; its `_id` sorts the versions of one resource.

    Arguments:
        until: the stamp of the version that superseded it.
    """
    document: dict[str, Any] = {
        "_id": history_key(stored.resource_type, stored.logical_id, stored.version),
        "t": stored.resource_type,
        "u": stored.stamp,
        "s": until,
        "m": stored.method,
    }
    if stored.content is not None:
        document["n"] = stored.created
        document["r"] = stored.content
    return document


def history_key(resource_type: str, logical_id: str, version: int) -> str:
    """Return the `_id` of a version in the history collection."""
    return f"{resource_type}/{logical_id}/{version:010d}"


def from_current(resource_type: str, document: Mapping[str, Any]) -> Stored:
    """Read a document of a resource collection."""
    return Stored(
        resource_type,
        document["_id"],
        document["v"],
        document["u"],
        document["m"],
        document.get("r"),
        document.get("n"),
    )


def from_history(document: Mapping[str, Any]) -> Stored:
    """Read a document of the history collection."""
    resource_type, logical_id, version = document["_id"].split("/")
    return Stored(
        resource_type,
        logical_id,
        int(version),
        document["u"],
        document["m"],
        document.get("r"),
        document.get("n"),
    )
