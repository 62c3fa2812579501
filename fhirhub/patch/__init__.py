"""Changing a resource by a patch: JSON Patch, JSON Merge Patch and FHIRPath Patch, as pure functions.

https://hl7.org/fhir/R4/http.html#patch
"""

from typing import Any, Final

from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import Json
from fhirhub.patch import fhirpath_patch, json_patch, merge_patch

__all__ = ["MEDIA_TYPES", "apply_patch", "fhirpath_patch", "json_patch", "merge_patch"]

MEDIA_TYPES: Final = ("application/json-patch+json", "application/merge-patch+json", "application/fhir+json")
"""What `apply_patch` takes. Parameters sent as FHIR XML have become JSON, and its media type, before they arrive."""


def apply_patch(resource: Json, content_type: str | None, body: Any) -> Json:
    """Return the patched resource. `resource` and `body` stay as they are; the result shares unchanged parts with them.

    Arguments:
        resource: the current version.
        content_type: the media type of the patch without parameters, lower case.
        body: the decoded patch: a list of operations, a JSON object, or a Parameters resource.

    Raises:
        FhirError: BAD_VALUE when the patch is malformed, UNPROCESSABLE when it does not fit the resource,
            UNSUPPORTED_MEDIA_TYPE for any other media type.
    """
    match content_type:
        case "application/json-patch+json":
            return json_patch.apply(resource, body)
        case "application/merge-patch+json":
            return merge_patch.apply(resource, body)
        case "application/fhir+json":
            return fhirpath_patch.apply(resource, body)
    known = ", ".join(MEDIA_TYPES)
    sent = f"'{content_type[:80]}'" if content_type else "no media type"
    raise FhirError(
        Failure.UNSUPPORTED_MEDIA_TYPE,
        f"A patch is one of {known}, or a Parameters resource in application/fhir+xml; this came with {sent}.",
        headers={"Accept-Patch": f"{known}, application/fhir+xml"},
    )
