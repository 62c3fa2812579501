"""JSON bodies that are wrong, each refused with a status, an issue code and a sentence that names the problem.

https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/http.html#Status-Codes
"""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.server.conftest import MAX_REQUEST_BYTES, Refusal
from tests.server.raw import exchange
from tests.server.running import FHIR_JSON, Server

DEEP = 10_000
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Wrong:
    """A body for POST /Patient, large ones made when needed, and what the refusal says."""

    name: str
    body: bytes | Callable[[], bytes]
    sentence: str
    code: str = "structure"
    status: int = 400


def quantity(number: bytes) -> bytes:
    return b'{"resourceType":"Patient","extension":[{"url":"urn:a","valueDecimal":%b}]}' % number


NO_JSON = [
    Wrong("literal misspelt", b'{"resourceType":"Patient",\n  "active": tru}', "line 2, column 17"),
    Wrong("comma at the end", b'{"resourceType":"Patient",}', "line 1, column 27"),
    Wrong("comment", b'{"resourceType":"Patient" /* a */}', "line 1, column 27"),
    Wrong("single quotes", b"{'resourceType':'Patient'}", "line 1, column 2"),
    Wrong("cut off", b'{"resourceType":"Patient"', "ends too early, at line 1, column 26"),
    Wrong("blanks", b" \n ", "ends too early, at line 2, column 2"),
    Wrong("two documents", b'{"resourceType":"Patient"} {}', "trailing characters at line 1, column 29"),
    Wrong("NaN", b'{"resourceType":"Patient","multipleBirthInteger":NaN}', "line 1, column 50"),
    Wrong("Infinity", b'{"resourceType":"Patient","multipleBirthInteger":-Infinity}', "line 1, column 51"),
    Wrong("leading zero", b'{"resourceType":"Patient","multipleBirthInteger":01}', "line 1, column 51"),
    Wrong("line feed in a string", b'{"resourceType":"Patient","language":"a\nb"}', "line 1, column 40"),
    Wrong("NUL byte in a string", b'{"resourceType":"Patient","language":"a\0b"}', "line 1, column 40"),
    Wrong("byte order mark", b'\xef\xbb\xbf{"resourceType":"Patient"}', "byte order mark"),
    Wrong(
        "no UTF-8 in a value",
        b'{"resourceType":"Patient",\n"language":"\xff"}',
        "not UTF-8: the byte at line 2, column 13",
    ),
    Wrong("no UTF-8 in a key", b'{"resourceType":"Patient","\xff":1}', "not UTF-8: the byte at line 1, column 28"),
    Wrong(
        "surrogate as UTF-8", b'{"resourceType":"Patient","language":"\xed\xa0\x80"}', "not UTF-8: the byte at line 1"
    ),
    Wrong("UTF-16", '{"resourceType":"Patient"}'.encode("utf-16"), "not UTF-8: the byte at line 1, column 1"),
    Wrong(
        "high surrogate",
        rb'{"resourceType":"Patient","language":"\ud800"}',
        r"lone surrogate \ud800 at line 1, column 39",
    ),
    Wrong("low surrogate", rb'{"resourceType":"Patient","language":"\uDC00x"}', r"lone surrogate \uDC00 at line 1"),
    Wrong("two high surrogates", rb'{"resourceType":"Patient","language":"\ud83d\ud83d"}', r"lone surrogate \ud83d"),
    Wrong(
        "surrogate in a key", rb'{"resourceType":"Patient","\ud800":1}', r"lone surrogate \ud800 at line 1, column 28"
    ),
    Wrong(
        "surrogate after a pair",
        rb'{"resourceType":"Patient","language":"\ud83d\ude00\ud800"}',
        r"\ud800 at line 1, column 51",
    ),
    Wrong("text of a surrogate", rb'{"resourceType":"Patient","language":"\\ud800",}', "line 1, column 48"),
]

SAYS_TWO_THINGS = [
    Wrong("key twice", b'{"resourceType":"Patient","active":true,"active":false}', "'active' stands 2 times"),
    Wrong(
        "key twice, same value", b'{"resourceType":"Patient","active":true,"active":true}', "'active' stands 2 times"
    ),
    Wrong(
        "key twice within",
        b'{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}',
        "'family' stands 2 times",
    ),
    Wrong(
        "key twice by escape",
        rb'{"resourceType":"Patient","active":true,"\u0061ctive":false}',
        "'active' stands 2 times",
    ),
    Wrong("key with a colon twice", rb'{"resourceType":"Patient","\u003a":1,":":2}', "':' stands 2 times"),
    Wrong("type twice", b'{"resourceType":"Patient","resourceType":"Basic"}', "'resourceType' stands 2 times"),
]

