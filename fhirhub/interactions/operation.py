"""operation: what plugins answer.

https://hl7.org/fhir/R4/operations.html
"""

from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.interactions.call import Call
from fhirhub.interactions.checkpoints import interaction_of
from fhirhub.interactions.plugin_hub import hub_for
from fhirhub.interactions.response import deleted, not_found
from fhirhub.model.json import Json, encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.operations.parameters import read, written
from fhirhub.operations.registry import Registered
from fhirhub.plugin import OperationCall
from fhirhub.validation import validate_resource


def operation(request: FhirRequest, call: Call) -> FhirResponse:
    """Run an operation and answer with its resource: 200, or 204 where it returns nothing.

    Raises FhirError: there is none of the name here, it cannot be called like this, its own refusal.
    """
    found = _found(request, call)
    definition = found.operation.definition
    _check_method(request, definition)
    if request.within == "transaction" and not found.operation.transactional:
        raise FhirError(Failure.NOT_SUPPORTED, f"${found.code} cannot be part of a transaction.")
    _check_instance(request, call)
    interaction = interaction_of(request, "operation")
    plugin = next((each for each in call.hooks.plugins if each.name == found.plugin), None)
    made = found.operation.run(
        OperationCall(
            hub=hub_for(call, interaction, plugin),
            interaction=interaction,
            parameters=read(definition, _body(request), request.query),
            resource_type=interaction.resource_type,
            logical_id=interaction.logical_id,
            version_id=interaction.version_id,
        )
    )
    answer = written(definition, made)
    return FhirResponse(204) if answer is None else FhirResponse(200, encode(answer))


def _found(request: FhirRequest, call: Call) -> Registered:
    *place, name = request.path
    level = ("system", "type", "instance")[min(len(place), 2)]
    found = call.operations.find(name, level, place[0] if place else None)  # type: ignore[arg-type]  # one of the three
    if found is None:
        issue = Issue("error", "not-supported", f"This server has no operation {name} here.")
        raise FhirError(Failure.NOT_FOUND, issues=[issue])
    return found


def _check_method(request: FhirRequest, definition: Json) -> None:
    allowed = ("POST",) if definition.get("affectsState") else ("GET", "POST")
    if request.method not in allowed:
        raise FhirError(
            Failure.METHOD_NOT_ALLOWED,
            f"${definition['code']} does not take {request.method}.",
            headers={"Allow": ", ".join(allowed)},
        )


def _check_instance(request: FhirRequest, call: Call) -> None:
    if len(request.path) < 3:
        return
    resource_type, logical_id = request.path[:2]
    stored = call.current(resource_type, logical_id)
    if stored is None:
        raise not_found(resource_type, logical_id)
    if stored.is_deleted:
        raise deleted(stored)


def _body(request: FhirRequest) -> Json | None:
    body = request.body
    if body is None:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("resourceType"), str):
        raise FhirError(Failure.MALFORMED, "The body must be a Parameters resource.")
    if body["resourceType"] == "Parameters":
        issues = [each for each in validate_resource(body) if each.severity in {"error", "fatal"}]
        if issues:
            raise FhirError(Failure.INVALID, issues=issues)
    return body
