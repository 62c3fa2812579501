"""Binary in its native form: https://hl7.org/fhir/R4/binary.html#rest."""

import base64
import json

import pytest

from tests.http.conftest import Echo, Refusal

PDF = b"%PDF-1.4\n\x00\xff"


def test_binary_content_is_wrapped_on_create(echo: Echo) -> None:
    headers = {"Content-Type": "application/pdf;  version=1.4", "X-Security-Context": "Patient/1"}
    received = echo.received("POST", "/Binary", data=PDF, headers=headers)
    assert json.loads(received["body"]) == {
        "resourceType": "Binary",
        "contentType": "application/pdf; version=1.4",
        "securityContext": {"reference": "Patient/1"},
        "data": base64.b64encode(PDF).decode(),
    }
    assert received["content_type"] == "application/fhir+json"
    assert "source" not in received


def test_binary_content_is_wrapped_on_update_with_its_id(echo: Echo) -> None:
    received = echo.received("PUT", "/Binary/b1", data=b"x", headers={"Content-Type": "text/plain"})
    assert json.loads(received["body"]) == {
        "resourceType": "Binary",
        "contentType": "text/plain",
        "id": "b1",
        "data": "eA==",
    }


@pytest.mark.parametrize("content_type", ["application/fhir+json", "application/json"])
def test_binary_resource_is_taken_as_it_is(echo: Echo, content_type: str) -> None:
    resource = {"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="}
    received = echo.received("POST", "/Binary", json=resource, headers={"Content-Type": content_type})
    assert json.loads(received["body"]) == resource


def test_binary_resource_is_taken_from_xml(echo: Echo) -> None:
    xml = '<Binary xmlns="http://hl7.org/fhir"><contentType value="text/plain"/><data value="eA=="/></Binary>'
    received = echo.received("POST", "/Binary", data=xml, headers={"Content-Type": "application/fhir+xml"})
    assert json.loads(received["body"])["data"] == "eA=="


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("application/fhir+json", b'{"resourceType":"Patient"}'),
        ("application/json", b"[1, 2"),
        ("text/xml", b"<ClinicalDocument/>"),
        ("application/x-www-form-urlencoded", b"a=b"),
    ],
)
def test_binary_content_may_be_any_document(echo: Echo, content_type: str, data: bytes) -> None:
    body = json.loads(echo.received("POST", "/Binary", data=data, headers={"Content-Type": content_type})["body"])
    assert (body["contentType"], base64.b64decode(body["data"])) == (content_type, data)


def test_binary_that_says_fhir_has_to_be_fhir(echo: Echo, refused: Refusal) -> None:
    answer = echo.ask("POST", "/Binary", data=b"{", headers={"Content-Type": "application/fhir+json"})
    assert "not JSON" in refused(answer, 400, "structure")
    assert "no Content-Type" in refused(echo.ask("POST", "/Binary", data=b"x"), 415, "not-supported")
    assert "needs a body" in refused(
        echo.ask("POST", "/Binary", headers={"Content-Type": "text/plain"}), 400, "structure"
    )


@pytest.mark.parametrize("accept", ["*/*", "application/pdf", "image/png", "application/json", "text/html,*/*;q=0.8"])
@pytest.mark.parametrize("path", ["/Binary/pdf", "/Binary/pdf/_history/1"])
def test_binary_is_read_as_its_content(echo: Echo, accept: str, path: str) -> None:
    answer = echo.ask("GET", path, headers={"Accept": accept})
    assert (answer.status_code, answer.content) == (200, b"%PDF-1.4\n")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == "attachment"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Security-Context"] == "Patient/1"
    assert answer.headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize(
    ("accept", "query"),
    [
        ("application/fhir+json", ""),
        ("image/png, application/fhir+json;q=0.1", ""),
        ("*/*", "?_format=json"),
        ("*/*", "?_elements=data"),
    ],
)
def test_binary_is_read_as_resource_when_fhir_is_named(echo: Echo, accept: str, query: str) -> None:
    answer = echo.ask("GET", f"/Binary/pdf{query}", headers={"Accept": accept})
    assert answer.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert answer.json()["data"] == "JVBERi0x LjQK\n"
    assert "Content-Disposition" not in answer.headers


def test_binary_content_type_cannot_inject_headers(echo: Echo) -> None:
    answer = echo.ask("GET", "/Binary/injection")
    assert (answer.headers["Content-Type"], answer.content) == ("application/octet-stream", b"x")
    assert "X" not in answer.headers


def test_binary_page_is_never_shown_in_the_origin_of_the_server(echo: Echo) -> None:
    answer = echo.ask("GET", "/Binary/page")
    assert (answer.content, answer.headers["Content-Type"]) == (b"<b>", "text/html")
    assert answer.headers["Content-Disposition"] == "attachment"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")


def test_binary_without_data_has_no_content(echo: Echo) -> None:
    answer = echo.ask("GET", "/Binary/empty")
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, b"", "text/plain")


def test_binary_search_and_history_are_no_content(echo: Echo) -> None:
    assert echo.received("POST", "/Binary/_search")["path"] == ["Binary", "_search"]
    assert echo.ask("GET", "/Binary").json()["resourceType"] == "Parameters"
