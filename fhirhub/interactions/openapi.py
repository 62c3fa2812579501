"""OpenAPI 3.1 of the API, from the same tables as the CapabilityStatement.

https://spec.openapis.org/oas/v3.1.0, https://hl7.org/fhir/R4/http.html
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fhirhub import __version__
from fhirhub.definitions import r4
from fhirhub.interactions.capabilities import PATCH_FORMATS, search_parameters
from fhirhub.interactions.route import ID, TYPE, VERSION, Route
from fhirhub.model.json import Json

_FHIR_TYPES: Final = ("application/fhir+json", "application/fhir+xml")
_NAMES: Final = {TYPE: "type", ID: "id", VERSION: "vid"}
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_GENERAL: Final = ("_format", "_pretty")


def openapi(routes: Sequence[Route], base_url: str) -> Json:
    """Return the OpenAPI description of a server that has these routes at `base_url`.

    A route for every type is written once per type where its parameters differ by type (search), else once with the
    type as an enumerated path parameter.
    """
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        for path, operation in _operations(route):
            paths[path][route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "fhirhub", "summary": "FHIR R4 (4.0.1) RESTful API", "version": __version__},
        "servers": [{"url": base_url}],
        "paths": dict(paths),
        "components": {
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
            }
        },
    }


def _operations(route: Route) -> Iterator[tuple[str, Json]]:
    if route.interaction == "search-type":
        for name in r4().resource_types:
            steps = (name, *route.path[1:])
            yield _path(steps), _operation(route, f"{route.interaction}-{name}", (), list(_search(name)))
    else:
        yield _path(route.path), _operation(route, route.interaction, route.path, list(_known(route)))


def _path(steps: Sequence[str]) -> str:
    return "/" + "/".join(f"{{{_NAMES[step]}}}" if step in _NAMES else step for step in steps)


def _operation(route: Route, name: str, steps: Sequence[str], query: list[Json]) -> Json:
    operation: Json = {
        "operationId": "-".join((name, route.method.lower(), *("criteria",) * _is_conditional(route))),
        "tags": [route.interaction],
        "parameters": [_path_parameter(step) for step in steps if step in _NAMES] + query,
        "responses": {
            "2XX": {"description": "Done", "content": _content("Resource")},
            "default": {"description": "Not done, and why", "content": _content("OperationOutcome")},
        },
    }
    if route.path[-1:] == ("_search",):
        operation["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}
    elif route.method in _WITH_BODY:
        types = PATCH_FORMATS if route.method == "PATCH" else _FHIR_TYPES
        operation["requestBody"] = {"required": True, "content": {kind: {"schema": {}} for kind in types}}
    return operation


def _is_conditional(route: Route) -> bool:
    return route.method in {"PUT", "PATCH", "DELETE"} and route.path == (TYPE,)


def _path_parameter(step: str) -> Json:
    schema: Json = {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"}
    if step == TYPE:
        schema = {"enum": list(r4().resource_types)}
    return {"name": _NAMES[step], "in": "path", "required": True, "schema": schema}


def _known(route: Route) -> Iterator[Json]:
    for name in (*sorted(route.parameters or ()), *_GENERAL):
        yield {"name": name, "in": "query", "schema": {"type": "string"}}


def _search(resource_type: str) -> Iterator[Json]:
    for parameter in search_parameters(resource_type):
        yield {
            "name": parameter["name"],
            "in": "query",
            "description": f"{parameter['type']}, {parameter['definition']}",
            "schema": {"type": "array", "items": {"type": "string"}},
        }


def _content(schema: str) -> Json:
    return {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"}} for kind in _FHIR_TYPES}
