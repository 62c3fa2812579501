"""operation: what plugins answer.

https://hl7.org/fhir/R4/operations.html
"""

from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.interactions.call import Call
from fhirhub.model.request import FhirRequest, FhirResponse


def operation(request: FhirRequest, call: Call) -> FhirResponse:
    """Run an operation. Raises FhirError: there is none of the name here."""
    name = request.path[-1]
    raise FhirError(
        Failure.NOT_FOUND, issues=[Issue("error", "not-supported", f"This server has no operation {name} here.")]
    )
