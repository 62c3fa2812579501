"""$diff: what has changed between two versions of a resource, or what makes one resource of another.

The answer is a FHIRPath Patch: https://hl7.org/fhir/R4/fhirpatch.html
"""

from collections.abc import Sequence
from typing import Any, Final

from fhirhub.builtin.references import local_reference
from fhirhub.plugin import (
    Failure,
    FhirError,
    Issue,
    Json,
    Operation,
    OperationCall,
    OperationResult,
    difference,
    hook,
)

_SET_BY_SERVER: Final = ("versionId", "lastUpdated")


def _parameter(name: str, documentation: str) -> Json:
    return {"name": name, "use": "in", "min": 0, "max": "1", "type": "string", "documentation": documentation}


DEFINITION: Final[Json] = {
    "resourceType": "OperationDefinition",
    "id": "Resource-diff",
    "name": "Diff",
    "title": "Difference of two versions, or of two resources",
    "status": "active",
    "kind": "operation",
    "code": "diff",
    "affectsState": False,
    "resource": ["Resource"],
    "system": True,
    "type": True,
    "instance": True,
    "description": "Answers with a FHIRPath Patch that makes the second version of the first. It leaves out what the "
    "server sets: id, meta.versionId and meta.lastUpdated.",
    "parameter": [
        _parameter(
            "from",
            "Of an instance, a version id; none: the version before the other one. Else a reference to the first "
            "resource, which may name a version: Patient/1, Patient/1/_history/2.",
        ),
        _parameter("to", "Of an instance, a version id; none: the current one. Else a reference to the second one."),
        {
            "name": "return",
            "use": "out",
            "min": 1,
            "max": "1",
            "type": "Parameters",
            "documentation": "A FHIRPath Patch; without operations where there is no difference.",
        },
    ],
}


@hook
def fhirhub_register_operations(settings: Any) -> Sequence[Operation]:
    """Return the operation."""
    return [Operation(DEFINITION, diff)]


def diff(call: OperationCall) -> OperationResult:
    """Answer with the patch. Raises FhirError: one of the two is not there, or they are of different types."""
    before, after = _versions(call) if call.logical_id is not None else _resources(call)
    return difference(before, _as(before, after))


def _as(before: Json, after: Json) -> Json:
    """Return a resource with what the server sets as another one has it."""
    meta = {name: value for name, value in after.get("meta", {}).items() if name not in _SET_BY_SERVER}
    kept = {name: value for name, value in before.get("meta", {}).items() if name in _SET_BY_SERVER}
    rest = {name: value for name, value in after.items() if name not in ("id", "meta")}
    return rest | {"id": before["id"]} | ({"meta": kept | meta} if kept or meta else {})


def _versions(call: OperationCall) -> tuple[Json, Json]:
    given = call.parameters
    after = _version(call, "to", given.get("to"))
    version = given.get("from")
    if version is None:
        version = str(int(after["meta"]["versionId"]) - 1)
        if version == "0":
            raise _not_found("from", f"version 1 of {call.resource_type}/{call.logical_id} has none before it.")
    return _version(call, "from", version), after


def _version(call: OperationCall, name: str, version: str | None) -> Json:
    assert call.resource_type is not None and call.logical_id is not None, "it is invoked on an instance"
    found = call.hub.read(call.resource_type, call.logical_id, version)
    if found is None:
        said = "" if version is None else f" version {version[:80]!r}"
        raise _not_found(name, f"{call.resource_type}/{call.logical_id} has no{said} that could be read.")
    return found


def _resources(call: OperationCall) -> tuple[Json, Json]:
    before, after = (_referred(call, name) for name in ("from", "to"))
    if before["resourceType"] != after["resourceType"]:
        types = f"a {before['resourceType']} and a {after['resourceType']}"
        raise FhirError(Failure.BAD_VALUE, f"They have to be of one type: these are {types}.", expression=["http.to"])
    return before, after


def _referred(call: OperationCall, name: str) -> Json:
    text = call.parameters.get(name)
    if text is None:
        raise FhirError(Failure.INVALID, f"Parameter {name}: it is missing.", expression=[f"http.{name}"])
    place = local_reference(text, call.hub.base_url)
    if place is None or call.resource_type not in (None, place[0]):
        wanted = call.resource_type or "resource"
        raise FhirError(
            Failure.BAD_VALUE,
            f"Parameter {name}: {text[:80]!r} is no reference to a {wanted} of this server.",
            expression=[f"http.{name}"],
        )
    found = call.hub.read(*place)
    if found is None:
        raise _not_found(name, f"there is no {text[:200]}.")
    return found


def _not_found(name: str, text: str) -> FhirError:
    # What is missing is not what the URL names.
    issue = Issue("error", Failure.NOT_FOUND.issue_code, f"Parameter {name}: {text}", (f"http.{name}",))
    return FhirError(Failure.UNPROCESSABLE, issues=[issue])
