"""create: a new resource under an id of the server's choice.

https://hl7.org/fhir/R4/http.html#create
"""

from fhirhub.interactions.body import drafted, resource_of
from fhirhub.interactions.call import Call
from fhirhub.interactions.response import written
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.store.stored import Stored
from fhirhub.store.unit_of_work import Unit


def create(request: FhirRequest, call: Call) -> FhirResponse:
    """Store the body as version 1 and answer 201 with its location. An id in the body is ignored."""
    (resource_type,) = request.path
    draft = drafted(resource_of(request, resource_type), request, call)
    logical_id = call.new_id()

    def act(unit: Unit) -> Stored:
        unit.will_create(resource_type, [logical_id])
        return unit.put(draft, logical_id, "POST")

    return written(call.change(act, types=[resource_type]), request, call, status=201)
