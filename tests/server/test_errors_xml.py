"""XML that is wrong, and errors as XML for those who speak XML.

https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/R4/security.html
"""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from lxml import etree

from fhirhub.http.xml import from_xml
from fhirhub.validation import validate_resource
from tests.server.running import FHIR_JSON, FHIR_XML, Server

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"


def patient(inside: str = "", prolog: str = "") -> bytes:
    return f'{prolog}<Patient xmlns="{FHIR}">{inside}</Patient>'.encode()


def narrative(inside: str) -> bytes:
    return patient(f'<text><status value="generated"/><div xmlns="{XHTML}">{inside}</div></text>')


def bundle(inside: str) -> bytes:
    request = '<request><method value="POST"/><url value="Patient"/></request>'
    return (
        f'<Bundle xmlns="{FHIR}"><type value="transaction"/>'
        f"<entry><resource>{inside}</resource>{request}</entry></Bundle>"
    ).encode()


Said = Callable[[requests.Response, int, str], str]


def said(answer: requests.Response, status: int, code: str) -> str:
    """Check a refusal in XML and return its diagnostics."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == f"{FHIR_XML}; charset=utf-8"
    assert etree.fromstring(answer.content).tag == f"{{{FHIR}}}OperationOutcome"
    outcome: dict[str, Any] = from_xml(answer.content)
    assert validate_resource(outcome) == []
    assert code in {issue["code"] for issue in outcome["issue"]}
    return " ".join(issue["diagnostics"] for issue in outcome["issue"])


ENTITY = '<!DOCTYPE Patient [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
LAUGHS = '<!DOCTYPE Patient [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
WRONG = [
    ("external entity", patient('<language value="&x;"/>', ENTITY), "structure", "DOCTYPE"),
    ("entities of entities", patient('<language value="&c;"/>', LAUGHS), "structure", "DOCTYPE"),
    ("external DTD", patient("", '<!DOCTYPE Patient SYSTEM "http://127.0.0.1:1/a.dtd">'), "structure", "DOCTYPE"),
    ("DOCTYPE after a comment", patient("", "<!-- a --><!DOCTYPE Patient>"), "structure", "DOCTYPE"),
    ("undefined entity", patient('<language value="&x;"/>'), "structure", "not well-formed"),
    (
        "style sheet",
        patient("", '<?xml-stylesheet href="http://127.0.0.1:1/"?>'),
        "structure",
        "processing instruction",
    ),
    (
        "inclusion",
        patient('<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>'),
        "structure",
        "not in the namespace",
    ),
    (
        "schema location",
        patient().replace(
            b" xmlns", b' xmlns:s="http://www.w3.org/2001/XMLSchema-instance" s:schemaLocation="a b" xmlns'
        ),
        "structure",
        "attributes of XML Schema",
    ),
    ("no XML", b'{"resourceType":"Patient"}', "structure", "not well-formed"),
    ("blanks", b"   ", "structure", "not well-formed"),
    ("nothing", b"", "structure", "needs a body"),
    ("cut off", patient()[:-4], "structure", "not well-formed"),
    ("no UTF-8", patient('<language value="a"/>').replace(b'"a"', b'"\xff"'), "structure", "not well-formed"),
    ("Latin-1", b'<?xml version="1.0" encoding="ISO-8859-1"?>' + patient(), "structure", "ISO-8859-1"),
    ("UTF-16", patient().decode().encode("utf-16"), "structure", "byte order mark"),
    ("NUL", patient('<language value="a\0"/>'), "structure", "not well-formed"),
    ("reference to NUL", patient('<language value="&#0;"/>'), "structure", "not well-formed"),
    ("reference to a surrogate", patient('<language value="&#xd800;"/>'), "structure", "not well-formed"),
    ("300 levels", patient('<extension url="urn:a">' * 300 + "</extension>" * 300), "structure", "not well-formed"),
    ("70 levels", patient('<extension url="urn:a">' * 70 + "</extension>" * 70), "too-long", "64 levels"),
    ("attribute of 11 MB", patient(f'<language value="{"a" * 11_000_000}"/>'), "structure", "not well-formed"),
    ("no namespace", b"<Patient/>", "structure", "not in the namespace"),
    ("another namespace", b'<Patient xmlns="urn:a"/>', "structure", "not in the namespace"),
    ("unknown type", f'<Patientt xmlns="{FHIR}"/>'.encode(), "structure", "no resource type 'Patientt'"),
    ("another type", f'<Observation xmlns="{FHIR}"/>'.encode(), "invalid", "takes a Patient"),
    ("unknown element", patient('<birthdate value="2020"/>'), "structure", "R4 defines no element 'birthdate'"),
    ("unknown attribute", patient('<active value="true" a="1"/>'), "structure", "R4 defines no attribute 'a'"),
    ("element twice", patient('<active value="true"/><active value="true"/>'), "structure", "once only"),
    ("wrong order", patient('<gender value="male"/><active value="true"/>'), "structure", "order"),
    ("text between elements", patient("hello"), "structure", "'hello' stands between elements"),
    ("empty element", patient("<active/>"), "structure", "no value"),
    ("boolean", patient('<active value="yes"/>'), "value", "'yes' is no boolean"),
    ("number", patient('<multipleBirthInteger value="1e99999999999999999999"/>'), "value", "is no integer"),
    ("5,000 digits", patient(f'<multipleBirthInteger value="{"1" * 5_000}"/>'), "value", "is no integer"),
    ("script", narrative("<script>1</script>"), "invariant", '"script" is not allowed'),
    ("event handler", narrative('<p onclick="1">a</p>'), "invariant", "onclick"),
    ("two resources in one entry", bundle("<Patient/><Patient/>"), "structure", "One resource is expected here, not 2"),
]


@pytest.mark.parametrize(("name", "body", "code", "sentence"), WRONG, ids=[row[0] for row in WRONG])
def test_xml_that_is_wrong_is_refused(server: Server, name: str, body: bytes, code: str, sentence: str) -> None:
    path = "" if name == "two resources in one entry" else "/Patient"
    answer = server.ask("POST", path, data=body, headers={"Content-Type": FHIR_XML, "Accept": FHIR_XML})
    diagnostics = said(answer, 400, code)
    assert sentence in diagnostics
    assert "root:" not in diagnostics
    assert "hahaha" not in diagnostics


def test_xml_errors_are_all_named_with_their_line(server: Server) -> None:
    body = patient('\n<active value="yes"/>\n<nothing/>\n<gender value="male" a="1"/>')
    answer = server.ask("POST", "/Patient", data=body, headers={"Content-Type": FHIR_XML})
    found = {issue["expression"][0]: issue["location"][0] for issue in answer.json()["issue"]}
    assert found == {"Patient.active": "line 2", "Patient.nothing": "line 3", "Patient.gender": "line 4"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "code"),
    [
        ("GET", "/Patient/nope", {"Accept": FHIR_XML}, None, 404, "not-found"),
        ("GET", "/Patient/nope?_format=xml", {}, None, 404, "not-found"),
        ("GET", "/Nope", {"Accept": FHIR_XML}, None, 404, "not-supported"),
        ("GET", "/Patient?nam=a&_format=xml", {}, None, 400, "not-supported"),
        ("GET", "/Patient?name=a%00", {"Accept": FHIR_XML}, None, 400, "structure"),
        ("GET", "//Patient", {"Accept": FHIR_XML}, None, 400, "structure"),
        ("POST", "/metadata", {"Accept": FHIR_XML}, None, 400, "structure"),
        ("DELETE", "/metadata", {"Accept": FHIR_XML}, None, 405, "not-supported"),
        ("POST", "/Patient", {"Accept": FHIR_XML, "Content-Type": FHIR_JSON}, b"{", 400, "structure"),
        ("POST", "/Patient", {"Accept": FHIR_XML, "Content-Type": "text/plain"}, b"{", 415, "not-supported"),
        ("PUT", "/Patient/a?_format=xml", {"Content-Type": FHIR_JSON}, b'{"resourceType":"Patient"}', 400, "invalid"),
    ],
)
def test_error_comes_as_xml_for_who_asks_for_xml(
    server: Server, method: str, path: str, headers: dict[str, str], body: bytes | None, status: int, code: str
) -> None:
    assert said(server.ask(method, path, headers=headers, data=body), status, code)


@pytest.mark.parametrize("character", ["\\u0001", "\\ufffe", "\\u0000", '<&>\\"'])
def test_error_that_quotes_what_xml_cannot_hold_is_still_answered(server: Server, character: str) -> None:
    body = f'{{"resourceType":"Patient","a{character}":"b{character}"}}'.encode()
    answer = server.ask("POST", "/Patient", data=body, headers={"Content-Type": FHIR_JSON, "Accept": FHIR_XML})
    assert answer.status_code == 400, answer.text
    if answer.headers["Content-Type"].startswith(FHIR_XML):
        assert "no element" in said(answer, 400, "structure")
    else:
        assert "no element" in answer.json()["issue"][0]["diagnostics"]
