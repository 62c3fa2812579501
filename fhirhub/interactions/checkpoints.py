"""Where plugins take part in a request: what they may refuse, change and hear of, on every path that leads here.

docs/how-it-works/plugins.md; the hooks: `fhirhub.plugin.hookspecs`. Without a plugin that implements a hook, none of
this costs more than looking that up.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.hooks.plugins import Plugin
from fhirhub.interactions.call import Call
from fhirhub.interactions.plugin_hub import reader
from fhirhub.model.json import Json, decode_trusted, encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.plugin import Answered, Interaction

_WRITES: Final[Mapping[str, str]] = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_IDENTITY: Final = ("resourceType", "id")
_OF_ONE: Final = frozenset({"read", "vread", "create", "update", "patch"})
_OF_MANY: Final = ("search-", "history-")
_REFUSING: Final = frozenset({"fatal", "error"})


def interaction_of(request: FhirRequest, code: str) -> Interaction:
    """Return what plugins are told of a request.

    Arguments:
        code: the interaction, as the route table names it.
    """
    path = request.path
    return Interaction(
        code=code,
        method=request.method,
        resource_type=path[0] if path and path[0][:1].isupper() else None,
        logical_id=path[1] if len(path) > 1 and path[1][:1] not in "_$" else None,
        version_id=path[3] if len(path) > 3 and path[2] == "_history" else None,
        operation=next((step for step in path if step.startswith("$")), None),
        query=request.query,
        agent=request.agent,
        request_id=request.request_id,
        within=request.within,
    )


def guarded(request: FhirRequest, call: Call, code: str, handler: Callable[[], FhirResponse]) -> FhirResponse:
    """Run an interaction between its checkpoints: authorize before it, present and after_interaction behind it.

    Raises FhirError: 403 with what plugins have against it; whatever the interaction raises.
    """
    hooks = call.hooks
    listens = hooks.implementers("fhirhub_after_interaction")
    if not (listens or hooks.implementers("fhirhub_authorize") or hooks.implementers("fhirhub_present")):
        return handler()
    interaction = interaction_of(request, code)
    began = time.perf_counter()
    try:
        _authorize(interaction, call)
        response = _presented(handler(), interaction, call)
    except FhirError as error:
        if listens:
            _tell(interaction, call, error.status, began)
        raise
    if listens:
        _tell(interaction, call, response.status, began, response)
    return response


def prepared(resource: Json, request: FhirRequest, call: Call) -> Json:
    """Return a resource that is to be written as plugins want it, the same object where none changes it.

    Raises FhirError: a plugin refuses it, or failed.
    """
    if not call.hooks.implementers("fhirhub_prepare"):
        return resource
    interaction = interaction_of(request, _WRITES[request.method])
    shaped: Json = call.hooks.call(
        "fhirhub_prepare", bind=_with_reader(call, interaction), resource=resource, interaction=interaction
    )
    if shaped is resource:
        return resource
    kept: Json = {name: resource[name] for name in _IDENTITY if name in resource}
    return kept | {name: value for name, value in shaped.items() if name not in _IDENTITY}


def findings(resource: Json, request: FhirRequest, call: Call) -> list[Issue]:
    """Return what plugins say of a valid resource that is to be written. Raises FhirError: one of them failed."""
    if not call.hooks.implementers("fhirhub_validate"):
        return []
    interaction = interaction_of(request, _WRITES[request.method])
    found: list[Issue] = call.hooks.call(
        "fhirhub_validate", bind=_with_reader(call, interaction), resource=resource, interaction=interaction
    )
    return found


def described(statement: Json, call: Call) -> Json:
    """Return the CapabilityStatement as plugins want it."""
    if not call.hooks.implementers("fhirhub_describe"):
        return statement
    shaped: Json = call.hooks.call("fhirhub_describe", statement=statement)
    return shaped


def _authorize(interaction: Interaction, call: Call) -> None:
    if not call.hooks.implementers("fhirhub_authorize"):
        return
    found = call.hooks.call("fhirhub_authorize", bind=_with_reader(call, interaction), interaction=interaction)
    refusing = [issue for issue in found if issue.severity in _REFUSING]
    if refusing:
        raise FhirError(Failure.FORBIDDEN, issues=refusing)


def _presented(response: FhirResponse, interaction: Interaction, call: Call) -> FhirResponse:
    """Let plugins change what leaves the server; what stays inside is left as it is stored."""
    if response.body is None or response.status >= 300 or interaction.agent.is_inside:
        return response
    if not call.hooks.implementers("fhirhub_present"):
        return response
    bind = _with_reader(call, interaction)

    def present(resource: Json) -> Json:
        shaped: Json = call.hooks.call("fhirhub_present", bind=bind, resource=resource, interaction=interaction)
        return shaped

    if interaction.code in _OF_ONE:
        body = decode_trusted(response.body)
        # A Prefer header may ask for an outcome in place of the resource.
        if body.get("resourceType") == interaction.resource_type:
            body = present(body)
    elif interaction.code.startswith(_OF_MANY):
        body = decode_trusted(response.body)
        for row in body.get("entry", ()):
            if "resource" in row and row.get("search", {}).get("mode") != "outcome":
                row["resource"] = present(row["resource"])
    else:
        # Entries of a Bundle, and what an operation asks of the hub, have passed here one by one.
        return response
    return replace(response, body=encode(body))


def _tell(
    interaction: Interaction, call: Call, status: int, began: float, response: FhirResponse | None = None
) -> None:
    resource_type, logical_id = interaction.resource_type, interaction.logical_id
    if response is not None and response.location is not None:
        resource_type, logical_id = response.location.removeprefix(f"{call.base_url}/").split("/")[:2]
    answered = Answered(
        interaction,
        status,
        time.perf_counter() - began,
        resource_type,
        logical_id,
        response.version_id if response is not None else None,
    )
    call.hooks.call("fhirhub_after_interaction", answered=answered)


def _with_reader(call: Call, interaction: Interaction) -> Callable[[Plugin], Mapping[str, Any]]:
    return lambda plugin: {"reader": reader(call, plugin, interaction)}
