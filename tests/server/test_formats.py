"""JSON and XML as two views of one thing, compressed or not, for machines or for people.

https://hl7.org/fhir/R4/http.html#mime-type, https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/xml.html
"""

import gzip
import zlib
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
import requests
from lxml import etree

from fhirhub.definitions import r4
from fhirhub.http.xml import from_xml, to_xml
from fhirhub.model.json import Json, decode_trusted, encode
from fhirhub.plugin.minimal import DIV, minimal
from tests.server.running import FHIR_JSON, FHIR_XML, Server

FHIR = "http://hl7.org/fhir"

# What is easily lost on the way: digits, nulls in arrays, ids and extensions of primitives, other alphabets.
RICH: Json = {
    "resourceType": "Observation",
    "language": "zh",
    "text": {"status": "generated", "div": DIV},
    "contained": [minimal("Patient", id="p", name=[{"family": "王", "_family": {"id": "f"}, "given": ["小", "明"]}])],
    "extension": [{"url": "urn:example:a", "valueDecimal": Decimal("0.10")}],
    "status": "final",
    "_status": {"extension": [{"url": "urn:example:b", "valueString": ' a < b & "c" \u2028 😀\tend'}]},
    "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2"}], "text": "Körpergröße\r\nzweite Zeile"},
    "subject": {"reference": "#p"},
    "effectiveDateTime": "2020-02-29T23:59:59.999999+08:00",
    "issued": "2020-03-01T00:00:00.120+08:00",
    "valueQuantity": {"value": Decimal("1.500"), "unit": "m"},
    "referenceRange": [{"low": {"value": Decimal("1E-7")}, "high": {"value": Decimal("12345678901234567890.0")}}],
    "component": [{"code": {"text": "a"}, "valueInteger": -3}, {"code": {"text": "b"}, "valueBoolean": False}],
}
ABSENT = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
NULLS = minimal(
    "Patient", name=[{"given": ["a", None, "c"], "_given": [None, {"id": "g", "extension": [ABSENT]}, None]}]
)


def content(resource: Json) -> Json:
    """A resource without what the server adds."""
    return {name: value for name, value in resource.items() if name not in ("id", "meta")}


def post(server: Server, path: str, body: bytes, sent: str, wanted: str, **headers: str) -> requests.Response:
    return server.ask("POST", path, data=body, headers={"Content-Type": sent, "Accept": wanted, **headers})


def parsed(answer: requests.Response) -> Json:
    is_xml = answer.headers["Content-Type"].startswith(FHIR_XML)
    found: Json = from_xml(answer.content) if is_xml else decode_trusted(answer.content)
    return found


@pytest.mark.parametrize("sent", [FHIR_JSON, FHIR_XML])
@pytest.mark.parametrize("read", [FHIR_JSON, FHIR_XML])
@pytest.mark.parametrize("resource", [RICH, NULLS], ids=["rich", "nulls"])
def test_what_is_sent_in_one_format_is_read_in_the_other(server: Server, sent: str, read: str, resource: Json) -> None:
    body = to_xml(resource) if sent == FHIR_XML else encode(resource)
    made = post(server, f"/{resource['resourceType']}", body, sent, read)
    assert made.status_code == 201, made.text
    assert made.headers["Content-Type"] == f"{read}; charset=utf-8"
    path = made.headers["Location"].removeprefix(server.base).partition("/_history")[0]
    for answer in (made, server.ask("GET", path, headers={"Accept": read})):
        # Decimals compare by their digits only as text.
        assert encode(content(parsed(answer))) == encode(resource)


def test_every_type_goes_through_xml(server: Server) -> None:
    def walk(name: str) -> None:
        resource = minimal(name)
        made = post(server, f"/{name}", to_xml(resource), FHIR_XML, FHIR_JSON)
        assert made.status_code == 201, f"{name}: {made.text}"
        assert content(parsed(made)) == resource
        path = made.headers["Location"].removeprefix(server.base)
        read = server.ask("GET", path, headers={"Accept": FHIR_XML})
        assert content(from_xml(read.content)) == resource

    with ThreadPoolExecutor(8) as threads:
        assert len(list(threads.map(walk, r4().resource_types))) == 146


def test_transaction_in_xml_links_its_entries(server: Server) -> None:
    placeholder = "urn:uuid:0b1c8ef2-4b6c-4c6c-8a7e-2f3e0a5c9d11"
    observation = minimal("Observation", subject={"reference": placeholder})
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": placeholder,
                "resource": minimal("Patient"),
                "request": {"method": "POST", "url": "Patient"},
            },
            {"resource": observation, "request": {"method": "POST", "url": "Observation"}},
        ],
    }
    answer = post(server, "", to_xml(bundle), FHIR_XML, FHIR_XML, Prefer="return=representation")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, f"{FHIR_XML}; charset=utf-8"), answer.text
    patient, linked = (row["resource"] for row in from_xml(answer.content)["entry"])
    assert linked["subject"]["reference"] == f"Patient/{patient['id']}"


def test_search_and_history_come_in_xml_with_links_that_stay_in_xml(server: Server) -> None:
    ids = [server.created(minimal("Basic", language="mi"))["id"] for _ in range(3)]
    for path, kind in (("/Basic?_sort=-_lastUpdated&_count=2", "searchset"), ("/Basic/_history?_count=2", "history")):
        answer = server.ask("GET", f"{path}&_format=xml")
        assert answer.headers["Content-Type"] == f"{FHIR_XML}; charset=utf-8"
        first = from_xml(answer.content)
        links = {link["relation"]: link["url"] for link in first["link"]}
        assert "_format=xml" in links["self"]
        following = server.session.get(links["next"], timeout=60)
        assert following.headers["Content-Type"] == f"{FHIR_XML}; charset=utf-8"
        second = from_xml(following.content)
        assert first["type"] == second["type"] == kind
        found = [row["resource"]["id"] for row in (*first["entry"], *second["entry"])]
        assert found[:3] == ids[::-1]


