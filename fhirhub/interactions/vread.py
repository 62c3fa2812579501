"""vread: one version of a resource.

https://hl7.org/fhir/R4/http.html#vread
"""

from fhirhub.errors import Failure, FhirError
from fhirhub.interactions.call import Call
from fhirhub.interactions.response import found
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.store.stored import Stored


def vread(request: FhirRequest, call: Call) -> FhirResponse:
    """Answer with one version; 404 when there is none of that id, 410 when that version is a deletion."""
    resource_type, logical_id, _, version_id = request.path
    stored = _version(call, resource_type, logical_id, version_id)
    if stored is None:
        raise FhirError(
            Failure.NOT_FOUND, f"There is no version {version_id!r} of {resource_type} with the id {logical_id!r}."
        )
    return found(stored, request)


def _version(call: Call, resource_type: str, logical_id: str, version_id: str) -> Stored | None:
    # Version ids are whole numbers without leading zeros; the limit keeps them below what the history key holds.
    if not version_id.isascii() or not version_id.isdigit() or version_id[0] == "0" or len(version_id) > 10:
        return None
    current = call.current(resource_type, logical_id)
    if current is None or current.version == int(version_id):
        return current
    return call.find.version(resource_type, logical_id, int(version_id))
