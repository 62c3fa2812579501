"""read: the current version of a resource.

https://hl7.org/fhir/R4/http.html#read
"""

from fhirhub.interactions.call import Call
from fhirhub.interactions.operation_definition import read_definition
from fhirhub.interactions.response import found, not_found
from fhirhub.model.request import FhirRequest, FhirResponse


def read(request: FhirRequest, call: Call) -> FhirResponse:
    """Answer with the current version; 304: the client has it, 404: it never existed, 410: it is deleted."""
    resource_type, logical_id = request.path
    stored = call.current(resource_type, logical_id)
    if stored is None:
        served = read_definition(request, call)
        if served is None:
            raise not_found(resource_type, logical_id)
        return served
    return found(stored, request)
