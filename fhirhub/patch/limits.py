"""How large a patch may be, and what it may make of a resource.

https://datatracker.ietf.org/doc/html/rfc6902#section-5, https://hl7.org/fhir/R4/security.html
"""

from typing import Any, Final

from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import MAX_DEPTH

MAX_OPERATIONS: Final = 1_000
"""Operations in one patch."""

MAX_COPIED: Final = 100_000
"""Objects, arrays and values that the `copy` operations of one patch may add: each can double a resource."""


def refuse_too_many(operations: int) -> None:
    """Refuse a patch of more than `MAX_OPERATIONS`."""
    if operations > MAX_OPERATIONS:
        raise FhirError(
            Failure.TOO_COSTLY, f"The patch has {operations} operations; {MAX_OPERATIONS} are allowed in one patch."
        )


def refuse_depth(resource: Any) -> None:
    """Refuse a patched resource that nests deeper than any resource that can be read."""
    level = [resource]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _inside(node)]
        if not level:
            return
    raise FhirError(
        Failure.UNPROCESSABLE,
        f"The patched resource would nest objects and arrays deeper than {MAX_DEPTH} levels.",
    )


def size(value: Any) -> int:
    """Return how many objects, arrays and single values there are in `value`."""
    count = 0
    level = [value]
    while level:
        count += len(level)
        if count > MAX_COPIED:
            return count
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
        ]
    return count


def _inside(node: Any) -> list[Any]:
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [child for child in values if isinstance(child, dict | list)]
