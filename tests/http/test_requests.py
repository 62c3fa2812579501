"""What of a request reaches the interactions: https://hl7.org/fhir/R4/http.html."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator

import pytest

from tests.http.conftest import Echo, Refusal
from tests.http.echo_server import LIMIT

FHIR_JSON = {"Content-Type": "application/fhir+json"}
PATIENT = b'{"resourceType":"Patient","id":"1"}'


def test_path_arrives_decoded_in_segments(echo: Echo) -> None:
    assert echo.received("GET", "/Patient/a%2Db/_history/2")["path"] == ["Patient", "a-b", "_history", "2"]
    assert echo.received("GET", "/Patient/%E7%8E%8B")["path"] == ["Patient", "王"]


@pytest.mark.parametrize(("path", "segments"), [("", []), ("/", []), ("/Patient/", ["Patient"])])
def test_path_slash_at_its_end_is_tolerated(echo: Echo, path: str, segments: list[str]) -> None:
    assert echo.received("GET", path)["path"] == segments


@pytest.mark.parametrize("path", ["//Patient", "/Patient//1", "//"])
def test_path_empty_segment_is_refused(echo: Echo, refused: Refusal, path: str) -> None:
    assert "empty segment" in refused(echo.ask("GET", path), 400, "structure")


@pytest.mark.parametrize(
    "path", ["Patient/%FF", "Patient/%00", "Patient?name=%FF", "Patient?name=%zz", "Patient?a=%00"]
)
def test_url_broken_encoding_is_refused(echo: Echo, path: str) -> None:
    # Client libraries repair such URLs.
    answer = _raw(echo, b"GET /fhir/%s HTTP/1.1\r\n" % path.encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"structure"' in answer


def test_path_beside_the_base_is_not_fhir(echo: Echo) -> None:
    answer = echo.ask("GET", "x/Patient")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/json")


def test_query_keeps_order_and_repetition(echo: Echo) -> None:
    query = "?b=1&a=x%2Cy&b=2&empty=&bare&date=ge2020&n=a+b&sign=a%2Bb&code=http://l.org%7C8867-4"
    assert echo.received("GET", f"/Observation{query}")["query"] == [
        *("b=1", "a=x,y", "b=2", "empty=", "bare=", "date=ge2020", "n=a b", "sign=a+b", "code=http://l.org|8867-4"),
    ]


def test_query_presentation_parameters_are_taken_out(echo: Echo) -> None:
    assert echo.received("GET", "/Patient?_format=json&name=a&_pretty=true&_summary=text")["query"] == [
        *("name=a", "_summary=text"),
    ]


def test_headers_become_fields(echo: Echo) -> None:
    headers = {
        "If-Match": 'W/"3"',
        "If-None-Match": 'W/"4"',
        "If-Modified-Since": "Thu, 29 Feb 2024 23:59:58 GMT",
        "If-None-Exist": "identifier=a|b",
        "X-Request-Id": "from.client_1",
    }
    received = echo.received("PUT", "/Patient/1", data=PATIENT, headers=headers | FHIR_JSON)
    assert received["if_match"] == 'W/"3"'
    assert received["if_none_match"] == 'W/"4"'
    assert received["if_modified_since"] == "Thu, 29 Feb 2024 23:59:58 GMT"
    assert received["if_none_exist"] == "identifier=a|b"
    assert received["request_id"] == "from.client_1"


@pytest.mark.parametrize(
    ("prefer", "returned", "handling"),
    [
        ("return=minimal", "minimal", "strict"),
        ('respond-async, RETURN="representation"; x=y , Handling = lenient', "representation", "lenient"),
        ("return=OperationOutcome", "OperationOutcome", "strict"),
        ("return=minimal, return=representation", "minimal", "strict"),
        ("return=everything, handling=whatever, a, ,", None, "strict"),
    ],
)
def test_prefer_is_read(echo: Echo, prefer: str, returned: str | None, handling: str) -> None:
    received = echo.received("GET", "/Patient", headers={"Prefer": prefer})
    assert (received.get("prefer_return"), received["handling"]) == (returned, handling)


def test_prefer_may_come_in_several_headers(echo: Echo) -> None:
    answer = _raw(echo, b"GET /fhir/Patient HTTP/1.1\r\nPrefer: return=minimal\r\nprefer: handling=lenient\r\n")
    assert b'"minimal"' in answer
    assert b'"lenient"' in answer


@pytest.mark.parametrize("content_type", ["application/fhir+json", "application/json; charset=UTF-8", "text/json"])
def test_body_json_is_parsed_and_kept(echo: Echo, content_type: str) -> None:
    body = b'{ "resourceType": "Patient", "multipleBirthInteger": 2, "x": 1.50 }'
    received = echo.received("POST", "/Patient", data=body, headers={"Content-Type": content_type})
    assert received["body"] == '{"resourceType":"Patient","multipleBirthInteger":2,"x":1.50}'
    assert received["source"] == body.decode()
    assert received["content_type"] == "application/fhir+json"


@pytest.mark.parametrize("content_type", ["application/fhir+xml", "application/xml", "text/xml; charset=utf-8"])
def test_body_xml_is_parsed(echo: Echo, content_type: str) -> None:
    body = '<Patient xmlns="http://hl7.org/fhir"><name><family value="王"/></name></Patient>'.encode()
    received = echo.received("POST", "/Patient", data=body, headers={"Content-Type": content_type})
    assert json.loads(received["body"]) == {"resourceType": "Patient", "name": [{"family": "王"}]}
    assert received["content_type"] == "application/fhir+json"
    assert "source" not in received


@pytest.mark.parametrize("kind", ["application/json-patch+json", "application/merge-patch+json"])
def test_body_patch_keeps_its_type(echo: Echo, refused: Refusal, kind: str) -> None:
    body = b'[{"op":"remove","path":"/active"}]'
    received = echo.received("PATCH", "/Patient/1", data=body, headers={"Content-Type": kind})
    assert (received["content_type"], received["body"]) == (kind, body.decode())
    assert kind in refused(
        echo.ask("POST", "/Patient", data=body, headers={"Content-Type": kind}), 415, "not-supported"
    )


def test_body_form_of_a_search_follows_the_url(echo: Echo) -> None:
    received = echo.received(
        "POST", "/Patient/_search?name=a&_format=json", data={"birthdate": "ge2000", "name": "王 b"}
    )
    assert received["query"] == ["name=a", "birthdate=ge2000", "name=王 b"]
    assert "body" not in received


def test_body_form_may_name_the_format(echo: Echo) -> None:
    answer = echo.ask("POST", "/Patient/_search", data={"_format": "xml", "name": "a"}, headers={"Accept": "image/png"})
    assert answer.headers["Content-Type"] == "application/fhir+xml; charset=utf-8"
    assert b"_format" not in answer.content


def test_body_form_elsewhere_is_refused(echo: Echo, refused: Refusal) -> None:
    assert "x-www-form-urlencoded" in refused(echo.ask("POST", "/Patient", data={"a": "b"}), 415, "not-supported")
    json_search = echo.ask("POST", "/Patient/_search", data=PATIENT, headers=FHIR_JSON)
    assert "x-www-form-urlencoded" in refused(json_search, 415, "not-supported")


@pytest.mark.parametrize(
    ("content_type", "word"),
    [
        ("", "no Content-Type"),
        ("nonsense", "not a media type"),
        ("text/plain", "text/plain"),
        ("application/fhir+json; charset=latin-1", "UTF-8"),
        ("application/fhir+json; fhirVersion=3.0", "4.0"),
        ("application/fhir+turtle", "turtle"),
    ],
)
def test_body_content_type_is_checked(echo: Echo, refused: Refusal, content_type: str, word: str) -> None:
    answer = echo.ask("POST", "/Patient", data=PATIENT, headers={"Content-Type": content_type})
    assert word in refused(answer, 415, "not-supported")


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b'"x"', b'{"a":1,"a":2}', b"\xff", b'{"a":"\\ud800"}'])
def test_body_broken_json_is_refused(echo: Echo, refused: Refusal, body: bytes) -> None:
    assert refused(echo.ask("PUT", "/Patient/1", data=body, headers=FHIR_JSON), 400, "structure")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/Patient"), ("POST", "/"), ("PUT", "/Patient/1"), ("PATCH", "/Patient/1")]
)
def test_body_missing_is_refused(echo: Echo, refused: Refusal, method: str, path: str) -> None:
    assert "needs a body" in refused(echo.ask(method, path, headers=FHIR_JSON), 400, "structure")


@pytest.mark.parametrize("path", ["/Patient/_search", "/_search", "/Patient/1/$everything", "/$reindex"])
def test_body_may_be_missing_where_parameters_are_optional(echo: Echo, path: str) -> None:
    assert echo.received("POST", path)["method"] == "POST"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_body_of_a_method_without_one_is_ignored(echo: Echo, method: str) -> None:
    received = echo.received(method, "/Patient/1", data=b"{{{", headers={"Content-Type": "text/plain"})
    assert received["method"] == method
    assert "body" not in received


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(PATIENT)),
        ("X-GZIP", gzip.compress(PATIENT)),
        ("deflate", zlib.compress(PATIENT)),
        ("deflate", zlib.compress(PATIENT)[2:-4]),
        ("identity", PATIENT),
    ],
    ids=["gzip", "x-gzip", "zlib", "bare deflate", "identity"],
)
def test_body_compressed_is_inflated(echo: Echo, coding: str, data: bytes) -> None:
    received = echo.received("POST", "/Patient", data=data, headers={"Content-Encoding": coding} | FHIR_JSON)
    assert received["source"] == PATIENT.decode()


@pytest.mark.parametrize(
    ("coding", "data", "status", "word"),
    [
        ("br", PATIENT, 415, "br"),
        ("gzip, gzip", PATIENT, 415, "gzip, gzip"),
        ("gzip", PATIENT, 400, "not compressed"),
        ("gzip", gzip.compress(PATIENT)[:-5], 400, "cut short"),
        ("gzip", gzip.compress(PATIENT) + b"x", 400, "Bytes follow"),
        ("deflate", b"\x78\x9c\xff\xff", 400, "not compressed"),
    ],
    ids=["unknown", "twice", "not gzip", "cut short", "longer", "not deflate"],
)
def test_body_wrong_compression_is_refused(
    echo: Echo, refused: Refusal, coding: str, data: bytes, status: int, word: str
) -> None:
    answer = echo.ask("POST", "/Patient", data=data, headers={"Content-Encoding": coding} | FHIR_JSON)
    assert word in refused(answer, status, "not-supported" if status == 415 else "structure")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_body_bomb_is_refused(echo: Echo, refused: Refusal, coding: str) -> None:
    pack = gzip.compress if coding == "gzip" else zlib.compress
    bomb = pack(b" " * (300 * LIMIT))
    assert len(bomb) < LIMIT
    answer = echo.ask("POST", "/Patient", data=bomb, headers={"Content-Encoding": coding} | FHIR_JSON)
    assert str(LIMIT) in refused(answer, 413, "too-long")


def test_body_at_the_limit_is_read(echo: Echo) -> None:
    body = PATIENT + b" " * (LIMIT - len(PATIENT))
    assert echo.ask("POST", "/Patient", data=body, headers=FHIR_JSON).status_code == 200
    packed = gzip.compress(body)
    answer = echo.ask("POST", "/Patient", data=packed, headers={"Content-Encoding": "gzip"} | FHIR_JSON)
    assert answer.status_code == 200
    assert answer.json()["resourceType"] == "Parameters"


def test_body_over_the_limit_is_refused_before_it_is_read(echo: Echo) -> None:
    head = b"POST /fhir/Patient HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % (LIMIT + 1)
    answer = _raw(echo, head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"too-long"' in answer


def test_body_chunked_is_read_and_limited(echo: Echo, refused: Refusal) -> None:
    def chunks(count: int) -> Iterator[bytes]:
        yield PATIENT
        for _ in range(count):
            yield b" " * 1024

    assert echo.received("POST", "/Patient", data=chunks(3), headers=FHIR_JSON)["body"] == PATIENT.decode()
    head = b"POST /fhir/Patient HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    answer = _raw(echo, head, b"%x\r\n%s\r\n0\r\n\r\n" % (LIMIT + 1, b" " * (LIMIT + 1)))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"too-long"' in answer


def test_body_cut_short_never_reaches_the_dispatch(echo: Echo) -> None:
    head = b"PUT /fhir/Patient/cut HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
    answer = _raw(echo, head, PATIENT, cut=True)
    assert b"Parameters" not in answer
    assert [line["status"] for line in echo.logged("/fhir/Patient/cut")] == [400]


def test_method_unknown_is_refused_with_those_allowed(echo: Echo, refused: Refusal) -> None:
    answer = echo.ask("BREW", "/Patient/1")
    assert "BREW" in refused(answer, 405, "not-supported")
    assert answer.headers["Allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


def _raw(echo: Echo, head: bytes, body: bytes = b"", *, cut: bool = False) -> bytes:
    """Send bytes as they are and read until the server closes."""
    host, port = echo.root.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head + b"Host: x\r\nConnection: close\r\n\r\n" + body)
        if cut:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer
