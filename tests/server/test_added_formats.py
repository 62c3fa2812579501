"""Forms of answers and bodies that plugins add, over HTTP, and the bundled one.

https://hl7.org/fhir/R4/http.html#mime-type, https://hl7.org/fhir/R4/nd-json.html
"""

import json
import re
from collections.abc import Iterator

import pytest
import requests
from pymongo import MongoClient

from fhirhub.http.negotiation import Offers
from fhirhub.plugin import Format, Json
from fhirhub.settings import ConfigurationError
from tests.hooks.sites import write_file
from tests.server.running import Server, running

SOURCE = """
def table(resource):
    if resource["resourceType"] == "Basic":
        return "no bytes"
    if resource["resourceType"] == "Group":
        raise KeyError("secret of the patient")
    if resource["resourceType"] != "Bundle":
        raise FhirError(Failure.NOT_ACCEPTABLE, "Only Bundles are tables.")
    rows = (entry["resource"] for entry in resource.get("entry", []) if "resource" in entry)
    return "".join(f"{row['resourceType']},{row['name'][0]['text']}\\n" for row in rows).encode()


def parsed(body):
    kind, _, name = body.decode().strip().partition(",")
    if not name:
        raise FhirError(Failure.MALFORMED, "A line has a type and a name.")
    if kind == "none":
        return [name]
    return {"resourceType": kind, "name": [{"text": name}], "gender": "x" if name == "bad" else "female"}


@hook
def fhirhub_register_formats(settings):
    return [Format("csv", "text/csv", table, parsed), Format("svg", "image/svg+xml", lambda resource: b"<svg/>")]
"""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tables")
    settings = {"PLUGINS": write_file(folder, "tables", SOURCE).stem, "PLUGIN_FILES": str(folder)}
    database = f"test_{folder.name}"
    with running(folder, mongodb_uri, database, **settings) as server:
        for number, name in enumerate(("王芳", "Ada", "Bob")):
            resource = {"resourceType": "Patient", "id": f"p{number}", "name": [{"text": name}]}
            assert server.send("PUT", f"/Patient/p{number}", resource).status_code == 201
        yield server
    MongoClient(mongodb_uri).drop_database(database)


def get(server: Server, path: str, accept: str = "", method: str = "GET") -> requests.Response:
    """Ask with an Accept header."""
    return server.ask(method, path, headers={"Accept": accept} if accept else {})


@pytest.mark.parametrize(("asked", "accept"), [("&_format=csv", ""), ("&_format=text/csv", ""), ("", "text/csv")])
def test_format_is_given_where_it_is_named(tables: Server, asked: str, accept: str) -> None:
    answer = get(tables, f"/Patient?_sort=_id{asked}", accept)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert answer.text == "Patient,王芳\nPatient,Ada\nPatient,Bob\n"


@pytest.mark.parametrize("accept", ["*/*", "text/*", "application/fhir+json, text/csv", "text/csv;q=0.1, */*"])
def test_who_does_not_prefer_it_gets_fhir(tables: Server, accept: str) -> None:
    assert "json" in get(tables, "/Patient", accept).headers["Content-Type"]


def test_plus_sign_of_a_url_is_understood(tables: Server) -> None:
    answer = get(tables, "/Patient/p0?_format=image/svg+xml")
    assert (answer.headers["Content-Type"], answer.content) == ("image/svg+xml", b"<svg/>")


def test_links_are_in_the_header_and_lead_on(tables: Server) -> None:
    answer = get(tables, "/Patient?_sort=_id&_count=2&_format=csv")
    links = {relation: url for url, relation in re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers["Link"])}
    assert set(links) == {"self", "first", "next"}
    following = requests.get(links["next"], timeout=60)
    assert (following.headers["Content-Type"], following.text) == ("text/csv; charset=utf-8", "Patient,Bob\n")


def test_pages_of_operations_stay_in_their_form(tables: Server) -> None:
    answer = get(tables, "/Patient/$everything?_count=2&_format=ndjson")
    assert answer.headers["Content-Type"] == "application/fhir+ndjson"
    links = {relation: url for url, relation in re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers["Link"])}
    following = requests.get(links["next"], timeout=60)
    assert following.headers["Content-Type"] == "application/fhir+ndjson"
    assert len(answer.text.splitlines()) + len(following.text.splitlines()) == 3


@pytest.mark.parametrize("relation", ["next\r\nSet-Cookie: a=b", 'x"; rel="next', "下一页", "next\tx"])
def test_links_that_somebody_stored_are_no_way_into_the_header(tables: Server, relation: str) -> None:
    links = [
        {"relation": relation, "url": "http://evil.example/"},
        {"relation": "self", "url": "http://a.example/王"},
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "link": links}
    stored = tables.created(bundle)
    answer = get(tables, f"/Bundle/{stored['id']}?_format=ndjson")
    assert (answer.status_code, answer.content) == (200, b"")
    assert "Link" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_head_and_search_by_post_know_it(tables: Server) -> None:
    head = get(tables, "/Patient?_format=csv", method="HEAD")
    assert (head.headers["Content-Type"], head.content) == ("text/csv; charset=utf-8", b"")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    posted = tables.ask("POST", "/Patient/_search", data="name=Ada&_format=csv", headers=form)
    assert posted.text == "Patient,Ada\n"