TOO_MUCH = [
    Wrong("objects in objects", b'{"a":' * DEEP + b"1" + b"}" * DEEP, "deeper than 64 levels"),
    Wrong("arrays in arrays", b"[" * DEEP + b"]" * DEEP, "deeper than 64 levels"),
    Wrong("arrays without end", b"[" * 1_000_000, "deeper than 64 levels"),
    Wrong("65 levels", b'{"a":' * 65 + b"1" + b"}" * 65, "deeper than 64 levels"),
    Wrong("1e400", quantity(b"1e400"), "exponent is beyond", "value"),
    Wrong("1e-400", quantity(b"1e-400"), "exponent is beyond", "value"),
    Wrong("exponent of 20 digits", quantity(b"1e99999999999999999999"), "exponent is too large"),
    Wrong("400 digits", quantity(b"1" * 400), "more than 34 significant digits", "value"),
    Wrong("400 digits after the point", quantity(b"0." + b"1" * 400), "400 significant digits", "value"),
    Wrong("5,000 digits", quantity(b"1" * 5_000), "too many digits"),
    Wrong("1e400 for an integer", b'{"resourceType":"Patient","multipleBirthInteger":1e400}', "whole number"),
    Wrong(
        "string of 17 MiB",
        lambda: b'{"resourceType":"Patient","name":[{"text":"%b"}]}' % (b"x" * 17 * MIB),
        "17825792 characters, at most 1048576",
        "value",
    ),
    Wrong(
        "document of 17 MiB",
        lambda: b'{"resourceType":"Patient","name":[%b]}' % b",".join([b'{"text":"%b"}' % (b"x" * MIB)] * 17),
        "The Patient takes 178",
        "too-long",
        413,
    ),
    Wrong(
        "document of the size that grows in the index",
        b'{"resourceType":"Patient","name":[%b]}'
        % b",".join(b'{"family":"n%d"}' % number for number in range(340_000)),
        "can be stored",
        "too-long",
        413,
    ),
    Wrong(
        "body above the limit",
        lambda: b" " * (MAX_REQUEST_BYTES + 1),
        f"larger than the {MAX_REQUEST_BYTES} bytes",
        "too-long",
        413,
    ),
]

NO_RESOURCE = [
    Wrong("array", b"[]", "one JSON object"),
    Wrong("number", b"3", "one JSON object"),
    Wrong("string", b'"Patient"', "one JSON object"),
    Wrong("null", b"null", "one JSON object"),
    Wrong("nothing", b"", "needs a body"),
    Wrong("no type", b"{}", "no resourceType", "invalid"),
    Wrong("another type", b'{"resourceType":"Observation"}', "'Observation'; this URL takes a Patient", "invalid"),
    Wrong("type is a number", b'{"resourceType":3}', "takes a Patient", "invalid"),
    Wrong("type is an object", b'{"resourceType":{"$gt":""}}', "takes a Patient", "invalid"),
    Wrong("misspelt element", b'{"resourceType":"Patient","birthdate":"2020"}', "Did you mean birthDate?"),
    Wrong("operator as key", b'{"resourceType":"Patient","$where":"sleep(9)"}', 'no element "$where"'),
    Wrong(
        "operator as value", b'{"resourceType":"Patient","birthDate":{"$gt":""}}', "Expected a string, found an object"
    ),
    Wrong("operator as id", b'{"resourceType":"Patient","id":{"$gt":""}}', "Expected a string, found an object"),
    Wrong("dot in a key", b'{"resourceType":"Patient","name.family":"a"}', 'no element "name.family"'),
    Wrong("empty key", b'{"resourceType":"Patient","":1}', 'no element ""'),
    Wrong("NUL in a key", rb'{"resourceType":"Patient","a\u0000":1}', "no element"),
    Wrong("NUL in a value", rb'{"resourceType":"Patient","name":[{"text":"a\u0000b"}]}', "U+0000", "value"),
    Wrong("class of an object mapper", b'{"resourceType":"Patient","_cls":"x"}', 'no element "_cls"'),
    Wrong("null", b'{"resourceType":"Patient","active":null}', "null is not allowed"),
    Wrong(
        "contained in contained",
        b'{"resourceType":"Patient","contained":[{"resourceType":"Patient","id":"a","contained":[]}]}',
        "cannot contain",
        "invariant",
    ),
]


