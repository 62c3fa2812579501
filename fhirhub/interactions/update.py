"""update: a new version of a resource, or its first one under the client's id.

https://hl7.org/fhir/R4/http.html#update
"""

from fhirhub.errors import Failure, FhirError
from fhirhub.interactions.body import drafted, resource_of
from fhirhub.interactions.call import Call
from fhirhub.interactions.response import check_if_match, versions_of, written
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.store.stored import Draft, Stored
from fhirhub.store.unit_of_work import Unit


def update(request: FhirRequest, call: Call) -> FhirResponse:
    """Store the body as the next version: 200, or 201 when it came into being. The same content makes no version."""
    resource_type, logical_id = request.path
    resource = resource_of(request, resource_type)
    if resource.get("id") != logical_id:
        said = f"the id {resource['id']!r}" if "id" in resource else "no id"
        raise FhirError(
            Failure.INVALID,
            f"The body has {said}, the URL says {logical_id!r}; they must be the same.",
            expression=[f"{resource_type}.id"],
        )
    draft = drafted(resource, request, call)

    def act(unit: Unit) -> tuple[Stored, int]:
        previous = unit.current(resource_type, logical_id)
        _check_preconditions(request, previous, call)
        return put(unit, draft, logical_id, previous, request)

    stored, status = call.change(act, types=[resource_type], reads=[(resource_type, logical_id)])
    return written(stored, request, call, status=status)


def put(unit: Unit, draft: Draft, logical_id: str, previous: Stored | None, request: FhirRequest) -> tuple[Stored, int]:
    """Stage the next version unless it would change nothing; return the current version and the HTTP status."""
    if previous is not None and draft.says_the_same_as(previous):
        return previous, 200
    is_new = previous is None or previous.is_deleted
    return unit.put(draft, logical_id, "PATCH" if request.method == "PATCH" else "PUT"), 201 if is_new else 200


def _check_preconditions(request: FhirRequest, previous: Stored | None, call: Call) -> None:
    check_if_match(request, previous)
    if request.if_none_match is not None and previous is not None and not previous.is_deleted:
        unwanted = versions_of(request.if_none_match)
        if "*" in unwanted or previous.version_id in unwanted:
            raise FhirError(Failure.PRECONDITION_FAILED, "If-None-Match asks that no such version exist, but it does.")
    if previous is None and not call.rules.update_create:
        raise FhirError(
            Failure.METHOD_NOT_ALLOWED,
            "This server does not let clients choose ids: create the resource with POST.",
            headers={"Allow": "GET, HEAD"},
        )
