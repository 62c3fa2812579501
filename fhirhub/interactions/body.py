"""The resource in a request body: of the right type, valid, ready to be stored.

https://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Iterable
from difflib import get_close_matches

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.interactions import checkpoints, search_parameter
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


def drafted(resource: Json, request: FhirRequest, call: Call) -> Draft:
    """Let plugins prepare a resource, validate it, and return what will be written.

    Raises:
        FhirError: 400 with all findings, those of a SearchParameter nobody could search by included; 422 with those of
            plugins.
    """
    prepared = checkpoints.prepared(resource, request, call)
    issues = _issues(prepared, request, unchanged=prepared is request.body)
    if _refuse(issues):
        raise FhirError(Failure.INVALID, issues=issues)
    if prepared["resourceType"] == search_parameter.RESOURCE_TYPE:
        search_parameter.check_search_parameter(prepared, call.site.parameters)
    found = checkpoints.findings(prepared, request, call)
    if _refuse(found):
        raise FhirError(Failure.UNPROCESSABLE, issues=found)
    return Draft.of(prepared, call.site)


def examined(request: FhirRequest, call: Call) -> list[Issue]:
    """Return what is wrong with the resource of a request that would write it, warnings included.

    Raises FhirError: a plugin refuses to look at it, or failed.
    """
    prepared = checkpoints.prepared(request.body, request, call)
    issues = _issues(prepared, request, unchanged=prepared is request.body)
    if _refuse(issues):
        return issues
    if prepared["resourceType"] == search_parameter.RESOURCE_TYPE:
        try:
            search_parameter.check_search_parameter(prepared, call.site.parameters)
        except FhirError as error:
            return [*issues, *error.issues]
    return [*issues, *checkpoints.findings(prepared, request, call)]


def _issues(resource: Json, request: FhirRequest, *, unchanged: bool) -> list[Issue]:
    # Lines can be told of what was sent, and only as it was sent.
    return validate_resource(resource, source=request.source if unchanged else None)


def _refuse(issues: Iterable[Issue]) -> bool:
    return any(issue.severity in {"error", "fatal"} for issue in issues)


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
