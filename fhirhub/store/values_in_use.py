"""One resource for each value of a parameter that is in use: found by leaping from key to key of the index.

https://hl7.org/fhir/R4/resource-operation-meta.html
"""

from collections.abc import Iterator
from typing import Final

import pymongo

from fhirhub.errors import Failure, FhirError
from fhirhub.store.failures import reading
from fhirhub.store.filters import after_prefix
from fhirhub.store.find import Find
from fhirhub.store.plan import Document

MAX_VALUES: Final = 2_000
"""Most values of one parameter of one type that are looked for: each costs a look into the index."""

_LIVING: Final[Document] = {"n": {"$gt": 0}}


def one_of_each(find: Find, resource_type: str, code: str) -> Iterator[str]:
    """Yield the ids of resources that have between them every value of a token, string, reference or uri parameter.

    What it costs is told by the number of values and not by that of resources. No id comes twice.

    Arguments:
        code: of the parameter.

    Raises FhirError: there are too many values, it takes too long, or the database is away.
    """
    prefix = f"{code}="
    collection = find.collections.of(resource_type)
    seen: set[str] = set()
    bounds = {"$gte": prefix, "$lt": after_prefix(prefix)}
    for _ in range(MAX_VALUES):
        with reading(), pymongo.timeout(find.seconds):
            # In the order of the index: the first document is one with the least key within the bounds.
            found = collection.find_one({"k": {"$elemMatch": bounds}, **_LIVING}, {"k": 1}, hint="tokens")
        if found is None:
            return
        last = bounds.get("$gt", "")
        bounds = {"$gt": min(key for key in found["k"] if key.startswith(prefix) and key > last), "$lt": bounds["$lt"]}
        if found["_id"] not in seen:
            seen.add(found["_id"])
            yield found["_id"]
    raise FhirError(
        Failure.TOO_COSTLY, f"More than {MAX_VALUES} values of {code} are in use by resources of type {resource_type}."
    )