def test_refusals_stay_in_json(tables: Server) -> None:
    for path, status in (("/Patient/none", 404), ("/Patient?nonsense=1", 400), ("/Patient/p0", 406)):
        answer = get(tables, path, "text/csv")
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/fhir+json; charset=utf-8")
    assert answer.json()["issue"][0]["diagnostics"] == "Only Bundles are tables."
    assert (
        "application/fhir+xml, application/fhir+ndjson, text/csv and image/svg+xml"
        in get(tables, "/Patient?_format=pdf").text
    )


def test_what_is_written_is_answered_in_fhir_or_not_written(tables: Server) -> None:
    body = '{"resourceType": "Patient", "id": "new", "name": [{"text": "New"}]}'
    headers = {"Content-Type": "application/fhir+json", "Accept": "text/csv"}
    for method, path in (("PUT", "/Patient/new"), ("POST", "/Patient"), ("DELETE", "/Patient/p0"), ("POST", "")):
        refused = tables.ask(method, path, data=body if method != "DELETE" else None, headers=headers)
        assert refused.status_code == 406, (method, path)
        assert "is answered in JSON or XML" in refused.json()["issue"][0]["diagnostics"]
    assert get(tables, "/Patient/new").status_code == 404
    assert get(tables, "/Patient/p0").status_code == 200


def test_body_can_be_of_a_form_that_is_read(tables: Server) -> None:
    csv = {"Content-Type": "text/csv; charset=utf-8"}
    made = tables.ask("POST", "/Patient", data="Patient,李雷".encode(), headers=csv)
    assert (made.status_code, made.json()["name"]) == (201, [{"text": "李雷"}])
    assert tables.ask("DELETE", f"/Patient/{made.json()['id']}").status_code == 204
    refused = tables.ask("POST", "/Patient", data=b"Patient", headers=csv)
    assert (refused.status_code, refused.json()["issue"][0]["diagnostics"]) == (400, "A line has a type and a name.")
    invalid = tables.ask("POST", "/Patient", data=b"Patient,bad", headers=csv)
    assert (invalid.status_code, invalid.json()["issue"][0]["expression"]) == (400, ["Patient.gender"])
    faulty = tables.ask("POST", "/Patient", data=b"none,x", headers=csv)
    assert (faulty.status_code, faulty.json()["issue"][0]["code"]) == (500, "exception")
    unread = tables.ask("POST", "/Patient", data=b"<svg/>", headers={"Content-Type": "image/svg+xml"})
    assert unread.status_code == 415


@pytest.mark.parametrize("resource_type", ["Basic", "Group"])
def test_format_that_fails_says_no_more_than_it_should(tables: Server, resource_type: str) -> None:
    resources: dict[str, Json] = {
        "Basic": {"resourceType": "Basic", "code": {"text": "a"}},
        "Group": {"resourceType": "Group", "type": "person", "actual": True},
    }
    stored = tables.created(resources[resource_type])
    failed = get(tables, f"/{resource_type}/{stored['id']}", "text/csv")
    assert (failed.status_code, failed.json()["issue"][0]["code"]) == (500, "exception")
    assert "secret" not in failed.text


def test_capabilities_name_it(tables: Server) -> None:
    named = get(tables, "/metadata").json()["format"]
    assert named[-3:] == ["application/fhir+ndjson", "text/csv", "image/svg+xml"]


def test_lines_of_resources(tables: Server) -> None:
    answer = get(tables, "/Patient?_sort=_id&_format=ndjson")
    assert answer.headers["Content-Type"] == "application/fhir+ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [(each["resourceType"], each["id"]) for each in lines] == [("Patient", f"p{n}") for n in range(3)]
    assert json.loads(get(tables, "/Patient/p1", "application/fhir+ndjson").text)["id"] == "p1"
    assert get(tables, "/Patient?_format=ndjson&name=nobody").content == b""
    history = get(tables, "/Patient/_history?_format=ndjson")
    assert history.status_code == 406
    assert "Bundle of type history" in history.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    ("formats", "said"),
    [
        ([("a", "csv", "text/csv"), ("b", "table", "text/csv")], "Plugins a and b both have a format text/csv."),
        ([("a", "csv", "text/csv"), ("a", "csv", "text/tab")], "Plugins a and a both have a format csv."),
        ([("a", "xml", "text/x")], "Plugins fhirhub and a both have a format xml."),
        ([("a", "j", "application/json")], "Plugins fhirhub and a both have a format application/json."),
        ([("a", "CSV", "text/csv")], "Plugin a: a format is named in lower case"),
        ([("a", "csv", "text/csv; header=present")], "has no parameters"),
    ],
)
def test_formats_are_told_apart(formats: list[tuple[str, str, str]], said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        Offers([(plugin, Format(name, media_type, lambda resource: b"")) for plugin, name, media_type in formats])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "needs a body"),
        (b"\n \n", "has 0 lines"),
        (b'{"resourceType": "Patient"}\n{"resourceType": "Patient"}', "has 2 lines"),
        (b"[]", "not a resource"),
        (b'{"resourceType": "Patient"', "JSON"),
        (b'{"resourceType": "Patient", "id": "a", "id": "b"}', "id"),
    ],
)
def test_body_of_lines_has_one(tables: Server, body: bytes, said: str) -> None:
    answer = tables.ask("POST", "/Patient", data=body, headers={"Content-Type": "application/fhir+ndjson"})
    assert answer.status_code == 400
    assert said in answer.json()["issue"][0]["diagnostics"]
