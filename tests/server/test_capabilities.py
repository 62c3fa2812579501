"""Everything the CapabilityStatement claims is called over HTTP, and what it does not list is refused.

https://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from fhirhub.definitions import SearchParameter, r4
from fhirhub.model.json import Json, encode
from fhirhub.plugin.minimal import minimal
from fhirhub.search.coded import codes
from fhirhub.validation import validate_resource
from tests.server.conftest import Refusal
from tests.server.invariants import broken_invariants
from tests.server.running import FHIR_JSON, Server

TYPES = r4().resource_types
THREADS = 8
Result = TypeVar("Result")

TAG = "urn:example:capabilities"

VALUES = {
    "date": "2020-02-29",
    "number": "1.5",
    "quantity": "1.5",
    "reference": "an-id",
    "string": "text",
    "token": "a-code",
    "uri": "http://example.org/uri",
}
"""A value each type of search parameter has."""

SPECIAL = {
    "near": "48.2|16.3|5|km",
    "_filter": "_id eq an-id",
    "_has": "Patient:link:_id=an-id",
    "_list": "an-id",
    "_type": "Patient,Observation",
}
"""A value of each parameter whose type does not tell."""


def value_of(resource_type: str, row: Json) -> str:
    """A value for a search parameter as the CapabilityStatement lists it."""
    if row["name"] in SPECIAL:
        return SPECIAL[row["name"]]
    parameter = r4().search_parameters(resource_type)[row["name"]]
    if row["type"] != "composite":
        return simple_value(parameter, resource_type)
    if (resource_type, row["name"]) == ("DocumentReference", "relationship"):
        # Each part has the definition of the other: an erratum of R4.
        return f"replaces${VALUES['reference']}"
    of_r4 = {each.url: each for name in TYPES for each in r4().search_parameters(name).values()}
    components = (of_r4[each.definition.partition("|")[0]] for each in parameter.components)
    return "$".join(simple_value(each, resource_type) for each in components)


def simple_value(parameter: SearchParameter, resource_type: str) -> str:
    """A value for a parameter that is no composite: one of its codes, where only certain ones can be."""
    known = codes(parameter, resource_type) if parameter.type == "token" else None
    return known[0] if known else VALUES[parameter.type]


@pytest.fixture(scope="module")
def statement(server: Server) -> Json:
    """The CapabilityStatement."""
    answer = server.ask("GET", "/metadata")
    assert answer.status_code == 200
    found: Json = answer.json()
    return found


@pytest.fixture(scope="module")
def claims(statement: Json) -> dict[str, Json]:
    """What it says of each resource type."""
    return {row["type"]: row for row in statement["rest"][0]["resource"]}


def for_each(act: Callable[[str], Result], names: tuple[str, ...] = TYPES) -> dict[str, Result]:
    """Run `act` for all resource types, several at a time."""
    with ThreadPoolExecutor(THREADS) as threads:
        return dict(zip(names, threads.map(act, names), strict=True))


def tagged(resource_type: str, code: str, **more: Any) -> Json:
    """A minimal resource that can be found by its tag."""
    return minimal(resource_type, meta={"tag": [{"system": TAG, "code": code}]}, **more)


WITHOUT_MISSING = {"_filter", "_text", "_content"}
"""Parameters that are no values of the resource, so that nothing can be missing."""


def by_tag(code: str) -> str:
    return f"_tag={quote(f'{TAG}|{code}')}"


def test_statement_is_valid(statement: Json) -> None:
    assert validate_resource(statement) == []
    assert broken_invariants(statement) == []
    model = CapabilityStatement.model_validate_json(encode(statement))
    assert model.fhirVersion == "4.0.1"
    assert {row["type"] for row in statement["rest"][0]["resource"]} == set(TYPES)
    assert len(TYPES) == 146


def test_statement_names_where_the_server_is(server: Server, statement: Json) -> None:
    assert statement["implementation"]["url"] == server.base
    assert statement["kind"] == "instance"


def test_statement_lists_the_same_for_every_type(claims: dict[str, Json]) -> None:
    own = ("type", "profile", "searchParam", "searchInclude", "searchRevInclude", "operation")
    shared = [{key: value for key, value in row.items() if key not in own} for row in claims.values()]
    assert all(row == shared[0] for row in shared)
    assert {row["code"] for row in shared[0]["interaction"]} == {
        *("read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type")
    }


def test_every_type_answers_every_interaction(server: Server, claims: dict[str, Json]) -> None:
    """One resource of each type on its whole way: create, read, vread, update, patch, history, search, delete."""

    def walk(name: str) -> dict[str, int]:
        seen: dict[str, int] = {}
        resource = tagged(name, "walk")
        made = server.send("POST", f"/{name}", resource)
        assert made.status_code == 201, f"{name}: {made.text}"
        logical_id, version = made.json()["id"], made.headers["ETag"]
        assert made.headers["Location"] == f"{server.base}/{name}/{logical_id}/_history/1"
        seen["create"] = 1
        # Without it a Binary would come as what it holds.
        accept = {"Accept": FHIR_JSON}
        read = server.ask("GET", f"/{name}/{logical_id}", headers=accept)
        assert (read.status_code, read.headers["ETag"]) == (200, version)
        assert read.content == made.content
        seen["read"] = 1
        changed = {**resource, "id": logical_id, "implicitRules": "http://example.org/rules"}
        updated = server.send("PUT", f"/{name}/{logical_id}", changed, If_Match=version)
        assert (updated.status_code, updated.headers["ETag"]) == (200, 'W/"2"'), f"{name}: {updated.text}"
        seen["update"] = 1
        patch = [{"op": "replace", "path": "/implicitRules", "value": "http://example.org/other"}]
        patched = server.ask(
            "PATCH", f"/{name}/{logical_id}", json=patch, headers={"Content-Type": "application/json-patch+json"}
        )
        assert (patched.status_code, patched.json()["implicitRules"]) == (200, "http://example.org/other"), name
        seen["patch"] = 1
        first = server.ask("GET", f"/{name}/{logical_id}/_history/1", headers=accept)
        assert first.content == made.content
        seen["vread"] = 1
        for form in ("get", "post"):
            found = (
                server.ask("GET", f"/{name}?_id={logical_id}&{by_tag('walk')}")
                if form == "get"
                else server.ask("POST", f"/{name}/_search", data={"_id": logical_id, "_tag": f"{TAG}|walk"})
            )
            assert [row["resource"]["id"] for row in found.json()["entry"]] == [logical_id], name
        seen["search-type"] = 1
        gone = server.ask("DELETE", f"/{name}/{logical_id}")
        assert (gone.status_code, gone.headers["ETag"]) == (204, 'W/"4"')
        assert server.ask("GET", f"/{name}/{logical_id}").status_code == 410
        seen["delete"] = 1
        for path, key in ((f"/{name}/{logical_id}", "history-instance"), (f"/{name}", "history-type")):
            bundle = server.ask("GET", f"{path}/_history").json()
            methods = [row["request"]["method"] for row in bundle["entry"] if row["fullUrl"].endswith(f"/{logical_id}")]
            assert methods == ["DELETE", "PATCH", "PUT", "POST"], name
            seen[key] = 1
        return seen

    walked = for_each(walk)
    claimed = {name: {row["code"] for row in claims[name]["interaction"]} for name in TYPES}
    assert {name: set(seen) for name, seen in walked.items()} == claimed


def test_every_type_keeps_what_the_flags_promise(server: Server, claims: dict[str, Json]) -> None:
    """updateCreate, conditionalCreate, -Read, -Update, -Delete, and the conditional patch."""

    def walk(name: str) -> set[str]:
        kept: set[str] = set()
        criteria = by_tag("flags")
        path = f"/{name}/flags"
        put = server.send("PUT", path, tagged(name, "flags", id="flags"))
        assert put.status_code == 201, f"{name}: {put.text}"
        kept.add("updateCreate")
        again = server.send("POST", f"/{name}", tagged(name, "flags"), If_None_Exist=criteria)
        assert (again.status_code, again.json()["id"]) == (200, "flags"), name
        kept.add("conditionalCreate")
        for header, stated in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
            unchanged = server.ask("GET", path, headers={header: put.headers[stated]})
            assert (unchanged.status_code, unchanged.content) == (304, b""), name
        kept.add("conditionalRead")
        changed = tagged(name, "flags", language="zh")
        updated = server.send("PUT", f"/{name}?{criteria}", changed)
        assert (updated.status_code, updated.json()["id"], updated.json()["language"]) == (200, "flags", "zh"), name
        kept.add("conditionalUpdate")
        patched = server.ask(
            "PATCH",
            f"/{name}?{criteria}",
            json={"language": "en"},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert (patched.status_code, patched.json()["language"]) == (200, "en"), f"{name}: {patched.text}"
        server.created(tagged(name, "flags"))
        ambiguous = server.ask("DELETE", f"/{name}?{criteria}")
        assert ambiguous.status_code == 412, name
        many = server.ask("DELETE", f"/{name}?{criteria}&_count=2")
        assert many.status_code == 200, f"{name}: {many.text}"
        assert server.ask("GET", f"/{name}?{criteria}").json()["total"] == 0
        kept.add("conditionalDelete")
        return kept

    walked = for_each(walk)
    flags = {"updateCreate", "conditionalCreate", "conditionalRead", "conditionalUpdate", "conditionalDelete"}
    assert all(kept == flags for kept in walked.values())
    for name in TYPES:
        row = claims[name]
        assert (row["updateCreate"], row["conditionalCreate"], row["conditionalUpdate"]) == (True, True, True)
        assert (row["conditionalRead"], row["conditionalDelete"]) == ("full-support", "multiple")
        assert (row["versioning"], row["readHistory"]) == ("versioned-update", True)


@pytest.mark.parametrize("modifier", ["", ":missing"])
def test_every_search_parameter_is_answered(server: Server, claims: dict[str, Json], modifier: str) -> None:
    def search(name: str) -> list[str]:
        wrong = []
        for row in claims[name]["searchParam"]:
            if modifier and row["name"] in WITHOUT_MISSING:
                continue
            value = "true" if modifier else value_of(name, row)
            answer = server.ask("GET", f"/{name}?{row['name']}{modifier}={quote(value)}&_count=1")
            if answer.status_code != 200 or answer.json()["type"] != "searchset":
                wrong.append(f"{name}?{row['name']}{modifier}={value}: {answer.text}")
        return wrong

    assert {name: wrong for name, wrong in for_each(search).items() if wrong} == {}


def test_every_search_parameter_misspelt_is_refused(server: Server, claims: dict[str, Json]) -> None:
    def search(name: str) -> list[str]:
        wrong = []
        for row in claims[name]["searchParam"]:
            misspelt = row["name"] + "x"
            answer = server.ask("GET", f"/{name}?{misspelt}=1")
            issue = answer.json()["issue"][0]
            if (answer.status_code, issue["code"]) != (400, "not-supported") or row["name"] not in issue["diagnostics"]:
                wrong.append(f"{name}?{misspelt}: {answer.text}")
        return wrong

    assert {name: wrong for name, wrong in for_each(search).items() if wrong} == {}


def test_search_parameters_that_are_not_listed_are_refused(server: Server, claims: dict[str, Json]) -> None:
    def search(name: str) -> list[str]:
        listed = {row["name"] for row in claims[name]["searchParam"]}
        wrong = []
        for parameter in r4().search_parameters(name).values():
            if parameter.code in listed:
                continue
            value = VALUES.get(parameter.type, "1")
            answer = server.ask("GET", f"/{name}?{parameter.code}={quote(value)}")
            if answer.status_code != 400 or parameter.code not in answer.json()["issue"][0]["diagnostics"]:
                wrong.append(f"{name}?{parameter.code}: {answer.text}")
        return wrong

    assert {name: wrong for name, wrong in for_each(search).items() if wrong} == {}


def test_search_parameters_listed_are_those_of_r4(claims: dict[str, Json]) -> None:
    for name in TYPES:
        known = r4().search_parameters(name)
        for row in claims[name]["searchParam"]:
            assert (row["definition"], row["type"]) == (known[row["name"]].url, known[row["name"]].type)
    assert sum(len(claims[name]["searchParam"]) for name in TYPES) > 2500
    kinds = {row["type"] for name in TYPES for row in claims[name]["searchParam"]}
    assert kinds == {*VALUES, "composite", "special"}


def test_every_format_is_written_and_read(server: Server, statement: Json) -> None:
    made = server.created(minimal("Patient"))
    for form in statement["format"]:
        answer = server.ask("GET", f"/Patient/{made['id']}", params={"_format": form})
        assert answer.status_code == 200
        kind = form if "/" in form else f"application/fhir+{form}"
        assert answer.headers["Content-Type"].removesuffix("; charset=utf-8") == kind
        body = answer.content
        back = server.ask("PUT", f"/Patient/{made['id']}", data=body, headers={"Content-Type": kind})
        # The same content again: no new version.
        assert (back.status_code, back.headers["ETag"]) == (200, 'W/"1"'), back.text


def test_no_other_format_is_written_or_read(server: Server, statement: Json, refused: Refusal) -> None:
    for form in ("ttl", "text/turtle", "application/fhir+turtle", "html", "text/html", "text/csv"):
        assert form not in statement["format"]
        assert form in refused(server.ask("GET", "/metadata", params={"_format": form}), 406, "not-supported")
        if "/" in form:
            sent = server.ask("POST", "/Patient", data=b"<a>", headers={"Content-Type": form})
            assert form in refused(sent, 415, "not-supported")


def patches() -> Iterator[tuple[str, Any]]:
    yield "application/json-patch+json", [{"op": "add", "path": "/active", "value": True}]
    yield "application/merge-patch+json", {"active": True}
    parts = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "active"},
        {"name": "value", "valueBoolean": True},
    ]
    yield "application/fhir+json", {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


def test_every_patch_format_patches(server: Server, statement: Json) -> None:
    assert {kind for kind, _ in patches()} <= set(statement["patchFormat"])
    for kind, body in patches():
        made = server.created(minimal("Patient"))
        answer = server.ask("PATCH", f"/Patient/{made['id']}", data=encode(body), headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["active"]) == (200, True), answer.text


def test_fhirpath_patch_in_xml_is_claimed_and_patches(server: Server, statement: Json) -> None:
    assert "application/fhir+xml" in statement["patchFormat"]
    made = server.created(minimal("Patient"))
    body = (
        '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>'
        '<part><name value="type"/><valueCode value="add"/></part>'
        '<part><name value="path"/><valueString value="Patient"/></part>'
        '<part><name value="name"/><valueString value="active"/></part>'
        '<part><name value="value"/><valueBoolean value="true"/></part></parameter></Parameters>'
    )
    answer = server.ask("PATCH", f"/Patient/{made['id']}", data=body, headers={"Content-Type": "application/fhir+xml"})
    assert (answer.status_code, answer.json()["active"]) == (200, True), answer.text


def test_no_other_patch_format_patches(server: Server, statement: Json, refused: Refusal) -> None:
    made = server.created(minimal("Patient"))
    for kind in ("application/xml-patch+xml", "text/plain", "application/x-www-form-urlencoded"):
        assert kind not in statement["patchFormat"]
        answer = server.ask("PATCH", f"/Patient/{made['id']}", data=b"<diff/>", headers={"Content-Type": kind})
        assert kind in refused(answer, 415, "not-supported")


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_system_level_takes_bundles(server: Server, statement: Json, kind: str) -> None:
    assert kind in {row["code"] for row in statement["rest"][0]["interaction"]}
    entry = {"resource": minimal("Patient"), "request": {"method": "POST", "url": "Patient"}}
    answer = server.send("POST", "", {"resourceType": "Bundle", "type": kind, "entry": [entry, entry]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["type"] == f"{kind}-response"
    assert [row["response"]["status"][:3] for row in answer.json()["entry"]] == ["201", "201"]
    assert validate_resource(answer.json()) == []
    assert broken_invariants(answer.json()) == []


def test_system_level_has_a_history(server: Server, statement: Json) -> None:
    assert "history-system" in {row["code"] for row in statement["rest"][0]["interaction"]}
    made = server.created(minimal("Basic"))
    bundle = server.ask("GET", "/_history?_count=1").json()
    assert (bundle["type"], bundle["entry"][0]["resource"]) == ("history", made)


def test_system_level_does_nothing_else(server: Server, statement: Json, refused: Refusal) -> None:
    assert {row["code"] for row in statement["rest"][0]["interaction"]} == {
        *("batch", "transaction", "history-system", "search-system")
    }
    refused(server.ask("DELETE", "?_id=1"), 405, "not-supported")


def test_system_level_searches(server: Server, statement: Json) -> None:
    assert "search-system" in {row["code"] for row in statement["rest"][0]["interaction"]}
    made = [server.created(tagged(name, "system"))["id"] for name in ("Patient", "Basic")]
    for answer in (
        server.ask("GET", f"?_type=Patient,Basic&{by_tag('system')}"),
        server.ask("POST", "/_search", data={"_type": "Patient,Basic", "_tag": f"{TAG}|system"}),
    ):
        assert {row["resource"]["id"] for row in answer.json()["entry"]} == set(made)


def test_statement_is_asked_for_by_mode(server: Server, refused: Refusal) -> None:
    for mode in ("full", "normative"):
        assert server.ask("GET", f"/metadata?mode={mode}").json()["resourceType"] == "CapabilityStatement"
    assert "TerminologyCapabilities" in refused(server.ask("GET", "/metadata?mode=terminology"), 400, "not-supported")
    assert "'fast'" in refused(server.ask("GET", "/metadata?mode=fast"), 400, "value")


def test_statement_is_fhir_json_by_default(server: Server) -> None:
    answer = server.ask("GET", "/metadata")
    assert answer.headers["Content-Type"] == f"{FHIR_JSON}; charset=utf-8"
