"""OpenAPI 3.1 of the API, from the same tables as the CapabilityStatement.

https://spec.openapis.org/oas/v3.1.0, https://hl7.org/fhir/R4/http.html
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fhirhub import __version__
from fhirhub.definitions import r4
from fhirhub.interactions.capabilities import PATCH_FORMATS, search_parameters
from fhirhub.interactions.compartment import EVERYTHING
from fhirhub.interactions.explain import EXPLAIN
from fhirhub.interactions.openapi_operations import invocations
from fhirhub.interactions.route import ID, MEMBER, TYPE, VERSION, Route
from fhirhub.interactions.search_contained import CONTAINED, CONTAINED_TYPE
from fhirhub.interactions.search_system import TYPES
from fhirhub.model.json import Json
from fhirhub.operations.registry import Registry
from fhirhub.search.includes import NAMES as INCLUDES
from fhirhub.search.result_parameters import NAMES as RESULT_PARAMETERS
from fhirhub.search.result_parameters import PRESENTATION
from fhirhub.search.site import Site

_FHIR_TYPES: Final = ("application/fhir+json", "application/fhir+xml")
_FORM: Final = "application/x-www-form-urlencoded"
_NAMES: Final = {TYPE: "type", ID: "id", MEMBER: "member", VERSION: "vid"}
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


def openapi(routes: Sequence[Route], site: Site, operations: Registry) -> Json:
    """Return the OpenAPI description of a server that has these routes and operations.

    A route without an id is written once for each resource type, one with an id once for all: so no path is both a
    concrete one and an instance of a template, of which OpenAPI would see the concrete one only.
    """
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        by_type = route.path[:1] == (TYPE,) and ID not in route.path
        for name in r4().resource_types if by_type else (None,):
            steps = route.path if name is None else (name, *route.path[1:])
            paths[_path(steps)][route.method.lower()] = _operation(route, steps, name, site)
    for path, methods in invocations(operations):
        paths[path] |= methods
    return {
        "openapi": "3.1.0",
        "info": {"title": "fhirhub", "summary": "FHIR R4 (4.0.1) RESTful API", "version": __version__},
        "servers": [{"url": site.base_url}],
        "paths": dict(paths),
        "components": {
            "parameters": {
                **{_NAMES[step]: _path_parameter(step) for step in _NAMES},
                "compartment": _path_parameter(TYPE) | {"schema": {"enum": list(r4().compartments)}},
                **{_component(name): _query_parameter(name) for name in _query_names(routes)},
                "criteria": {
                    "name": "criteria",
                    "in": "query",
                    "description": "Search parameters of the type that say which resource is meant",
                    "required": True,
                    "explode": True,
                    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
            "responses": {
                "Done": {"description": "Done", "content": _content("Resource")},
                "Refused": {"description": "Not done, and why", "content": _content("OperationOutcome")},
            },
            "schemas": {
                "Resource": {
                    "type": "object",
                    "required": ["resourceType"],
                    "properties": {"resourceType": {"enum": list(r4().resource_types)}},
                    "externalDocs": {"url": "https://hl7.org/fhir/R4/fhir.schema.json.zip"},
                },
                "OperationOutcome": {
                    "type": "object",
                    "required": ["resourceType", "issue"],
                    "properties": {"resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array"}},
                },
            },
        },
    }


def _path(steps: Sequence[str]) -> str:
    return "/" + "/".join(f"{{{_NAMES[step]}}}" if step in _NAMES else step for step in steps)


def _operation(route: Route, steps: Sequence[str], resource_type: str | None, site: Site) -> Json:
    criteria = ("criteria",) * _is_conditional(route)
    places = ["compartment" if step == TYPE and MEMBER in steps else _NAMES[step] for step in steps if step in _NAMES]
    names = (*places, *criteria, *map(_component, _known(route)))
    operation: Json = {
        "operationId": "-".join((_called(route), *filter(None, [resource_type]), route.method.lower(), *criteria)),
        "tags": [route.interaction],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in names],
        "responses": {
            "2XX": {"$ref": "#/components/responses/Done"},
            "default": {"$ref": "#/components/responses/Refused"},
        },
    }
    if route.path[-1:] == ("_search",):
        form = {"type": "object", "additionalProperties": {"type": "string"}}
        operation["requestBody"] = {"content": {_FORM: {"schema": form}}}
    elif route.interaction == "search-type" and resource_type is not None:
        operation["parameters"] += _search(resource_type, site)
    elif route.method in _WITH_BODY:
        types = PATCH_FORMATS if route.method == "PATCH" else _FHIR_TYPES
        content: Json = {kind: {"schema": {}} for kind in types}
        operation["requestBody"] = {"required": route.interaction != "operation", "content": content}
    return operation


def _called(route: Route) -> str:
    if not route.path[-1:] or not route.path[-1].startswith("$"):
        return route.interaction
    return route.path[-1][1:] + "-instance" * (ID in route.path)


def _is_conditional(route: Route) -> bool:
    return route.method in {"PUT", "PATCH", "DELETE"} and route.path == (TYPE,)


def _known(route: Route) -> tuple[str, ...]:
    """The names of the URL parameters of a route that are no search parameters."""
    if not route.interaction.startswith("search-"):
        return (*sorted(route.parameters or ()), *PRESENTATION)
    # Which types a search is of says its path, unless that leaves it open; only of one type contained ones are found.
    open_ended = route.interaction == "search-system" or MEMBER in route.path
    own = (TYPES,) if open_ended else (CONTAINED, CONTAINED_TYPE)
    return (*RESULT_PARAMETERS, *INCLUDES, *own, EXPLAIN, *PRESENTATION)


def _component(name: str) -> str:
    """The name of a URL parameter among the components, where those of the path have names, too."""
    return f"query.{name}" if name in _NAMES.values() else name


def _query_names(routes: Sequence[Route]) -> list[str]:
    return sorted({name for route in routes for name in _known(route)})


def _path_parameter(step: str) -> Json:
    schema: Json = {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"}
    if step == TYPE:
        schema = {"enum": list(r4().resource_types)}
    elif step == MEMBER:
        schema = {"enum": [*r4().resource_types, EVERYTHING]}
    return {"name": _NAMES[step], "in": "path", "required": True, "schema": schema}


def _query_parameter(name: str) -> Json:
    return {"name": name, "in": "query", "schema": {"type": "string"}}


def _search(resource_type: str, site: Site) -> Iterator[Json]:
    for parameter in search_parameters(resource_type, site):
        yield {
            "name": parameter["name"],
            "in": "query",
            "description": f"{parameter['type']}, {parameter['definition']}",
            "schema": {"type": "array", "items": {"type": "string"}},
        }


def _content(schema: str) -> Json:
    return {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"}} for kind in _FHIR_TYPES}
