"""The one place where an exception becomes an answer.

https://hl7.org/fhir/R4/http.html#Status-Codes, https://hl7.org/fhir/R4/operationoutcome.html
"""

import logging
from typing import Final

from fhirhub.errors import Failure, FhirError, operation_outcome
from fhirhub.model.json import encode
from fhirhub.model.request import FhirResponse

_log: Final = logging.getLogger("fhirhub.http")


def refuse(error: Exception, request_id: str) -> FhirResponse:
    """Return the OperationOutcome of a failure; what is no FhirError is told to the log only, with the request's id."""
    if not isinstance(error, FhirError):
        _log.error("The request %s failed.", request_id, exc_info=error, extra={"request_id": request_id})
        error = FhirError(
            Failure.INTERNAL, f"An error inside the server; its log describes it under the request id {request_id}."
        )
    elif error.status >= 500:
        cause = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
        _log.warning("%s%s", error, cause, extra={"request_id": request_id})
    return FhirResponse(error.status, encode(operation_outcome(error.issues)), headers=error.headers)
