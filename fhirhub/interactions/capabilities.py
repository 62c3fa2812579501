"""capabilities: what this server does, generated from its tables so that it cannot claim more.

https://hl7.org/fhir/R4/http.html#capabilities, https://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fhirhub import __version__
from fhirhub.definitions import r4
from fhirhub.definitions.registry import FHIR_VERSION
from fhirhub.errors import Failure, FhirError
from fhirhub.interactions.call import Call
from fhirhub.interactions.route import TYPE, Route
from fhirhub.interactions.search_system import TYPES
from fhirhub.model.json import Json, encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search import has
from fhirhub.search.parameters import SearchParameters
from fhirhub.search.predicates import is_supported
from fhirhub.search.site import Site
from fhirhub.search.targets import targets
from fhirhub.search.terms import FILTER

PATCH_FORMATS: Final = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/fhir+json",
    "application/fhir+xml",
)
"""The last two are FHIRPath Patch: a Parameters resource in either syntax."""

_MODES: Final = ("full", "normative", "terminology")
_SYSTEM_LEVEL: Final = {
    "transaction": ("transaction", "batch"),
    "history-system": ("history-system",),
    "search-system": ("search-system",),
}
_OPERATION: Final = "operation"
_SEVERAL: Final = "Conditional delete and patch act on several matches, up to N, only where the URL says _count=N."
_DEFINITIONS: Final = "http://hl7.org/fhir/StructureDefinition/"

_OF_WORDS: Final = ("_text", "_content")
_WITHOUT_DEFINITION: Final = (
    {"name": has.PREFIX.rstrip(":"), "type": "string", "documentation": "_has:[type]:[reference]:[parameter]=value"},
    {"name": has.LIST, "type": "string", "documentation": "The id of a List: what it lists"},
    {"name": TYPES, "type": "string", "documentation": "Of a search of the whole system: the types that are meant"},
)
"""Parameters that R4 describes without a SearchParameter of their own."""


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
    # Operations are told with their definitions.
    type_level = list(
        dict.fromkeys(
            route.interaction for route in routes if route.path[:1] == (TYPE,) and route.interaction != _OPERATION
        )
    )
    system_level = dict.fromkeys(code for route in routes for code in _SYSTEM_LEVEL.get(route.interaction, ()))
    referring = _referring(call.site)
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": call.now().date().isoformat(),
        "kind": "instance",
        "software": {"name": "fhirhub", "version": __version__},
        "implementation": {"description": "fhirhub, a FHIR R4 server", "url": call.base_url},
        "fhirVersion": FHIR_VERSION,
        "format": [
            "application/fhir+json",
            "application/fhir+xml",
            "json",
            "xml",
            *(each.media_type for _, each in call.formats),
        ],
        "patchFormat": list(PATCH_FORMATS),
        "rest": [
            {
                "mode": "server",
                "resource": [_resource(name, call, type_level, referring[name]) for name in r4().resource_types],
                "interaction": [{"code": code} for code in system_level],
                "searchParam": list(_for_all(call.site)),
                "operation": _operations(None, call),
                "compartment": [compartment.url for compartment in r4().compartments.values()],
            }
        ],
    }


def _resource(resource_type: str, call: Call, interactions: Sequence[str], referring: Sequence[str]) -> Json:
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
        "searchInclude": ["*", *_included(resource_type, call.site)],
        "searchRevInclude": ["*", *referring],
        "searchParam": list(search_parameters(resource_type, call.site)),
        "operation": _operations(resource_type, call),
    }


def _operations(resource_type: str | None, call: Call) -> list[Json]:
    found = call.operations.of(resource_type)
    return [{"name": each.code, "definition": each.url(call.base_url)} for each in found]


def _included(resource_type: str, site: Site) -> list[str]:
    codes = _references(resource_type, site.parameters)
    return [f"{resource_type}:{code}" for code in ("*", *codes)] if codes else []


def _referring(site: Site) -> Mapping[str, list[str]]:
    """By type, what can refer to it: `[type]:[parameter]`."""
    found: dict[str, list[str]] = defaultdict(list)
    for source in r4().resource_types:
        for code in _references(source, site.parameters):
            for target in targets(site.parameters.of(source)[code], source):
                found[target].append(f"{source}:{code}")
    return found


def _references(resource_type: str, parameters: SearchParameters) -> list[str]:
    return [
        code
        for code, each in parameters.of(resource_type).items()
        if each.type == "reference"
        and is_supported(each, resource_type, parameters)
        and (resource_type, code) not in parameters.building
    ]


def _for_all(site: Site) -> Iterator[dict[str, Any]]:
    """Yield `CapabilityStatement.rest.searchParam`: what resources of every type can be searched by."""
    every: Counter[str] = Counter()
    rows: dict[str, dict[str, Any]] = {}
    for name in r4().resource_types:
        for row in search_parameters(name, site):
            every[row["definition"]] += 1
            rows[row["definition"]] = row
    yield from (rows[url] for url, count in every.items() if count == len(r4().resource_types))
    yield from (dict(row) for row in _WITHOUT_DEFINITION)


def search_parameters(resource_type: str, site: Site) -> Iterator[dict[str, Any]]:
    """Yield `CapabilityStatement.rest.resource.searchParam` of what search can answer for a type."""
    for parameter in site.parameters.of(resource_type).values():
        if (resource_type, parameter.code) in site.parameters.building:
            continue
        if parameter.code in _OF_WORDS and not site.full_text:
            continue
        if parameter.code != FILTER and not is_supported(parameter, resource_type, site.parameters):
            continue
        row = {"name": parameter.code, "definition": parameter.url, "type": parameter.type}
        if parameter.description and parameter.base == (resource_type,):
            row["documentation"] = parameter.description
        yield row
