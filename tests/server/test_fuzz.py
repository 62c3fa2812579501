"""Requests nobody thought of: whatever comes, the server answers, never with an error of its own, and stays ready.

FHIRHUB_TEST_FUZZ_EXAMPLES says how many requests each test makes; the same ones every time unless it is set.
"""

import gzip
import json
import os
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirhub.http.xml import from_xml, to_xml
from fhirhub.model.json import Json, encode
from fhirhub.plugin.minimal import DIV, minimal
from tests.server.raw import Reply, exchange
from tests.server.running import FHIR_JSON, FHIR_XML, Server
from tests.server.strange import HEADERS, JUNK, METHODS, MODIFIERS, NAMES, SEGMENTS, STRANGE, VALUES

ASKED = os.environ.get("FHIRHUB_TEST_FUZZ_EXAMPLES")
EXAMPLES = int(ASKED or "600")

fuzz = settings(
    max_examples=EXAMPLES,
    derandomize=ASKED is None,
    database=None,
    deadline=None,
    # The server is the same for all examples, as it is for all clients.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
pytestmark = pytest.mark.timeout(600 if ASKED else 120)

PATIENT = minimal(
    "Patient",
    id="fuzz",
    text={"status": "generated", "div": DIV},
    contained=[minimal("Organization", id="o")],
    identifier=[{"system": "urn:example:mrn", "value": "1"}],
    name=[{"family": "Müller", "given": ["Ann", "王"], "_given": [{"id": "a"}, None]}],
    birthDate="1970-02-28",
    managingOrganization={"reference": "#o"},
    extension=[{"url": "urn:example:a", "valueQuantity": {"value": 1, "unit": "m"}}],
)
BUNDLE: Json = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": "urn:uuid:0b1c8ef2-4b6c-4c6c-8a7e-2f3e0a5c9d11",
            "resource": minimal("Patient"),
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:example:mrn|1"},
        },
        {
            "resource": minimal("Observation", subject={"reference": "urn:uuid:0b1c8ef2-4b6c-4c6c-8a7e-2f3e0a5c9d11"}),
            "request": {"method": "POST", "url": "Observation"},
        },
        {"request": {"method": "GET", "url": "Patient?name=a&_count=1"}},
        {"resource": PATIENT, "request": {"method": "PUT", "url": "Patient/fuzz", "ifMatch": 'W/"1"'}},
    ],
}
PARAMETERS: Json = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "add"},
                {"name": "path", "valueString": "Patient.name.where(family = 'a')"},
                {"name": "name", "valueString": "text"},
                {"name": "value", "valueString": "b"},
            ],
        }
    ],
}
PATCH: list[Any] = [
    {"op": "add", "path": "/name/0/given/-", "value": "a"},
    {"op": "test", "path": "/id", "value": "fuzz"},
]
SENT: list[tuple[str, str, str, Any]] = [
    ("POST", "/Patient", FHIR_JSON, PATIENT),
    ("PUT", "/Patient/fuzz", FHIR_JSON, PATIENT),
    ("PUT", "/Patient?identifier=urn:example:mrn%7C1", FHIR_JSON, {k: v for k, v in PATIENT.items() if k != "id"}),
    ("POST", "", FHIR_JSON, BUNDLE),
    ("POST", "", FHIR_JSON, {**BUNDLE, "type": "batch"}),
    ("PATCH", "/Patient/fuzz", "application/json-patch+json", PATCH),
    ("PATCH", "/Patient/fuzz", "application/merge-patch+json", {"name": [{"text": "a"}], "gender": None}),
    ("PATCH", "/Patient/fuzz", FHIR_JSON, PARAMETERS),
    ("POST", "/Questionnaire", FHIR_JSON, minimal("Questionnaire", item=[{"linkId": "1", "type": "group"}])),
    ("POST", "/StructureDefinition", FHIR_JSON, minimal("StructureDefinition")),
]


def send(server: Server, method: str, target: str, body: bytes, headers: list[tuple[str, str]]) -> Reply:
    """Send a request that is HTTP at least, and hold the answer to what every answer must be."""
    head = [f"{method} /fhir{target} HTTP/1.1", "Host: a", *(f"{name}: {value}" for name, value in headers)]
    if body or method in ("POST", "PUT", "PATCH"):
        head.append(f"Content-Length: {len(body)}")
    reply = exchange(server.port, "\r\n".join([*head, "", ""]).encode() + body)
    assert 200 <= reply.status < 500, reply
    assert reply.header("X-Request-Id"), reply
    if reply.status >= 400 and method != "HEAD":
        assert outcome(reply)["resourceType"] == "OperationOutcome"
    return reply


