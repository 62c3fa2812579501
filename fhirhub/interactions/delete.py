"""delete: a version that says the resource is no more; its history stays.

https://hl7.org/fhir/R4/http.html#delete
"""

from fhirhub.errors import Issue, operation_outcome
from fhirhub.interactions.call import Call
from fhirhub.interactions.response import check_if_match
from fhirhub.model.json import encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.store.stored import Stored
from fhirhub.store.unit_of_work import Unit


def delete(request: FhirRequest, call: Call) -> FhirResponse:
    """Delete the resource. Deleting what does not exist, or is deleted, succeeds too and changes nothing."""
    resource_type, logical_id = request.path

    def act(unit: Unit) -> Stored | None:
        check_if_match(request, unit.current(resource_type, logical_id))
        return unit.delete(resource_type, logical_id)

    stored = call.change(act, types=[resource_type], reads=[(resource_type, logical_id)])
    version_id = stored.version_id if stored else None
    if request.prefer_return != "OperationOutcome":
        return FhirResponse(204, version_id=version_id)
    said = f"deleted with version {version_id}" if stored else "did not exist; nothing was changed"
    issue = Issue("information", "informational", f"{resource_type}/{logical_id} {said}.")
    return FhirResponse(200, encode(operation_outcome([issue])), version_id=version_id)
