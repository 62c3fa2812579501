"""Headers that are wrong or strange: refused, or ignored where their standard says so; never an error of the server.

https://hl7.org/fhir/R4/http.html#Http-Headers, https://www.rfc-editor.org/rfc/rfc9110
"""

import pytest

from fhirhub.model.json import encode
from fhirhub.plugin.minimal import minimal
from tests.server.conftest import Refusal
from tests.server.raw import exchange
from tests.server.running import FHIR_JSON, FHIR_XML, Server

PATIENT = encode(minimal("Patient"))


@pytest.mark.parametrize(
    ("content_type", "status", "code", "sentence"),
    [
        (None, 415, "not-supported", "no Content-Type"),
        ("", 415, "not-supported", "no Content-Type"),
        ("text/plain", 415, "not-supported", "'text/plain'"),
        ("application/octet-stream", 415, "not-supported", "'application/octet-stream'"),
        ("application/x-www-form-urlencoded", 415, "not-supported", "'application/x-www-form-urlencoded'"),
        ("multipart/form-data; boundary=a", 415, "not-supported", "'multipart/form-data'"),
        ("application/json+fhir", 415, "not-supported", "'application/json+fhir'"),
        ("application/json-patch+json", 415, "not-supported", "'application/json-patch+json'"),
        ("garbage", 415, "not-supported", "'garbage' is not a media type"),
        ("/", 415, "not-supported", "'/' is not a media type"),
        ("application/fhir+json, text/xml", 415, "not-supported", "is not a media type"),
        ("a" * 5_000, 415, "not-supported", "is not a media type"),
        ("application/fhir+json; charset=latin-1", 415, "not-supported", "'latin-1'"),
        ("application/fhir+json; charset=utf-16", 415, "not-supported", "'utf-16'"),
        ("application/fhir+json; fhirVersion=3.0", 415, "not-supported", "'3.0'"),
        ("application/fhir+json; fhirVersion=5.0", 415, "not-supported", "'5.0'"),
        ("application/fhir+xml", 400, "structure", "not well-formed"),
    ],
)
def test_content_type_that_is_wrong_is_refused(
    server: Server, refused: Refusal, content_type: str | None, status: int, code: str, sentence: str
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert sentence in refused(server.ask("POST", "/Patient", data=PATIENT, headers=headers), status, code)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/fhir+json",
        "APPLICATION/FHIR+JSON",
        "application/fhir+json;charset=UTF-8",
        'application/fhir+json; charset="utf-8"',
        "application/fhir+json; fhirVersion=4.0",
        "application/json",
        "text/json; charset=us-ascii",
    ],
)
def test_content_type_of_json_is_read_however_it_is_written(server: Server, content_type: str) -> None:
    answer = server.ask("POST", "/Patient", data=PATIENT, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["resourceType"]) == (201, "Patient")


@pytest.mark.parametrize(
    "accept",
    ["text/html", "garbage", "application/fhir+json;q=0", "application/fhir+json; fhirVersion=3.0", ",,,", "a" * 5_000],
)
def test_accept_that_nothing_can_meet_is_refused(server: Server, refused: Refusal, accept: str) -> None:
    for path in ("/metadata", "/Patient", "/Patient/nope"):
        answer = server.ask("GET", path, headers={"Accept": accept})
        assert "application/fhir+xml" in refused(answer, 406, "not-supported")
    sent = server.ask("POST", "/Patient", data=PATIENT, headers={"Accept": accept, "Content-Type": FHIR_JSON})
    refused(sent, 406, "not-supported")


@pytest.mark.parametrize(
    "tag", ["", "garbage", 'W/"2"', "W/", '"', ",,,", 'W/"01"', 'w/"1"', "\\", '{"$gt":""}', f'W/"{"9" * 5_000}"']
)
def test_if_match_that_names_another_version_is_refused(server: Server, refused: Refusal, tag: str) -> None:
    made = server.created(minimal("Patient"))
    path = f"/Patient/{made['id']}"
    for answer in (
        server.send("PUT", path, minimal("Patient", id=made["id"], active=True), If_Match=tag),
        server.ask("DELETE", path, headers={"If-Match": tag}),
        server.send("PATCH", path, {"active": True}, If_Match=tag, Content_Type="application/merge-patch+json"),
    ):
        assert "but the resource is version 1" in refused(answer, 412, "conflict")
    assert server.ask("GET", path).headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize("tag", ["", "garbage", 'W/"2"', "\\", ",,,"])
