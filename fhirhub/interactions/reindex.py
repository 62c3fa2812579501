"""$reindex: have index entries made anew, and see how far that is.

https://hl7.org/fhir/R4/operations.html, docs/how-it-works/search-parameters.md
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.interactions.body import check_type
from fhirhub.interactions.call import Call
from fhirhub.interactions.response import deleted, not_found
from fhirhub.interactions.search_parameter import RESOURCE_TYPE
from fhirhub.model.json import Json, encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.added import definition_of
from fhirhub.search.parameters import Place, types_of
from fhirhub.store.failures import reading
from fhirhub.store.parameter_failures import failures
from fhirhub.store.reindex_queue import Run, TypeProgress
from fhirhub.store.search_parameters import Added

NAME: Final = "$reindex"
_TEXTS: Final = ("valueString", "valueCode", "valueUri", "valueCanonical", "valueUrl")


def reindex(request: FhirRequest, call: Call) -> FhirResponse:
    """Answer 202 with the state of things after asking for a reindex: of all, of types, of what parameters are for."""
    _refuse_in_transaction(call)
    wanted: set[str] = set()
    for name, value in _given(request):
        if name == "type":
            check_type(value)
            wanted.add(value)
        else:
            wanted |= _types_of_parameter(value, call)
    return _asked(call, wanted)


def reindex_parameter(request: FhirRequest, call: Call) -> FhirResponse:
    """The same for the types that one SearchParameter is for."""
    resource_type, logical_id, _ = request.path
    if resource_type != RESOURCE_TYPE:
        issue = Issue("error", "not-supported", f"This server has no operation {NAME} on a {resource_type}.")
        raise FhirError(Failure.NOT_FOUND, issues=[issue])
    _refuse_in_transaction(call)
    if given := list(_given(request)):
        raise FhirError(Failure.NOT_SUPPORTED, f"{NAME} of one SearchParameter takes no parameter {given[0][0]!r}.")
    stored = call.current(resource_type, logical_id)
    if stored is None:
        raise not_found(resource_type, logical_id)
    if stored.is_deleted:
        raise deleted(stored)
    resource = stored.resource()
    if definition_of(resource) is None:
        raise FhirError(
            Failure.UNPROCESSABLE,
            f"SearchParameter/{logical_id} adds nothing to search by: it is {resource['status']}, or repeats R4.",
            expression=[f"{RESOURCE_TYPE}.status"],
        )
    return _asked(call, set(types_of(resource["base"])))


def reindex_status(request: FhirRequest, call: Call) -> FhirResponse:
    """Answer with all runs that are open or were lately, and what stands behind the added search parameters."""
    return FhirResponse(200, encode(_status(call)))


def _refuse_in_transaction(call: Call) -> None:
    if call.unit is not None:
        raise FhirError(Failure.NOT_SUPPORTED, f"{NAME} takes long and cannot be part of a transaction.")


def _asked(call: Call, wanted: set[str]) -> FhirResponse:
    with reading():
        call.reindex.request(wanted)
    where = f"{call.base_url}/{NAME}"
    return FhirResponse(202, encode(_status(call)), headers={"Content-Location": where})


def _given(request: FhirRequest) -> Iterator[tuple[str, str]]:
    """Yield names and values of the Parameters in the body, or the URL. Raises FhirError."""
    for name, value in request.query:
        yield _known(name, f"http.{name}"), value
    body = request.body
    if body is None:
        return
    if not isinstance(body, dict) or body.get("resourceType") != "Parameters":
        raise FhirError(Failure.MALFORMED, f"The body of {NAME} must be a Parameters resource, or absent.")
    rows = body.get("parameter", [])
    if not isinstance(rows, list):
        raise FhirError(Failure.MALFORMED, "parameter must be an array.", expression=["Parameters.parameter"])
    for index, row in enumerate(rows):
        place = f"Parameters.parameter[{index}]"
        if not isinstance(row, dict):
            raise FhirError(Failure.MALFORMED, "A parameter must be an object.", expression=[place])
        name = _known(row.get("name"), f"{place}.name")
        values = [row[key] for key in _TEXTS if key in row]
        if len(values) != 1 or not isinstance(values[0], str):
            raise FhirError(Failure.INVALID, f"{name} needs one value: a text.", expression=[place])
        yield name, values[0]


def _known(name: Any, place: str) -> str:
    if name not in ("type", "parameter"):
        raise FhirError(
            Failure.NOT_SUPPORTED,
            f"{NAME} does not know the parameter {name!r}. It knows type and parameter.",
            expression=[place],
        )
    return str(name)


def _types_of_parameter(named: str, call: Call) -> frozenset[str]:
    """The types that an added parameter is for, named by its URL, its id or `SearchParameter/id`."""
    for each in call.added.added():
        if named in (each.parameter.url, each.logical_id, f"{RESOURCE_TYPE}/{each.logical_id}"):
            return frozenset(types_of(each.parameter.base))
    if (own := call.site.parameters.by_url(named)) is not None:
        return frozenset(types_of(own.base))
    raise FhirError(Failure.BAD_VALUE, f"There is no active search parameter {named!r}.")


def _status(call: Call) -> Json:
    with reading():
        call.added.refresh()
        runs = call.reindex.runs()
        failed = failures()
    open_runs = [run for run in runs if run.state != "done"]
    state = open_runs[-1].state if open_runs else "idle"
    parameters = [{"name": "state", "valueCode": state}]
    parameters += map(_run, runs)
    parameters += (_parameter(each, failed) for each in call.added.added())
    return {"resourceType": "Parameters", "parameter": parameters}


def _run(run: Run) -> Json:
    times = (("requested", run.requested), ("started", run.started), ("ended", run.ended))
    return {
        "name": "run",
        "part": [
            {"name": "number", "valueInteger": run.number},
            {"name": "state", "valueCode": run.state},
            {"name": "percent", "valueInteger": run.percent},
            *({"name": name, "valueInstant": _instant(at)} for name, at in times if at is not None),
            *({"name": "wanted", "valueCode": name} for name in sorted(run.wanted)),
            {"name": "done", "valueInteger": run.done},
            {"name": "total", "valueInteger": run.total},
            {"name": "failed", "valueInteger": run.failed},
            *map(_type, run.progress),
        ],
    }


def _type(progress: TypeProgress) -> Json:
    return {
        "name": "type",
        "part": [
            {"name": "name", "valueCode": progress.resource_type},
            {"name": "done", "valueInteger": progress.done},
            {"name": "total", "valueInteger": max(progress.total, progress.done)},
            {"name": "failed", "valueInteger": progress.failed},
            {"name": "complete", "valueBoolean": progress.is_complete},
        ],
    }


def _parameter(each: Added, failed: Mapping[Place, tuple[int, str]]) -> Json:
    parameter = each.parameter
    state = "unsound" if each.fault is not None else "searchable" if each.is_built else "building"
    places = [(name, parameter.code) for name in types_of(parameter.base)]
    broken = [(name, *failed[name, code]) for name, code in places if (name, code) in failed]
    return {
        "name": "parameter",
        "part": [
            {"name": "resource", "valueUri": f"{RESOURCE_TYPE}/{each.logical_id}"},
            {"name": "url", "valueUri": parameter.url},
            {"name": "code", "valueCode": parameter.code},
            {"name": "state", "valueCode": state},
            *([{"name": "reason", "valueString": each.fault}] if each.fault is not None else ()),
            *(
                {
                    "name": "failures",
                    "part": [
                        {"name": "type", "valueCode": name},
                        {"name": "count", "valueInteger": count},
                        {"name": "raised", "valueString": raised},
                    ],
                }
                for name, count, raised in broken
            ),
        ],
    }


def _instant(at: datetime) -> str:
    text = at.isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
