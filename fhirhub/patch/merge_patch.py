"""JSON Merge Patch: what the patch names replaces, null removes.

https://datatracker.ietf.org/doc/html/rfc7386
"""

from typing import Any

from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import Json
from fhirhub.patch.limits import refuse_depth


def apply(resource: Json, patch: Any) -> Json:
    """Return `resource` merged with `patch`.

    Raises:
        FhirError: BAD_VALUE when the patch is no object, since a resource always is one.
    """
    if not isinstance(patch, dict):
        raise FhirError(Failure.BAD_VALUE, "A merge patch of a resource has to be a JSON object.")
    refuse_depth(patch)
    merged = _merged(resource, patch)
    refuse_depth(merged)
    return merged


def _merged(target: Any, patch: Json) -> Json:
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _merged(result.get(key), value)
        else:
            result[key] = value
    return result
