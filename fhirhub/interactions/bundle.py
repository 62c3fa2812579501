"""Bundles that answer: the bytes of stored resources are spliced in, never parsed.

https://hl7.org/fhir/R4/bundle.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec

from fhirhub.interactions.response import entity_tag
from fhirhub.model.json import Json, encode
from fhirhub.model.request import FhirResponse
from fhirhub.store.stamp import format_instant
from fhirhub.store.stored import Stored

_OUTCOME: Final = b'{"resourceType":"OperationOutcome","issue"'
"""How an OperationOutcome begins that is about the request; one that is stored as a resource has an id first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `resource` is JSON as stored, `facts` the other properties (search, request, response)."""

    full_url: str | None
    resource: bytes | None
    facts: Json


def render(
    kind: str,
    entries: Iterable[Entry],
    *,
    bundle_id: str,
    total: int | None = None,
    links: Sequence[tuple[str, str]] = (),
    meta: Json | None = None,
) -> bytes:
    """Return a Bundle of the given type as JSON.

    Arguments:
        kind: `Bundle.type`.
        links: (relation, url) pairs.
        total: `Bundle.total`, only for searches and histories.
    """
    head: dict[str, Any] = {"resourceType": "Bundle", "id": bundle_id}
    if meta:
        head["meta"] = meta
    head["type"] = kind
    if total is not None:
        head["total"] = total
    if links:
        head["link"] = [{"relation": relation, "url": url} for relation, url in links]
    rows = b",".join(map(_row, entries))
    # An empty array is not valid FHIR: no entries, no property.
    return encode(head)[:-1] + (b',"entry":[' + rows + b"]}" if rows else b"}")


def _row(entry: Entry) -> bytes:
    parts = []
    if entry.full_url is not None:
        parts.append(b'"fullUrl":' + encode(entry.full_url))
    if entry.resource is not None:
        parts.append(b'"resource":' + entry.resource)
    if entry.facts:
        parts.append(encode(entry.facts)[1:-1])
    return b"{" + b",".join(parts) + b"}"


def matched(stored: Stored, resource: bytes, base_url: str, mode: str = "match") -> Entry:
    """Return the entry of a search result."""
    return Entry(f"{base_url}/{stored.resource_type}/{stored.logical_id}", resource, {"search": {"mode": mode}})


def versioned(stored: Stored, base_url: str) -> Entry:
    """Return the entry of a history: the version, how it came about, and what the answer was."""
    url = f"{stored.resource_type}/{stored.logical_id}"
    came_to_be = "201" if stored.stamp == stored.created else "200"
    status = "204" if stored.is_deleted else came_to_be
    return Entry(
        f"{base_url}/{url}",
        stored.content,
        {
            "request": {"method": stored.method, "url": stored.resource_type if stored.method == "POST" else url},
            "response": {
                "status": status,
                "etag": entity_tag(stored),
                "lastModified": format_instant(stored.stamp),
            },
        },
    )


def answered(response: FhirResponse) -> Entry:
    """Return the entry of a batch or transaction response."""
    facts: Json = {"status": str(response.status)}
    if response.location is not None:
        facts["location"] = response.location
    if response.version_id is not None:
        facts["etag"] = f'W/"{response.version_id}"'
    if response.last_updated is not None:
        facts["lastModified"] = response.last_updated.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    resource, full_url = response.body, None
    if resource is not None and resource.startswith(_OUTCOME):
        facts["outcome"], resource = msgspec.Raw(resource), None
    if response.location is not None and resource is not None:
        full_url = response.location.partition("/_history/")[0]
    return Entry(full_url, resource, {"response": facts})


def link_url(base_url: str, path: Sequence[str], query: Iterable[tuple[str, str]]) -> str:
    """Return an absolute URL with its parameters encoded."""
    text = "&".join(f"{quote(name, safe=':-._~')}={quote(value, safe=':,|/-._~$')}" for name, value in query)
    url = "/".join((base_url, *(quote(step, safe="$*") for step in path)))
    return f"{url}?{text}" if text else url
