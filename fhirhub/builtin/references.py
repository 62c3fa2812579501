"""The literal references of a resource to others of this server.

https://hl7.org/fhir/R4/references.html#literal
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from fhirhub.plugin import Json, r4_resource_types

_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")

Key = tuple[str, str]
"""A resource type and a logical id."""
Place = tuple[str, str, str | None]
"""The same, and a version id."""


def local_references(resource: Json, base_url: str) -> Iterator[Key]:
    """Yield what a resource, its contained ones included, refers to on this server; the same may come twice."""
    waiting: list[Any] = [resource]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            reference = value.get("reference")
            if isinstance(reference, str) and (place := local_reference(reference, base_url)):
                yield place[0], place[1]
            waiting += value.values()


def local_reference(reference: str, base_url: str) -> Place | None:
    """Return what a literal reference refers to, None where that is nothing that this server could have."""
    path = reference.removeprefix(f"{base_url}/").partition("#")[0]
    match path.split("/"):
        case [name, logical_id]:
            version = None
        case [name, logical_id, "_history", version]:
            pass
        case _:
            return None
    if name not in r4_resource_types() or not _ID.fullmatch(logical_id):
        return None
    return name, logical_id, version
