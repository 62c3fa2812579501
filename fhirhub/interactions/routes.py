"""The route table: which interaction answers which method and path. HTTP, bundle entries and plugins all use it.

https://hl7.org/fhir/R4/http.html#summary
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from fhirhub.hooks.report import report
from fhirhub.interactions import history as history_interaction
from fhirhub.interactions.batch import system
from fhirhub.interactions.call import Call
from fhirhub.interactions.capabilities import capabilities
from fhirhub.interactions.checkpoints import described
from fhirhub.interactions.compartment import search_compartment
from fhirhub.interactions.conditional import conditional
from fhirhub.interactions.create import create
from fhirhub.interactions.delete import delete
from fhirhub.interactions.explain import explainable
from fhirhub.interactions.history import history
from fhirhub.interactions.hook_counts import counted, hand_on
from fhirhub.interactions.operation import operation
from fhirhub.interactions.patch import patch
from fhirhub.interactions.read import read
from fhirhub.interactions.reindex import reindex, reindex_parameter, reindex_status
from fhirhub.interactions.route import ID, MEMBER, TYPE, VERSION, Route
from fhirhub.interactions.search import search
from fhirhub.interactions.search_system import search_system
from fhirhub.interactions.update import update
from fhirhub.interactions.vread import vread
from fhirhub.model.json import decode_trusted, encode
from fhirhub.model.request import FhirRequest, FhirResponse

_SUBSET: Final = frozenset({"_summary", "_elements"})


def _capabilities(request: FhirRequest, call: Call) -> FhirResponse:
    response = capabilities(request, call, ROUTES)
    if response.body is None or not call.hooks.implementers("fhirhub_describe"):
        return response
    return replace(response, body=encode(described(decode_trusted(response.body), call)))


def _plugins(request: FhirRequest, call: Call) -> FhirResponse:
    hand_on(call.hooks)
    return FhirResponse(200, encode(report(call.hooks, counted())))


ROUTES: Final = (
    Route("capabilities", "GET", ("metadata",), _capabilities, frozenset({"mode"})),
    Route("transaction", "POST", (), system),
    Route("history-system", "GET", ("_history",), history, history_interaction.PARAMETERS),
    Route("search-system", "GET", (), explainable(search_system), None),
    Route("search-system", "POST", ("_search",), explainable(search_system), None),
    Route("operation", "GET", ("$plugins",), _plugins),
    Route("operation", "GET", ("$reindex",), reindex_status),
    Route("operation", "POST", ("$reindex",), reindex, frozenset({"type", "parameter"})),
    Route("search-type", "GET", (TYPE,), explainable(search), None),
    Route("search-type", "POST", (TYPE, "_search"), explainable(search), None),
    Route("create", "POST", (TYPE,), create),
    Route("update", "PUT", (TYPE,), conditional, None),
    Route("patch", "PATCH", (TYPE,), conditional, None),
    Route("delete", "DELETE", (TYPE,), conditional, None),
    Route("history-type", "GET", (TYPE, "_history"), history, history_interaction.PARAMETERS),
    Route("read", "GET", (TYPE, ID), read, _SUBSET),
    Route("update", "PUT", (TYPE, ID), update),
    Route("patch", "PATCH", (TYPE, ID), patch),
    Route("delete", "DELETE", (TYPE, ID), delete),
    Route("history-instance", "GET", (TYPE, ID, "_history"), history, history_interaction.PARAMETERS),
    Route("search-type", "GET", (TYPE, ID, MEMBER), explainable(search_compartment), None),
    Route("search-type", "POST", (TYPE, ID, MEMBER, "_search"), explainable(search_compartment), None),
    Route("operation", "POST", (TYPE, ID, "$reindex"), reindex_parameter),
    Route("vread", "GET", (TYPE, ID, "_history", VERSION), vread, _SUBSET),
)
"""Everything the server answers below its base URL but the operations of plugins."""

OPERATIONS: Final[Mapping[int, Route]] = MappingProxyType(
    {
        len(path): Route("operation", "POST", path, operation, None)
        for path in (
            ("$operation",),
            (TYPE, "$operation"),
            (TYPE, ID, "$operation"),
            (TYPE, ID, "_history", VERSION, "$operation"),
        )
    }
)
"""By the length of the path; which operations and methods there are is told by their definitions."""
