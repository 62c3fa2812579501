"""patch: a change of some elements, as JSON Patch, JSON Merge Patch or FHIRPath Patch.

https://hl7.org/fhir/R4/http.html#patch
"""

from fhirhub.errors import Failure, FhirError
from fhirhub.interactions.body import drafted
from fhirhub.interactions.call import Call
from fhirhub.interactions.response import check_if_match, deleted, not_found, written
from fhirhub.interactions.update import put
from fhirhub.model.json import Json
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.patch import apply_patch
from fhirhub.store.stored import Stored
from fhirhub.store.unit_of_work import Unit


def patch(request: FhirRequest, call: Call) -> FhirResponse:
    """Apply the body to the current version and store the result. A patch that changes nothing makes no version."""
    resource_type, logical_id = request.path
    if request.body is None:
        raise FhirError(Failure.MALFORMED, "A patch needs a body.")

    def act(unit: Unit) -> tuple[Stored, int]:
        previous = unit.current(resource_type, logical_id)
        if previous is None:
            raise not_found(resource_type, logical_id)
        if previous.is_deleted:
            raise deleted(previous)
        check_if_match(request, previous)
        patched = apply_patch(previous.resource(), request.content_type or "", request.body)
        _check_identity(patched, previous)
        return put(unit, drafted(patched, request, call), logical_id, previous, request)

    stored, status = call.change(act, types=[resource_type], reads=[(resource_type, logical_id)])
    return written(stored, request, call, status=status)


def _check_identity(patched: Json, previous: Stored) -> None:
    for name, value in (("resourceType", previous.resource_type), ("id", previous.logical_id)):
        if patched.get(name) != value:
            raise FhirError(
                Failure.UNPROCESSABLE,
                f"A patch cannot change {name} ({value!r}).",
                expression=[f"{previous.resource_type}.{name}"],
            )
