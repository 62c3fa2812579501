"""$validate: whether a resource is valid, could be created, could replace another one, or could be deleted.

https://hl7.org/fhir/R4/resource-operation-validate.html, https://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from fhirhub.plugin import (
    Failure,
    FhirError,
    Issue,
    Json,
    Operation,
    OperationCall,
    OperationResult,
    hook,
    operation_outcome,
    r4_operation,
    r4_resource_types,
)

MODES: Final = ("create", "update", "delete", "profile")
"""https://hl7.org/fhir/R4/valueset-resource-validation-mode.html"""

_OF_INSTANCES: Final = ("update", "delete")
_ALL: Final = ("Resource", "DomainResource")
_CORE: Final = "http://hl7.org/fhir/StructureDefinition/"
_VERSIONS: Final = ("4.0.1", "4.0")
Severity = Literal["error", "warning"]


@hook
def fhirhub_register_operations(settings: Any) -> Sequence[Operation]:
    """Return the operation."""
    return [Operation(r4_operation("Resource-validate"), validate, takes_invalid=True)]


def validate(call: OperationCall) -> OperationResult:
    """Answer with what was found.

    Raises FhirError: the request does not say what is to be validated, or how.
    """
    mode, profile = _mode(call), call.parameters.get("profile")
    if mode == "delete":
        return operation_outcome([_deletable(call)])
    resource = call.parameters.get("resource")
    if resource is None and (call.logical_id is None or mode in ("create", "update")):
        raise FhirError(Failure.INVALID, "Parameter resource: it is missing.", expression=["Parameters.parameter"])
    if resource is None:
        resource = _stored(call)
    issues = [*_misplaced(resource, call, mode), *call.hub.validate(resource, _updated(call, mode))]
    issues += _profiles(resource, profile)
    return operation_outcome(issues)


def _mode(call: OperationCall) -> str | None:
    mode: str | None = call.parameters.get("mode")
    if mode is not None and mode not in MODES:
        raise _bad("mode", f"{mode[:80]!r} is none; there are {', '.join(MODES)}.")
    if mode in _OF_INSTANCES and call.logical_id is None:
        raise _bad("mode", f"{mode} is asked of an instance: {call.resource_type}/[id]/$validate.")
    if mode == "create" and call.logical_id is not None:
        raise _bad("mode", f"create is asked of a type: {call.resource_type}/$validate.")
    if mode == "profile" and "profile" not in call.parameters:
        raise _bad("profile", "the mode profile needs one.")
    return mode


def _bad(name: str, text: str) -> FhirError:
    return FhirError(Failure.BAD_VALUE, f"Parameter {name}: {text}", expression=[f"http.{name}"])


def _stored(call: OperationCall) -> Json:
    assert call.resource_type is not None and call.logical_id is not None, "it is invoked on an instance"
    resource = call.hub.read(call.resource_type, call.logical_id)
    if resource is None:
        raise FhirError(Failure.NOT_FOUND, f"There is no {call.resource_type} with the id {call.logical_id!r}.")
    return resource


def _deletable(call: OperationCall) -> Issue:
    """What has come so far is there, and nothing that refers to a resource keeps it from being deleted."""
    text = f"{call.resource_type}/{call.logical_id} can be deleted; references to it would stay."
    return Issue("information", "informational", text)


def _updated(call: OperationCall, mode: str | None) -> str | None:
    return call.logical_id if mode == "update" else None


def _misplaced(resource: Json, call: OperationCall, mode: str | None) -> Iterator[Issue]:
    """Yield what a create or update at this URL would have against the resource, valid or not."""
    found = resource["resourceType"]
    if found != call.resource_type:
        text = f"The resource is a {found[:80]!r}; this URL takes a {call.resource_type}."
        yield Issue("error", "invalid", text, ("resourceType",))
    elif mode == "update" and resource.get("id") != call.logical_id:
        said = f"the id {str(resource['id'])[:80]!r}" if "id" in resource else "no id"
        text = f"The resource has {said}, the URL says {call.logical_id!r}; they must be the same."
        yield Issue("error", "invalid", text, (f"{found}.id",))


def _profiles(resource: Json, profile: str | None) -> Iterator[Issue]:
    """Yield what can be said of the profile that was asked for, and of those the resource claims."""
    if profile is not None:
        yield from _conforms(resource, profile, "error")
    claimed = resource.get("meta", {}).get("profile", ()) if isinstance(resource.get("meta"), dict) else ()
    for each in claimed if isinstance(claimed, list) else ():
        if isinstance(each, str) and each != profile:
            yield from _conforms(resource, each, "warning")


def _conforms(resource: Json, profile: str, severity: Severity) -> Iterator[Issue]:
    """A resource that is valid conforms to the profile that is its own type; there are no other profiles here."""
    url, _, version = profile.partition("|")
    name = url.removeprefix(_CORE) if url.startswith(_CORE) and version in ("", *_VERSIONS) else ""
    if name not in (*_ALL, *r4_resource_types()):
        text = f"This server does not know the profile {profile[:300]!r}: nothing was checked against it."
        yield Issue(severity, "not-supported", text)
    elif name not in (*_ALL, resource["resourceType"]):
        text = f"The resource is a {resource['resourceType'][:80]!r}; the profile {profile[:300]!r} is another type."
        yield Issue("error", "invalid", text, ("resourceType",))