@pytest.mark.parametrize("wrong", [*NO_JSON, *SAYS_TWO_THINGS, *TOO_MUCH, *NO_RESOURCE], ids=lambda wrong: wrong.name)
def test_json_that_is_wrong_is_refused(server: Server, refused: Refusal, wrong: Wrong) -> None:
    body = wrong.body if isinstance(wrong.body, bytes) else wrong.body()
    answer = server.ask("POST", "/Patient", data=body, headers={"Content-Type": FHIR_JSON})
    diagnostics = refused(answer, wrong.status, wrong.code)
    assert wrong.sentence in diagnostics
    assert len(diagnostics) < 3_000


def test_json_that_is_deep_and_has_a_key_twice_is_refused(server: Server, refused: Refusal) -> None:
    # Two parsers look at such a body, whose limits differ: whatever the depth, neither may fail.
    for depth in range(900, 1_010, 3):
        body = b'{"a":%b,"b":1,"b":2}' % (b"[" * depth + b"]" * depth)
        answer = server.ask("POST", "/Patient", data=body, headers={"Content-Type": FHIR_JSON})
        diagnostics = refused(answer, 400, "structure")
        assert "deeper than 64 levels" in diagnostics or "'b' stands 2 times" in diagnostics


def test_json_of_64_levels_is_read(server: Server, refused: Refusal) -> None:
    body = b'{"resourceType":"Patient","a":%b}' % (b"[" * 63 + b"]" * 63)
    answer = server.ask("POST", "/Patient", data=body, headers={"Content-Type": FHIR_JSON})
    assert 'no element "a"' in refused(answer, 400, "structure")


def test_every_error_of_a_body_is_named_with_its_place(server: Server) -> None:
    body = b'{"resourceType":"Patient",\n "gender":"man",\n "active":"yes",\n "birthDate":"1.1.1970"}'
    answer = server.ask("POST", "/Patient", data=body, headers={"Content-Type": FHIR_JSON})
    found = {issue["expression"][0]: issue["location"][0] for issue in answer.json()["issue"]}
    assert found == {
        "Patient.gender": "line 2, column 2",
        "Patient.active": "line 3, column 2",
        "Patient.birthDate": "line 4, column 2",
    }


def gzipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


BOMB = 8 * MAX_REQUEST_BYTES
COMPRESSED: list[tuple[str, str, Callable[[], bytes], int, str, str]] = [
    ("not compressed", "gzip", lambda: b"{}", 400, "structure", "not compressed as its Content-Encoding says"),
    ("cut short", "gzip", lambda: gzipped(b"{}")[:-4], 400, "structure", "cut short"),
    ("more behind it", "gzip", lambda: gzipped(b"{}") + b"more", 400, "structure", "follow the end"),
    ("gzip bomb", "gzip", lambda: gzipped(bytes(BOMB)), 413, "too-long", "larger than"),
    ("zlib bomb", "deflate", lambda: zlib.compress(bytes(BOMB)), 413, "too-long", "larger than"),
    ("twice", "gzip, gzip", lambda: gzipped(gzipped(b"{}")), 415, "not-supported", "'gzip, gzip'"),
    ("unknown", "br", lambda: b"{}", 415, "not-supported", "'br'"),
]


@pytest.mark.parametrize(
    ("name", "coding", "body", "status", "code", "sentence"), COMPRESSED, ids=[row[0] for row in COMPRESSED]
)
def test_compressed_body_that_is_wrong_is_refused(
    server: Server,
    refused: Refusal,
    name: str,
    coding: str,
    body: Callable[[], bytes],
    status: int,
    code: str,
    sentence: str,
) -> None:
    headers = {"Content-Type": FHIR_JSON, "Content-Encoding": coding}
    assert sentence in refused(server.ask("POST", "/Patient", data=body(), headers=headers), status, code)


def test_body_that_ends_too_early_is_refused(server: Server) -> None:
    head = (
        b"POST /fhir/Patient HTTP/1.1\r\nHost: a\r\nContent-Type: application/fhir+json\r\nContent-Length: 100\r\n\r\n"
    )
    reply = exchange(server.port, head + b'{"resourceType"', end=True)
    assert (reply.status, reply.json()["issue"][0]["code"]) == (400, "structure")
    assert "The body ended after 15 of 100 bytes" in reply.json()["issue"][0]["diagnostics"]
