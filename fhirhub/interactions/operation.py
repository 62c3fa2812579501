"""operation: what plugins answer.

https://hl7.org/fhir/R4/operations.html
"""

import logging
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlencode

from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.interactions.call import Call
from fhirhub.interactions.checkpoints import interaction_of
from fhirhub.interactions.plugin_hub import hub_for
from fhirhub.interactions.read import read as read_current
from fhirhub.interactions.vread import vread
from fhirhub.model.json import Json, encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.operations.parameters import Given, read, takes, written
from fhirhub.operations.registry import Level, Registered
from fhirhub.plugin import Operation, OperationCall
from fhirhub.search.result_parameters import CURSOR
from fhirhub.validation import validate_resource

_log: Final = logging.getLogger(__name__)
_WITHIN_RESOURCE: Final = re.compile(r"Parameters\.parameter\[\d+\](\.part\[\d+\])*\.resource\b")


def operation(request: FhirRequest, call: Call) -> FhirResponse:
    """Run an operation and answer with its resource: 200, or 204 where it returns nothing.

    Raises FhirError: there is none of the name here, it cannot be called like this, its own refusal, it failed.
    """
    found, asked = _found(request, call)
    if request.method.replace("HEAD", "GET") not in found.methods:
        raise _not_allowed(request, found)
    if request.within == "transaction" and not asked.transactional:
        raise FhirError(Failure.NOT_SUPPORTED, f"${found.code} cannot be part of a transaction.")
    _check_instance(request, call)
    cursor = request.parameter(CURSOR) if asked.pages else None
    given = _given(request, asked)
    interaction = interaction_of(request, "operation")
    plugin = next((each for each in call.hooks.plugins if each.name == found.plugin), None)
    answer = _run(
        found,
        asked,
        OperationCall(
            hub=hub_for(call, interaction, plugin),
            interaction=interaction,
            parameters=given.values,
            resource_type=interaction.resource_type,
            logical_id=interaction.logical_id,
            version_id=interaction.version_id,
            query=given.query,
            cursor=cursor,
        ),
    )
    if answer is None:
        return FhirResponse(204)
    return FhirResponse(200, encode(_presented(answer, request)))


def _presented(answer: Json, request: FhirRequest) -> Json:
    """Return a Bundle whose links lead to pages in the form of this one; operations do not know of that."""
    if answer["resourceType"] != "Bundle" or not request.presentation:
        return answer
    added = urlencode(request.presentation)
    links = [
        {**row, "url": f"{row['url']}{'&' if '?' in row['url'] else '?'}{added}"} for row in answer.get("link", ())
    ]
    return {**answer, "link": links} if links else answer


def _run(found: Registered, asked: Operation, call: OperationCall) -> Json | None:
    try:
        return written(found.definition, asked.run(call))
    except FhirError:
        raise
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        # Others are the server's own: a transaction that has to begin anew, a database that is away.
        _log.exception("The plugin %s failed in $%s.", found.plugin, found.code)
        said = f"The plugin {found.plugin!r} failed in its operation ${found.code} ({type(error).__name__})."
        raise FhirError(Failure.INTERNAL, said) from error


def _found(request: FhirRequest, call: Call) -> tuple[Registered, Operation]:
    *place, name = request.path
    level: Level = "system" if not place else "type" if len(place) == 1 else "instance"
    found = call.operations.find(name, level, place[0] if place else None)
    if found is None or (asked := found.operation) is None or (len(place) > 2 and not asked.of_versions):
        issue = Issue("error", "not-supported", f"This server has no operation {name} here.")
        raise FhirError(Failure.NOT_FOUND, issues=[issue])
    return found, asked


def _not_allowed(request: FhirRequest, found: Registered) -> FhirError:
    allowed = [*found.methods, *(["HEAD"] if "GET" in found.methods else [])]
    said = f"${found.code} does not take {request.method}."
    return FhirError(Failure.METHOD_NOT_ALLOWED, said, headers={"Allow": ", ".join(sorted(allowed))})


def _check_instance(request: FhirRequest, call: Call) -> None:
    """Refuse an instance or version that is not there, as a read of it would. Raises FhirError."""
    if len(request.path) > 2:
        place = request.path[:-1]
        (read_current if len(place) == 2 else vread)(FhirRequest("GET", place), call)


def _given(request: FhirRequest, operation: Operation) -> Given:
    body = request.body
    if body is not None and not (isinstance(body, dict) and isinstance(body.get("resourceType"), str)):
        raise FhirError(Failure.MALFORMED, "The body must be a Parameters resource.")

    def validate(resource: Json) -> Iterable[Issue]:
        issues = validate_resource(resource, source=request.source if resource is body else None)
        if not operation.takes_invalid:
            return issues
        return [] if resource["resourceType"] != "Parameters" else [each for each in issues if not _is_within(each)]

    return read(
        operation.definition,
        body,
        tuple(_meant(request, operation)),
        validate,
        search_parameters=operation.search_parameters,
    )


def _meant(request: FhirRequest, operation: Operation) -> Iterator[tuple[str, str]]:
    """Yield the parameters of the URL that are those of the operation; a lenient client may send others."""
    ignores = request.handling == "lenient" and not operation.search_parameters
    for name, value in request.query:
        if operation.pages and name == CURSOR:
            continue
        if not ignores or takes(operation.definition, name):
            yield name, value


def _is_within(issue: Issue) -> bool:
    return any(_WITHIN_RESOURCE.match(path) for path in issue.expression)