def test_if_none_match_that_names_nothing_known_is_answered(server: Server, tag: str) -> None:
    made = server.created(minimal("Patient"))
    answer = server.ask("GET", f"/Patient/{made['id']}", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.json()["id"]) == (200, made["id"])


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("", 200),
        ("yesterday", 200),
        ("0", 200),
        ("Mon, 99 Foo 2020 99:99:99 GMT", 200),
        ("Mon, 01 Jan 2020 00:00:00 +99999999999", 200),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 200),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 200),
        ("Sun Nov  6 08:49:37 1994", 200),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 200),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 304),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 304),
    ],
)
def test_if_modified_since_of_any_kind_is_answered(server: Server, since: str, status: int) -> None:
    made = server.created(minimal("Patient"))
    answer = server.ask("GET", f"/Patient/{made['id']}", headers={"If-Modified-Since": since})
    assert answer.status_code == status
    assert answer.headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize(
    ("criteria", "code", "sentence"),
    [
        ("", "invalid", "select nothing"),
        ("?", "invalid", "select nothing"),
        ("identifier=", "value", "empty"),
        ("nam=a", "not-supported", "Did you mean name?"),
        ("$where=1", "not-supported", "$where"),
        ("_count=1", "invalid", "does not select"),
        ("identifier=%zz", "invalid", "two hexadecimal digits"),
        ("identifier=%ff", "invalid", "UTF-8"),
        ("identifier=%00", "invalid", "NUL"),
        ("Observation?code=1", "invalid", "for Observation, not for Patient"),
        ("a" * 5_000, "not-supported", "no such search parameter"),
    ],
)
def test_if_none_exist_that_is_no_search_is_refused(
    server: Server, refused: Refusal, criteria: str, code: str, sentence: str
) -> None:
    answer = server.send("POST", "/Patient", minimal("Patient"), If_None_Exist=criteria)
    assert sentence in refused(answer, 400, code)


@pytest.mark.parametrize(
    "prefer", ["", "return", "return=everything", "=", ";;;", '"', "handling=maybe", "respond-async", "x" * 5_000]
)
def test_prefer_that_is_not_understood_is_ignored(server: Server, prefer: str) -> None:
    answer = server.send("POST", "/Patient", minimal("Patient"), Prefer=prefer)
    assert (answer.status_code, answer.json()["resourceType"]) == (201, "Patient")


@pytest.mark.parametrize("request_id", ["a b", "a;b", "<script>", "x" * 65, ""])
def test_request_id_that_could_do_harm_is_replaced(server: Server, request_id: str) -> None:
    answer = server.ask("GET", "/metadata", headers={"X-Request-Id": request_id})
    assert answer.headers["X-Request-Id"] not in ("", request_id)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([b"If-None-Match: \xff\xfe"], 404),
        ([b"X-A: a\r\n b"], 400),
        ([b"X-A: a\0b"], 400),
        ([b"X-A: a\nSet-Cookie: b"], 404),
        ([b"no colon"], 400),
        ([b"X-A: a"] * 1_000, 431),
        ([b"X-A: " + b"a" * 60_000], 404),
        ([b"Content-Length: -1"], 400),
        ([b"Content-Length: a"], 400),
        ([b"Content-Length: 2", b"Content-Length: 3"], 400),
        ([b"Transfer-Encoding: nonsense"], 400),
    ],
)
def test_header_lines_that_are_no_http_do_no_harm(server: Server, lines: list[bytes], status: int) -> None:
    head = [b"GET /fhir/Patient/nope HTTP/1.1", b"Host: a", *lines, b"", b""]
    reply = exchange(server.port, b"\r\n".join(head))
    assert reply.status == status
    assert reply.header("Set-Cookie") is None
    if status == 404:
        assert reply.json()["issue"][0]["code"] == "not-found"
    assert server.page("/ready").status_code == 200


@pytest.mark.parametrize(
    "request_line", [b"\0\1\2", b"GET", b"GET /fhir/Patient HTTP/9.9", b"{}", b"\x16\x03\x01\x02\x00"]
)
def test_bytes_that_are_no_request_do_no_harm(server: Server, request_line: bytes) -> None:
    reply = exchange(server.port, request_line + b"\r\n\r\n")
    assert reply.status in (0, 400)
    assert server.page("/ready").status_code == 200


def test_search_form_that_is_no_form_is_refused(server: Server, refused: Refusal) -> None:
    form = "application/x-www-form-urlencoded"
    ask = [
        ({"Content-Type": FHIR_JSON}, b"{}", 415, "not-supported", form),
        ({"Content-Type": f"{form}; charset=latin-1"}, b"name=a", 415, "not-supported", "'latin-1'"),
        ({"Content-Type": form}, b"name=%ff", 400, "structure", "UTF-8"),
        ({"Content-Type": form}, b"name=\xff", 400, "structure", "UTF-8"),
        ({"Content-Type": form}, b"name=%zz", 400, "structure", "two hexadecimal digits"),
        ({"Content-Type": form}, b"nam=a", 400, "not-supported", "Did you mean name?"),
        ({"Content-Type": form}, b"&".join([b"a"] * 20_000), 400, "too-costly", "10000"),
        ({"Content-Type": form}, b"_format=text/html", 406, "not-supported", "'text/html'"),
    ]
    for headers, body, status, code, sentence in ask:
        assert sentence in refused(server.ask("POST", "/Patient/_search", data=body, headers=headers), status, code)
    answer = server.ask("POST", "/Patient/_search", data=b"_format=xml&_count=0", headers={"Content-Type": form})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, f"{FHIR_XML}; charset=utf-8")
