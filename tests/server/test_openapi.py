"""The OpenAPI description: well-formed, complete, and true.

https://spec.openapis.org/oas/v3.1.0
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fhirhub.interactions.route import ID, MEMBER, TYPE, VERSION
from fhirhub.interactions.routes import ROUTES
from fhirhub.model.json import Json, encode
from fhirhub.plugin.minimal import minimal
from tests.server.running import FHIR_JSON, Server

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
FORM = "application/x-www-form-urlencoded"
TEMPLATE = re.compile(r"\{([^}]*)\}")


@pytest.fixture(scope="module")
def description(server: Server) -> Json:
    """The description, as anybody gets it."""
    answer = server.page("/openapi.json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    found: Json = answer.json()
    return found


def operations(description: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in description["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def resolved(description: Json, value: Json) -> Json:
    """The object a reference points at."""
    while "$ref" in value:
        assert set(value) == {"$ref"}
        target: Any = description
        for step in value["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        value = target
    return value


def every_object(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from every_object(child)


def test_description_is_well_formed(server: Server, description: Json) -> None:
    assert set(description) == {"openapi", "info", "servers", "paths", "components"}
    assert description["openapi"].startswith("3.1.")
    assert description["info"]["title"]
    assert description["info"]["version"]
    assert description["servers"] == [{"url": server.base}]
    for kind, entries in description["components"].items():
        assert kind in {"schemas", "parameters", "responses"}
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in entries)
    for each in every_object(description):
        resolved(description, each)


def test_description_has_well_formed_operations(description: Json) -> None:
    ids = set()
    for path, method, operation in operations(description):
        assert path.startswith("/")
        assert method in METHODS
        assert operation["operationId"] not in ids
        ids.add(operation["operationId"])
        parameters = [resolved(description, each) for each in operation["parameters"]]
        names = [(each["name"], each["in"]) for each in parameters]
        assert len(names) == len(set(names)), path
        assert {name for name, place in names if place == "path"} == set(TEMPLATE.findall(path))
        for each in parameters:
            assert each["in"] in {"path", "query"}
            assert isinstance(each["schema"], dict)
            assert each["in"] != "path" or each["required"] is True
        assert operation["responses"]
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5](\d\d|XX)|default", status)
            assert resolved(description, response)["description"]
        assert ("requestBody" in operation) == (method in {"post", "put", "patch"}), path
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert isinstance(content["schema"], dict)


def test_description_hides_no_operation_behind_a_concrete_path(description: Json) -> None:
    """A concrete path is matched before a template; the template's methods would be lost."""
    concrete = {path for path in description["paths"] if not TEMPLATE.search(path)}
    for path, item in description["paths"].items():
        pattern = re.compile(TEMPLATE.sub("[A-Za-z0-9.-]{1,64}", path))
        for other in concrete - {path}:
            if pattern.fullmatch(other):
                assert set(item) <= set(description["paths"][other]), (path, other)


def test_description_has_every_route(description: Json) -> None:
    template = {TYPE: "Patient", ID: "{id}", MEMBER: "{member}", VERSION: "{vid}"}
    for route in ROUTES:
        concrete = "/" + "/".join(template.get(step, step) for step in route.path)
        general = "/" + "/".join({TYPE: "{type}"}.get(step, template.get(step, step)) for step in route.path)
        item = description["paths"].get(concrete) or description["paths"][general]
        assert item[route.method.lower()]["tags"] == [route.interaction]


def test_description_lists_what_search_knows(description: Json) -> None:
    found = description["paths"]["/Observation"]["get"]["parameters"]
    names = {resolved(description, each)["name"] for each in found}
    assert {"code", "_id", "patient", "_count", "_sort", "_total", "_summary", "_elements", "_format"} <= names
    assert {"_include", "_revinclude", "value-quantity", "code-value-quantity", "_filter", "_text"} <= names
    assert {"_contained", "_containedType", "_explain"} <= names
    assert "_type" not in names
    system = {resolved(description, each)["name"] for each in description["paths"]["/"]["get"]["parameters"]}
    assert {"_type", "_include", "_count"} <= system
    assert "_contained" not in system


def test_description_promises_nothing_the_server_refuses(server: Server, description: Json) -> None:
    """Each path and method is asked for: whatever the answer, the server knows it."""
    known = server.created(minimal("Basic"))["id"]
    of_types = {path.split("/")[1] for path in description["paths"] if "/{id}/$" in path and path[1] != "{"}
    instances = {name: server.created(minimal(name))["id"] for name in of_types}
    added = {
        "status": "active",
        "code": "openapi",
        "base": ["Basic"],
        "type": "uri",
        "expression": "Basic.implicitRules",
    }
    parameter = server.created(minimal("SearchParameter", **added))["id"]

    def ask(row: tuple[str, str, Json]) -> str | None:
        path, method, operation = row
        compartment = "{member}" in path
        concrete = path.format(type="Patient" if compartment else "Basic", id=known, vid="1", member="Observation")
        name = path.split("/")[1].replace("{type}", "Basic")
        content = list(operation.get("requestBody", {}).get("content", ()))
        body: bytes | None = None
        if content == [FORM]:
            body = b"_count=1"
        elif "$" in path and "$reindex" not in path:
            concrete = concrete.replace(f"{name}/{known}", f"{name}/{instances.get(name, known)}")
            body = encode({"resourceType": "Parameters"}) if content else None
        elif content and "$" in path:
            concrete = concrete.replace("/Basic/", "/SearchParameter/").replace(known, parameter)
            body = encode({"resourceType": "Parameters"})
        elif content and path == "/":
            body = encode({"resourceType": "Bundle", "type": "batch"})
        elif content:
            content = [FHIR_JSON] if FHIR_JSON in content else content
            body = encode({"resourceType": "Parameters"} if method == "patch" else minimal(name))
        headers = {"Content-Type": content[0]} if content else {}
        answer = server.ask(method.upper(), concrete.removesuffix("/"), data=body, headers=headers)
        if answer.status_code in (404, 405, 415) or answer.status_code >= 500:
            return f"{method} {concrete}: {answer.status_code} {answer.text}"
        return None

    asked = [row for row in operations(description) if row[1] != "delete"]
    # The deletion of the one resource that is there comes last.
    deletions = [row for row in operations(description) if row[1] == "delete"]
    with ThreadPoolExecutor(8) as threads:
        wrong = [*threads.map(ask, asked), *threads.map(ask, deletions)]
    assert len(wrong) > 1000
    assert [each for each in wrong if each] == []
