"""The whole way of a request, with whatever a client may send."""

import io
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhirhub.http.application import create_flask_app
from fhirhub.http.logs import RequestLog
from fhirhub.http.metrics import RequestMetrics
from fhirhub.http.xml import from_xml
from tests.http.echo_server import LIMIT, dispatch

OCTETS = st.text(st.characters(max_codepoint=255), max_size=40)
TYPES = ["application/fhir+json", "application/fhir+xml", "text/xml", "application/x-www-form-urlencoded", "text/plain"]
APP = create_flask_app(
    dispatch,
    base_url="http://fhir.example/fhir",
    max_request_bytes=LIMIT,
    cors_origins=("*",),
    ready=lambda: None,
    metrics=RequestMetrics(),
    log=RequestLog(write=lambda line: None),
)


@settings(max_examples=400, deadline=None)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]),
    path=st.sampled_from(["/Patient", "/Binary", "/Patient/_search", "/Patient/1", ""]) | OCTETS.map("/".__add__),
    query=OCTETS | st.sampled_from(["_format=xml", "_format=application/fhir+xml&_pretty=true"]),
    body=st.binary(max_size=60)
    | st.sampled_from([b'{"resourceType":"Patient"}', b'<Patient xmlns="http://hl7.org/fhir"/>']),
    headers=st.dictionaries(
        st.sampled_from(["HTTP_ACCEPT", "HTTP_PREFER", "HTTP_ORIGIN", "HTTP_CONTENT_ENCODING", "HTTP_ACCEPT_ENCODING"])
        | st.sampled_from(["CONTENT_TYPE", "HTTP_X_REQUEST_ID", "HTTP_X_SECURITY_CONTEXT", "CONTENT_LENGTH"]),
        OCTETS | st.sampled_from([*TYPES, "*/*", "gzip", "deflate"]),
    ),
)
def test_service_answers_anything_without_failing(
    method: str, path: str, query: str, body: bytes, headers: dict[str, str]
) -> None:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": f"/fhir{path}",
        "QUERY_STRING": query,
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        **headers,
    }
    answered: list[tuple[str, list[tuple[str, str]]]] = []
    answer = b"".join(APP.wsgi_app(environ, lambda status, headers, *_: answered.append((status, headers))))  # type: ignore[arg-type]  # the legacy write callable is never called
    ((status, sent),) = answered
    fields = dict(sent)
    assert status[:3] in ("200", "204", "400", "404", "405", "406", "413", "415"), answer
    assert all(value.isprintable() and value.isascii() for value in fields.values())
    assert fields["X-Request-Id"]
    if method == "HEAD":
        assert answer == b""
    elif status[:3] not in ("200", "204"):
        syntax = fields["Content-Type"]
        outcome = from_xml(answer) if "xml" in syntax else json.loads(answer)
        assert outcome["resourceType"] == "OperationOutcome"
        assert outcome["issue"][0]["severity"] == "error"