def outcome(reply: Reply) -> Json:
    kind = reply.header("Content-Type") or ""
    body = reply.body
    if reply.header("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    found: Json = from_xml(body) if "xml" in kind else json.loads(body)
    return found


@st.composite
def places(draw: st.DrawFn, value: Any) -> tuple[Any, ...]:
    """The way to some part of a JSON value."""
    steps: list[Any] = []
    while isinstance(value, dict | list) and value and (not steps or draw(st.booleans())):
        step = draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        steps.append(step)
        value = value[step]
    return tuple(steps)


def changed(value: Any, steps: tuple[Any, ...], strange: Any) -> Any:
    """A copy in which one part is another."""
    if not steps:
        return strange
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[steps[0]] = changed(value[steps[0]], steps[1:], strange)
    return copy


@fuzz
@given(data=st.data())
def test_any_value_in_a_body_is_answered(server: Server, data: st.DataObject) -> None:
    method, target, kind, body = data.draw(st.sampled_from(SENT))
    for _ in range(data.draw(st.integers(1, 2))):
        strange = data.draw(STRANGE)
        if data.draw(st.booleans()) or not isinstance(body, dict):
            body = changed(body, data.draw(places(body)), strange)
        else:
            body = {**body, data.draw(st.one_of(st.text(max_size=6), st.sampled_from(sorted(PATIENT)))): strange}
        if not isinstance(body, dict | list):
            break
    send(server, method, target, json.dumps(body).encode(), [("Content-Type", kind)])


@fuzz
@given(data=st.data())
def test_any_change_of_a_body_is_answered(server: Server, data: st.DataObject) -> None:
    method, target, kind, body = data.draw(st.sampled_from(SENT))
    octets = encode(body)
    if kind == FHIR_JSON and data.draw(st.booleans()):
        octets, kind = to_xml(body), FHIR_XML
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(octets)))
        until = at + data.draw(st.integers(0, 8))
        octets = (
            octets[:at] + data.draw(st.one_of(st.binary(max_size=6), st.just(octets[at // 2 : until]))) + octets[until:]
        )
    send(server, method, target, octets, [("Content-Type", kind)])


@fuzz
@given(
    method=METHODS,
    segments=st.lists(SEGMENTS, max_size=5),
    query=st.lists(st.tuples(NAMES, MODIFIERS, VALUES), max_size=4),
    lenient=st.booleans(),
)
def test_any_url_is_answered(
    server: Server, method: str, segments: list[str], query: list[tuple[str, str, str]], lenient: bool
) -> None:
    pairs = (
        f"{quote(name + modifier, errors='replace')}={quote(value, errors='replace')}"
        for name, modifier, value in query
    )
    target = "".join(f"/{segment}" for segment in segments) + ("?" + "&".join(pairs) if query else "")
    body = encode(PATIENT) if method in ("POST", "PUT") else b""
    headers = [("Content-Type", FHIR_JSON)] if body else []
    send(server, method, target, body, [*headers, ("Prefer", "handling=lenient")] if lenient else headers)


@fuzz
@given(
    request=st.sampled_from(
        [
            *SENT,
            ("GET", "/Patient/fuzz", "", None),
            ("GET", "/Patient?_count=1", "", None),
            ("DELETE", "/Patient/none", "", None),
        ]
    ),
    headers=st.lists(st.tuples(HEADERS, JUNK), max_size=4),
)
def test_any_header_is_answered(
    server: Server, request: tuple[str, str, str, Any], headers: list[tuple[str, str]]
) -> None:
    method, target, kind, body = request
    own = [("Content-Type", kind)] if kind and not any(name == "Content-Type" for name, _ in headers) else []
    # What would say where the message ends is not for this test.
    send(server, method, target, encode(body) if body is not None else b"", own + headers)


@fuzz
@given(data=st.binary(max_size=60), end=st.sampled_from([b"\r\n\r\n", b"\n\n", b""]))
def test_any_bytes_are_survived(server: Server, data: bytes, end: bytes) -> None:
    reply = exchange(server.port, b"GET /fhir/" + data + end, end=True)
    assert reply.status == 0 or 200 <= reply.status < 500
    assert exchange(server.port, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n").status == 200


def test_server_is_ready_after_all_that(server: Server) -> None:
    assert server.page("/ready").json()["status"] == "ready"
    assert len(server.workers()) == 2
    assert '"exception"' not in server.log.read_text()
