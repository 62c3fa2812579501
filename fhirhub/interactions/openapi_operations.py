"""Operations in the OpenAPI description: a path for each place where one can be invoked.

https://spec.openapis.org/oas/v3.1.0, https://hl7.org/fhir/R4/operations.html
"""

from collections.abc import Iterator
from typing import Any, Final

from fhirhub.definitions import r4
from fhirhub.model.json import Json
from fhirhub.operations.parameters import is_primitive
from fhirhub.operations.registry import Level, Registered, Registry, places

_BODIES: Final = ("application/fhir+json", "application/fhir+xml")
_NUMBERS: Final = frozenset({"integer", "positiveInt", "unsignedInt"})


def invocations(operations: Registry) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield paths with their methods. One of all types is told once with an id, and once for each type without."""
    for each in operations:
        if each.operation is None:
            continue
        for level, resource_type in places(each.definition):
            names = r4().resource_types if level == "type" and resource_type is None else (resource_type,)
            for name in names:
                yield _path(each, level, name), dict(_methods(each, level, name))
                if level == "instance" and each.operation.of_versions:
                    versioned = f"{_place(level, name)}/_history/{{vid}}/${each.code}"
                    yield versioned, dict(_methods(each, level, name, "id", "vid"))


def _place(level: Level, resource_type: str | None) -> str:
    return "".join(f"/{step}" for step in _steps(level, resource_type))


def _steps(level: Level, resource_type: str | None) -> Iterator[str]:
    if level != "system":
        yield resource_type or "{type}"
    if level == "instance":
        yield "{id}"


def _path(each: Registered, level: Level, resource_type: str | None) -> str:
    return f"{_place(level, resource_type)}/${each.code}"


def _methods(each: Registered, level: Level, resource_type: str | None, *inside: str) -> Iterator[tuple[str, Json]]:
    in_path = [step[1:-1] for step in _steps(level, resource_type) if step.startswith("{")]
    in_path += [name for name in inside if name not in in_path]
    called = [each.definition["id"], level, *([resource_type] if resource_type else []), *inside]
    for method in each.methods:
        operation: Json = {
            "operationId": "-".join((*called, method.lower())),
            "tags": ["operation"],
            "summary": str(each.definition.get("name") or each.code),
            "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in in_path],
            "responses": {
                "2XX": {"$ref": "#/components/responses/Done"},
                "default": {"$ref": "#/components/responses/Refused"},
            },
        }
        operation["parameters"] += _parameters(each, required=method == "GET")
        if method == "POST":
            operation["requestBody"] = {"required": False, "content": {kind: {"schema": {}} for kind in _BODIES}}
        yield method.lower(), operation


def _parameters(each: Registered, *, required: bool) -> Iterator[Json]:
    """Yield what can stand in the URL; what a POST needs may stand in its body, too."""
    for row in each.definition.get("parameter", ()):
        if row["use"] == "in" and is_primitive(row):
            yield {
                "name": row["name"],
                "in": "query",
                "description": row.get("documentation", row["type"]),
                "required": required and row["min"] > 0,
                "schema": _schema(row),
            }
    yield {"$ref": "#/components/parameters/_format"}
    yield {"$ref": "#/components/parameters/_pretty"}


def _schema(row: Json) -> Json:
    kind = "integer" if row["type"] in _NUMBERS else {"boolean": "boolean", "decimal": "number"}.get(row["type"])
    one: Json = {"type": kind or "string"}
    return one if row["max"] in ("0", "1") else {"type": "array", "items": one}
