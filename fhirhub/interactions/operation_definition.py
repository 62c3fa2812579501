"""read of the definitions of the operations that this server has, where nobody has stored another one under the id.

https://hl7.org/fhir/R4/operationdefinition.html
"""

from typing import Final

from fhirhub.interactions.call import Call
from fhirhub.interactions.subset import subset
from fhirhub.model.json import encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.store.stored import Stored

RESOURCE_TYPE: Final = "OperationDefinition"


def read_definition(request: FhirRequest, call: Call) -> FhirResponse | None:
    """Answer with an OperationDefinition that is a part of the server: it has no versions; None: there is none."""
    resource_type, logical_id = request.path
    definition = call.operations.definition(logical_id, call.base_url) if resource_type == RESOURCE_TYPE else None
    if definition is None:
        return None
    content = encode(definition)
    return FhirResponse(200, subset(Stored(resource_type, logical_id, 1, 0, "PUT", content, None), request))
