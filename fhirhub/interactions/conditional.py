"""Conditional create, update, patch and delete: the target is found by a search, in the transaction that changes it.

https://hl7.org/fhir/R4/http.html#ccreate, #cond-update, #cond-patch, #2.21.0.12.1
"""

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from fhirhub.errors import Failure, FhirError, Issue, operation_outcome
from fhirhub.interactions.body import check_id, resource_of
from fhirhub.interactions.call import Call
from fhirhub.interactions.history import page_size
from fhirhub.interactions.response import check_if_match, written
from fhirhub.model.json import encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.criteria import canonical_criteria, parse_criteria
from fhirhub.store.stored import Stored
from fhirhub.store.unit_of_work import Unit

MANY: Final = "_count"
"""The parameter by which a client asks to delete or patch up to that many matches instead of exactly one."""

_COUNTED: Final = frozenset({"PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a conditional interaction comes down to: plain requests, or an answer that needs no change.

    Arguments:
        requests: the interactions on the resources that were found, or the create of a new one.
        settled: the answer when there is nothing to do.
        new_id: the id a create among `requests` is to use.
    """

    requests: tuple[FhirRequest, ...] = ()
    settled: FhirResponse | None = None
    new_id: str | None = None


def is_conditional(request: FhirRequest) -> bool:
    """Whether the target of a write is to be found by a search."""
    if request.method == "POST":
        return request.if_none_exist is not None and len(request.path) == 1
    return request.method in {"PUT", "PATCH", "DELETE"} and len(request.path) == 1


def conditional(request: FhirRequest, call: Call) -> FhirResponse:
    """Find the target and run the plain interaction on it, all in one transaction."""

    def act(unit: Unit) -> FhirResponse:
        resolution = resolve(request, call.within(unit), unit)
        if resolution.settled is not None:
            return resolution.settled
        inner = call.within(unit)
        if resolution.new_id is not None:
            new_id = resolution.new_id
            inner = replace(inner, new_id=lambda: new_id)
        return together([call.dispatch(plain, inner) for plain in resolution.requests])

    return call.change(act, types=[request.path[0]])


def together(responses: list[FhirResponse]) -> FhirResponse:
    """Return the one answer of a conditional interaction."""
    if len(responses) == 1:
        return responses[0]
    issue = Issue("information", "informational", f"{len(responses)} resources were changed.")
    return FhirResponse(200, encode(operation_outcome([issue])))


def resolve(request: FhirRequest, call: Call, unit: Unit) -> Resolution:
    """Return what the request comes down to, as the transaction sees the data.

    Raises:
        FhirError: 412 for several matches, 404 for none where one is needed, 400 for criteria that are no search.
    """
    resource_type = request.path[0]
    match request.method:
        case "POST":
            return _create(request, call, unit, resource_type)
        case "PUT":
            return _update(request, call, unit, resource_type)
        case "PATCH":
            return _patch(request, call, unit, resource_type)
        case _:
            return _delete(request, call, unit, resource_type)


def _create(request: FhirRequest, call: Call, unit: Unit, resource_type: str) -> Resolution:
    found = _matches(call, unit, resource_type, criteria_of(request), at_most=1)
    plain = replace(request, if_none_exist=None)
    if not found:
        return Resolution((plain,), new_id=call.new_id())
    # A match needs no body, so only its type is checked; in a transaction its links are not in place yet.
    resource_of(request, resource_type)
    return Resolution(settled=written(found[0], request, call, status=200))


def _update(request: FhirRequest, call: Call, unit: Unit, resource_type: str) -> Resolution:
    found = _matches(call, unit, resource_type, criteria_of(request), at_most=1)
    resource = resource_of(request, resource_type)
    plain = replace(request, query=())
    if "id" not in resource:
        if not found:
            check_if_match(request, None)
            return Resolution((replace(plain, method="POST"),), new_id=call.new_id())
        logical_id = found[0].logical_id
        body = {"resourceType": resource_type, "id": logical_id, **resource}
        return Resolution((replace(plain, path=(resource_type, logical_id), body=body),))
    stated = str(resource["id"])
    check_id(stated)
    if found and stated != found[0].logical_id:
        raise FhirError(
            Failure.INVALID,
            f"The criteria match {resource_type}/{found[0].logical_id}, but the body has the id {stated!r}.",
            expression=[f"{resource_type}.id"],
        )
    known = unit.current(resource_type, stated)
    if not found and known is not None and not known.is_deleted:
        raise FhirError(
            Failure.CONFLICT,
            f"{resource_type}/{stated} exists, but does not match the criteria.",
            expression=[f"{resource_type}.id"],
        )
    return Resolution((replace(plain, path=(resource_type, stated)),))


def _patch(request: FhirRequest, call: Call, unit: Unit, resource_type: str) -> Resolution:
    found = _targets(request, call, unit, resource_type)
    if not found:
        raise FhirError(Failure.NOT_FOUND, f"No {resource_type} matches the criteria; there is nothing to patch.")
    return Resolution(tuple(replace(request, path=(resource_type, s.logical_id), query=()) for s in found))


def _delete(request: FhirRequest, call: Call, unit: Unit, resource_type: str) -> Resolution:
    found = _targets(request, call, unit, resource_type)
    if not found:
        return Resolution(settled=FhirResponse(204))
    return Resolution(tuple(replace(request, path=(resource_type, s.logical_id), query=()) for s in found))


def _targets(request: FhirRequest, call: Call, unit: Unit, resource_type: str) -> list[Stored]:
    asked = request.parameter(MANY)
    at_most = 1 if asked is None else page_size(asked, call)
    return _matches(call, unit, resource_type, criteria_of(request), at_most=at_most)


def criteria_of(request: FhirRequest) -> str:
    """Return the criteria of a conditional interaction, percent-encoded."""
    if request.method == "POST":
        return request.if_none_exist or ""
    counted = request.method in _COUNTED
    return urlencode([pair for pair in request.query if not (counted and pair[0] == MANY)])


def _matches(call: Call, unit: Unit, resource_type: str, criteria: str, *, at_most: int) -> list[Stored]:
    parsed = parse_criteria(resource_type, criteria, call.site)
    unit.lock(canonical_criteria(resource_type, criteria))
    found = unit.find(resource_type, parsed, limit=at_most + 1)
    if len(found) > at_most:
        raise FhirError(
            Failure.MULTIPLE_MATCHES,
            f"The criteria match more than {at_most} {resource_type}{'' if at_most == 1 else 's'}: {criteria}.",
        )
    return found