@pytest.mark.parametrize(
    ("wanted", "indented"),
    [(FHIR_JSON, b'{\n  "resourceType"'), (FHIR_XML, b'<Patient xmlns="http://hl7.org/fhir">\n  <id')],
)
def test_pretty_is_the_same_for_people(server: Server, wanted: str, indented: bytes) -> None:
    path = f"/Patient/{server.created(NULLS)['id']}"
    headers = {"Accept": wanted}
    plain = server.ask("GET", path, headers=headers)
    pretty = server.ask("GET", f"{path}?_pretty=true", headers=headers)
    assert indented in pretty.content
    assert indented not in plain.content
    assert server.ask("GET", f"{path}?_pretty=false", headers=headers).content == plain.content
    assert parsed(pretty) == parsed(plain)
    assert pretty.headers["ETag"] == plain.headers["ETag"]


def test_pretty_keeps_every_digit_and_the_narrative(server: Server) -> None:
    path = f"/Observation/{server.created(RICH)['id']}?_pretty=true"
    for wanted in (FHIR_JSON, FHIR_XML):
        answer = server.ask("GET", path, headers={"Accept": wanted})
        assert encode(content(parsed(answer))) == encode(RICH)


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("gzip", gzip.compress(encode(RICH))),
        ("x-gzip", gzip.compress(encode(RICH))),
        ("deflate", zlib.compress(encode(RICH))),
        ("deflate", zlib.compress(encode(RICH))[2:-4]),
        ("identity", encode(RICH)),
    ],
)
def test_compressed_body_is_read(server: Server, name: str, packed: bytes) -> None:
    answer = post(server, "/Observation", packed, FHIR_JSON, FHIR_JSON, **{"Content-Encoding": name})
    assert answer.status_code == 201, answer.text
    assert encode(content(parsed(answer))) == encode(RICH)


def test_answer_is_compressed_for_who_takes_it(server: Server) -> None:
    made = server.created(minimal("Basic", text={"status": "generated", "div": DIV.replace("text", "text " * 1000)}))
    path = f"/Basic/{made['id']}"

    def raw(**headers: str) -> tuple[Any, bytes]:
        answer = server.ask("GET", path, headers={"Accept-Encoding": "identity", **headers}, stream=True)
        return answer.headers, answer.raw.read(decode_content=False)

    plain_headers, plain = raw()
    assert "Content-Encoding" not in plain_headers
    for accepted in ("gzip", "br, gzip;q=0.5", "*"):
        headers, packed = raw(**{"Accept-Encoding": accepted})
        assert headers["Content-Encoding"] == "gzip"
        assert int(headers["Content-Length"]) == len(packed) < len(plain) / 2
        assert gzip.decompress(packed) == plain
        assert "Accept-Encoding" in headers["Vary"]
        assert headers["ETag"] == plain_headers["ETag"]
    for refused in ("gzip;q=0", "br", "*;q=0"):
        headers, body = raw(**{"Accept-Encoding": refused})
        assert ("Content-Encoding" in headers, body) == (False, plain)


@pytest.mark.parametrize("accept", [FHIR_JSON, FHIR_XML, "*/*"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_head_has_the_headers_of_get(server: Server, accept: str, coding: str) -> None:
    made = server.created(minimal("Basic", text={"status": "generated", "div": DIV.replace("text", "text " * 1000)}))
    paths = [
        f"/Basic/{made['id']}", f"/Basic/{made['id']}/_history/1", f"/Basic/{made['id']}/_history", "/metadata",
        f"/Basic?_id={made['id']}", "/Basic/nope", "/Nope",
    ]  # fmt: skip
    for path in paths:
        headers = {"Accept": accept, "Accept-Encoding": coding}
        got, head = (server.ask(method, path, headers=headers) for method in ("GET", "HEAD"))
        assert head.status_code == got.status_code
        assert head.content == b""
        shown = [
            {k: v for k, v in each.headers.items() if k.lower() not in ("x-request-id", "date")} for each in (got, head)
        ]
        if path in (paths[0], paths[1], "/metadata", "/Basic/nope", "/Nope"):
            assert shown[0] == shown[1]
        else:
            # A Bundle has an id of its own each time, which compresses differently.
            assert shown[0].keys() == shown[1].keys()


def test_xml_document_is_well_formed_and_declared(server: Server) -> None:
    answer = server.ask("GET", "/metadata?_format=xml")
    assert answer.content.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    assert etree.fromstring(answer.content).tag == f"{{{FHIR}}}CapabilityStatement"


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("application/xml", "application/xml"),
        ("text/xml", "text/xml"),
        ("application/json", "application/json"),
        ("text/json", "text/json"),
        ("application/*", FHIR_JSON),
        ("text/html, application/fhir+xml;q=0.9, */*;q=0.1", FHIR_XML),
        ("application/fhir+json;q=0.2, application/fhir+xml;q=0.3", FHIR_XML),
        ("application/fhir+xml; fhirVersion=4.0", "application/fhir+xml; fhirVersion=4.0"),
    ],
)
def test_accept_chooses_the_format(server: Server, accept: str, given: str) -> None:
    answer = server.ask("GET", "/metadata", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, f"{given}; charset=utf-8")
    # _format beats Accept.
    other = server.ask("GET", "/metadata?_format=json", headers={"Accept": accept})
    assert other.headers["Content-Type"] == f"{FHIR_JSON}; charset=utf-8"
