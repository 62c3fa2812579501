"""The resource in a request body: of the right type, valid, ready to be stored.

https://hl7.org/fhir/R4/validation.html
"""

from difflib import get_close_matches

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError
from fhirhub.interactions import search_parameter
from fhirhub.interactions.call import Call
from fhirhub.model.json import Json
from fhirhub.model.reference import is_logical_id
from fhirhub.model.request import FhirRequest
from fhirhub.store.stored import Draft
from fhirhub.validation import validate_resource


def resource_of(request: FhirRequest, resource_type: str) -> Json:
    """Return the resource of a request.

    Raises:
        FhirError: there is none, or it is of another type.
    """
    body = request.body
    if not isinstance(body, dict):
        raise FhirError(Failure.MALFORMED, f"The body must be one {resource_type} resource.")
    found = body.get("resourceType")
    if found != resource_type:
        said = f"is a {found!r}" if found is not None else "has no resourceType"
        raise FhirError(
            Failure.INVALID, f"The body {said}; this URL takes a {resource_type}.", expression=["resourceType"]
        )
    return body


def drafted(resource: Json, call: Call, source: bytes | None = None) -> Draft:
    """Validate a resource and prepare it for writing.

    Arguments:
        source: the bytes it was parsed from, to say the line of an error.

    Raises:
        FhirError: 400 with all findings, those of a SearchParameter nobody could search by included.
    """
    issues = validate_resource(resource, source=source)
    if any(issue.severity in {"error", "fatal"} for issue in issues):
        raise FhirError(Failure.INVALID, issues=issues)
    if resource["resourceType"] == search_parameter.RESOURCE_TYPE:
        search_parameter.check_search_parameter(resource, call.site.parameters)
    return Draft.of(resource, call.site)


def check_type(name: str) -> None:
    """Refuse what is no resource type, and suggest one."""
    if r4().is_resource_type(name):
        return
    near = get_close_matches(name, r4().resource_types, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise FhirError(Failure.UNKNOWN_TYPE, f"{name!r} is not a resource type of FHIR R4.{hint}")


def check_id(logical_id: str) -> None:
    """Refuse what cannot be a logical id."""
    if not is_logical_id(logical_id):
        raise FhirError(
            Failure.BAD_VALUE, f"{logical_id!r} cannot be an id: only letters, digits, '-' and '.', at most 64."
        )
