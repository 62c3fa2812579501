"""capabilities: what this server does, generated from its tables so that it cannot claim more.

https://hl7.org/fhir/R4/http.html#capabilities, https://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fhirhub import __version__
from fhirhub.definitions import r4
from fhirhub.definitions.registry import FHIR_VERSION
from fhirhub.errors import Failure, FhirError
from fhirhub.interactions.call import Call
from fhirhub.interactions.route import TYPE, Route
from fhirhub.model.json import Json, encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.predicates import is_supported

PATCH_FORMATS: Final = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/fhir+json",
    "application/fhir+xml",
)
"""The last two are FHIRPath Patch: a Parameters resource in either syntax."""

_MODES: Final = ("full", "normative", "terminology")
_SYSTEM_LEVEL: Final = {"transaction": ("transaction", "batch"), "history-system": ("history-system",)}
_SEVERAL: Final = "Conditional delete and patch act on several matches, up to N, only where the URL says _count=N."
_DEFINITIONS: Final = "http://hl7.org/fhir/StructureDefinition/"


def capabilities(request: FhirRequest, call: Call, routes: Sequence[Route]) -> FhirResponse:
    """Answer with the CapabilityStatement of a server that has these routes."""
    mode = request.parameter("mode")
    if mode is not None and mode not in _MODES:
        raise FhirError(Failure.BAD_VALUE, f"mode is {mode!r}; it can be {', '.join(_MODES)}.")
    if mode == "terminology":
        raise FhirError(
            Failure.NOT_SUPPORTED, "This server has no terminology service yet: no TerminologyCapabilities."
        )
    return FhirResponse(200, encode(statement(call, routes)))


def statement(call: Call, routes: Sequence[Route]) -> Json:
    """Return the CapabilityStatement as a resource."""
    type_level = list(dict.fromkeys(route.interaction for route in routes if route.path[:1] == (TYPE,)))
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": call.now().date().isoformat(),
        "kind": "instance",
        "software": {"name": "fhirhub", "version": __version__},
        "implementation": {"description": "fhirhub, a FHIR R4 server", "url": call.base_url},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": list(PATCH_FORMATS),
        "rest": [
            {
                "mode": "server",
                "resource": [_resource(name, call, type_level) for name in r4().resource_types],
                "interaction": [
                    {"code": code} for route in routes for code in _SYSTEM_LEVEL.get(route.interaction, ())
                ],
            }
        ],
    }


def _resource(resource_type: str, call: Call, interactions: Sequence[str]) -> Json:
    return {
        "type": resource_type,
        "profile": _DEFINITIONS + resource_type,
        "documentation": _SEVERAL,
        "interaction": [{"code": code} for code in interactions],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": call.rules.update_create,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "multiple",
        "referencePolicy": ["literal", "logical", "local"],
        "searchParam": list(search_parameters(resource_type)),
    }


def search_parameters(resource_type: str) -> Iterator[dict[str, Any]]:
    """Yield `CapabilityStatement.rest.resource.searchParam` of what search can answer for a type."""
    for parameter in r4().search_parameters(resource_type).values():
        if not is_supported(parameter, resource_type):
            continue
        row = {"name": parameter.code, "definition": parameter.url, "type": parameter.type}
        if parameter.description and parameter.base == (resource_type,):
            row["documentation"] = parameter.description
        yield row
