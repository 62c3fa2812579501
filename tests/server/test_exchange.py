"""Headers on both ways: versions, dates, locations, preferences, conditions, other origins, request ids, the log.

https://hl7.org/fhir/R4/http.html, https://www.rfc-editor.org/rfc/rfc9110
"""

import re
import uuid
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote

import pytest

from fhirhub.plugin.minimal import minimal
from fhirhub.validation import validate_resource
from tests.server.conftest import ORIGIN, Refusal
from tests.server.running import FHIR_JSON, FHIR_XML, Server

HTTP_DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT"
)
SECURE = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "no-referrer",
}


def test_write_says_version_date_and_location(server: Server) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    made = server.send("POST", "/Patient", minimal("Patient"))
    resource = made.json()
    assert made.headers["ETag"] == 'W/"1"'
    assert made.headers["Location"] == f"{server.base}/Patient/{resource['id']}/_history/1"
    assert HTTP_DATE.fullmatch(made.headers["Last-Modified"])
    stated = parsedate_to_datetime(made.headers["Last-Modified"])
    assert before <= stated <= datetime.now(UTC)
    assert stated == datetime.fromisoformat(resource["meta"]["lastUpdated"]).replace(microsecond=0)
    assert resource["meta"]["versionId"] == "1"
    assert server.session.get(made.headers["Location"], timeout=60).json() == resource
    uuid.UUID(resource["id"])


def test_every_answer_is_kept_from_caches_and_frames(server: Server) -> None:
    for path in ("/metadata", "/Patient", "/Patient/nope", "/Nope"):
        headers = server.ask("GET", path).headers
        assert {name: headers[name] for name in SECURE} == SECURE
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "Accept" in headers["Vary"]
        assert "Server" not in headers or "fhirhub" not in headers["Server"]


@pytest.mark.parametrize(
    ("prefer", "shown"),
    [
        ("return=minimal", "nothing"),
        ('return="minimal"', "nothing"),
        ("handling=strict, return=minimal", "nothing"),
        ("return=representation", "resource"),
        ("return=OperationOutcome", "outcome"),
        ("return=minimal, return=representation", "nothing"),
        (None, "resource"),
    ],
)
def test_prefer_chooses_what_a_write_shows(server: Server, prefer: str | None, shown: str) -> None:
    headers = {} if prefer is None else {"Prefer": prefer}
    logical_id = uuid.uuid4().hex
    path = f"/Patient/{logical_id}"
    patch = {"Content_Type": "application/merge-patch+json"}
    answers = [
        server.send("POST", "/Patient", minimal("Patient"), **headers),
        server.send("PUT", path, minimal("Patient", id=logical_id), **headers),
        server.send("PUT", path, minimal("Patient", id=logical_id, active=True), **headers),
        server.send("PATCH", path, {"active": False}, **headers, **patch),
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 200, 200]
    assert [answer.headers["ETag"] for answer in answers] == ['W/"1"', 'W/"1"', 'W/"2"', 'W/"3"']
    for answer in answers:
        if shown == "nothing":
            assert (answer.content, answer.headers["Content-Length"]) == (b"", "0")
            continue
        assert answer.json()["resourceType"] == {"resource": "Patient", "outcome": "OperationOutcome"}[shown]
        assert validate_resource(answer.json()) == []
    deleted = server.ask("DELETE", path, headers=headers)
    assert (deleted.status_code, bool(deleted.content)) == ((200, True) if shown == "outcome" else (204, False))


def test_read_is_conditional(server: Server) -> None:
    made = server.send("POST", "/Patient", minimal("Patient"))
    path = f"/Patient/{made.json()['id']}"
    modified = parsedate_to_datetime(made.headers["Last-Modified"])
    later, earlier = (format_datetime(modified + timedelta(seconds=each), usegmt=True) for each in (1, -1))
    unchanged = [
        {"If-None-Match": made.headers["ETag"]},
        {"If-None-Match": '"1"'},
        {"If-None-Match": 'W/"7", W/"1"'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": made.headers["Last-Modified"]},
        {"If-Modified-Since": later},
        # RFC 9110, 13.2.2: with both, the date does not count.
        {"If-None-Match": made.headers["ETag"], "If-Modified-Since": earlier},
    ]
    changed = [
        {"If-None-Match": 'W/"2"'},
        {"If-Modified-Since": earlier},
        {"If-None-Match": 'W/"2"', "If-Modified-Since": later},
    ]
    for headers in unchanged:
        for form in (FHIR_JSON, FHIR_XML):
            answer = server.ask("GET", path, headers={**headers, "Accept": form})
            assert (answer.status_code, answer.content) == (304, b"")
            assert (answer.headers["ETag"], answer.headers["Last-Modified"]) == ('W/"1"', made.headers["Last-Modified"])
            assert "Vary" in answer.headers
    for headers in changed:
        assert server.ask("GET", path, headers=headers).json() == made.json()


def test_update_is_conditional(server: Server, refused: Refusal) -> None:
    logical_id = uuid.uuid4().hex
    path = f"/Patient/{logical_id}"
    absent = minimal("Patient", id=logical_id)
    assert "does not exist" in refused(server.send("PUT", path, absent, If_Match='W/"1"'), 412, "conflict")
    assert server.send("PUT", path, absent, If_None_Match="*").status_code == 201
    assert "exist" in refused(
        server.send("PUT", path, minimal("Patient", id=logical_id, active=True), If_None_Match="*"), 412, "conflict"
    )
    for version in (1, 2):
        body = minimal("Patient", id=logical_id, multipleBirthInteger=version)
        assert server.send("PUT", path, body, If_Match=f'W/"{version}"').headers["ETag"] == f'W/"{version + 1}"'
        refused(server.send("PUT", path, absent, If_Match=f'W/"{version}"'), 412, "conflict")
    same = server.send("PUT", path, minimal("Patient", id=logical_id, multipleBirthInteger=2))
    assert (same.status_code, same.headers["ETag"]) == (200, 'W/"3"')
    refused(server.ask("DELETE", path, headers={"If-Match": 'W/"1"'}), 412, "conflict")
    gone = server.ask("DELETE", path, headers={"If-Match": 'W/"3"'})
    assert (gone.status_code, gone.headers["ETag"]) == (204, 'W/"4"')
    assert "version 4" in refused(server.ask("GET", path), 410, "deleted")
    again = server.send("PUT", path, absent)
    assert (again.status_code, again.headers["ETag"]) == (201, 'W/"5"')


def test_write_finds_its_target_by_criteria(server: Server, refused: Refusal) -> None:
    value = uuid.uuid4().hex
    criteria = f"identifier=urn:example:mrn%7C{value}"
    known = minimal("Patient", identifier=[{"system": "urn:example:mrn", "value": value}])
    first = server.send("POST", "/Patient", known, If_None_Exist=criteria)
    second = server.send("POST", "/Patient", known, If_None_Exist=f"?{criteria}")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["Location"] == first.headers["Location"]
    updated = server.send("PUT", f"/Patient?{criteria}", {**known, "active": True})
    assert (updated.status_code, updated.headers["ETag"]) == (200, 'W/"2"')
    refused(server.send("PUT", f"/Patient?{criteria}", {**known, "active": False}, If_Match='W/"1"'), 412, "conflict")
    server.created(known)
    for answer in (
        server.send("POST", "/Patient", known, If_None_Exist=criteria),
        server.send("PUT", f"/Patient?{criteria}", known),
        server.ask("DELETE", f"/Patient?{criteria}"),
    ):
        assert "match more than 1" in refused(answer, 412, "multiple-matches")
    assert server.ask("DELETE", f"/Patient?{criteria}&_count=10").status_code == 200
    assert server.ask("GET", f"/Patient?{criteria}").json()["total"] == 0
    assert server.ask("DELETE", f"/Patient?{criteria}").status_code == 204


def test_other_origins_are_answered_where_they_are_known(server: Server) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type, if-match",
    }
    preflight = server.ask("OPTIONS", "/Patient/1", headers=asked)
    assert (preflight.status_code, preflight.content) == (204, b"")
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert {"PUT", "PATCH", "DELETE"} <= set(preflight.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = preflight.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"content-type", "if-match", "if-none-exist", "prefer", "authorization"} <= set(allowed)
    assert "Origin" in preflight.headers["Vary"]
    for path in ("/metadata", "/Patient/nope"):
        headers = server.ask("GET", path, headers={"Origin": ORIGIN}).headers
        assert headers["Access-Control-Allow-Origin"] == ORIGIN
        assert {"ETag", "Location", "Last-Modified"} <= set(headers["Access-Control-Expose-Headers"].split(", "))
        assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://app.example.evil.example", "null", "http://app.example", "*"]
)
def test_other_origins_that_are_not_known_get_no_leave(server: Server, origin: str) -> None:
    for method in ("OPTIONS", "GET"):
        headers = server.ask(
            method, "/metadata", headers={"Origin": origin, "Access-Control-Request-Method": "GET"}
        ).headers
        assert not [name for name in headers if name.lower().startswith("access-control-")]
        assert "Origin" in headers["Vary"]


PDF = b"%PDF-1.4\n" + bytes(range(256))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/pdf", PDF),
        ("text/html", b"<script>alert(1)</script>"),
        ("image/svg+xml", b"<svg onload='alert(1)'/>"),
        ("application/json", b'{"not": "FHIR"}'),
        ("text/plain; charset=latin-1", b"\xe4"),
    ],
)
def test_binary_goes_in_and_out_as_it_is_and_runs_nowhere(server: Server, kind: str, body: bytes) -> None:
    made = server.ask("POST", "/Binary", data=body, headers={"Content-Type": kind, "X-Security-Context": "Patient/1"})
    assert made.status_code == 201, made.text
    path = made.headers["Location"].removeprefix(server.base)
    for target in (path, path.partition("/_history")[0]):
        raw = server.ask("GET", target)
        assert (raw.content, raw.headers["Content-Type"]) == (body, kind)
        assert raw.headers["Content-Disposition"] == "attachment"
        assert raw.headers["X-Content-Type-Options"] == "nosniff"
        assert raw.headers["Content-Security-Policy"].startswith("sandbox")
        assert raw.headers["X-Security-Context"] == "Patient/1"
        assert raw.headers["ETag"] == 'W/"1"'
    resource = server.ask("GET", path, headers={"Accept": FHIR_JSON}).json()
    assert (resource["resourceType"], resource["contentType"]) == ("Binary", kind)
    assert server.ask("GET", path, headers={"Accept": FHIR_XML}).headers["Content-Type"].startswith(FHIR_XML)
    changed = server.ask("PUT", f"/Binary/{resource['id']}", data=b"2", headers={"Content-Type": "text/plain"})
    assert (changed.status_code, changed.headers["ETag"]) == (200, 'W/"2"')
    assert server.ask("GET", f"/Binary/{resource['id']}").content == b"2"


def test_binary_that_cannot_be_found_is_an_operation_outcome(server: Server, refused: Refusal) -> None:
    refused(server.ask("GET", "/Binary/nope"), 404, "not-found")


def test_request_id_is_taken_over_or_made(server: Server) -> None:
    given = f"test-{uuid.uuid4().hex}"
    assert server.ask("GET", "/metadata", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given
    assert server.logged(given)["path"] == "/fhir/metadata"
    made = {server.ask("GET", "/Patient/nope").headers["X-Request-Id"] for _ in range(5)}
    assert len(made) == 5
    assert all(server.logged(each)["status"] == 404 for each in made)
    assert server.page("/health").headers["X-Request-Id"]


def test_log_holds_no_values(server: Server) -> None:
    secret = f"Secret{uuid.uuid4().hex}"
    given = f"log-{uuid.uuid4().hex}"
    headers = {"X-Request-Id": given}
    server.ask("GET", f"/Patient?name={secret}&birthdate={secret}", headers=headers)
    line = server.logged(given)
    assert (line["parameters"], line["status"], line["method"]) == (["name", "birthdate"], 400, "GET")
    server.ask("GET", f"/Patient?name={secret}&_id={quote(secret)}", headers=headers)
    server.ask("POST", "/Patient/_search", data={"name": secret}, headers=headers)
    server.ask("GET", f"/Patient?{secret}%20%3D=1", headers=headers)
    server.send("POST", "/Patient", minimal("Patient", name=[{"family": secret}], gender=secret))
    server.send("POST", "/Patient", minimal("Patient", name=[{"family": secret}]), If_None_Exist=f"name={secret}")
    server.send("PUT", f"/Patient?name={secret}", minimal("Patient"), If_Match=secret, Authorization=secret)
    last = f"log-{uuid.uuid4().hex}"
    server.ask("GET", "/metadata", headers={"X-Request-Id": last})
    server.logged(last)
    assert secret not in server.log.read_text()


def test_log_line_cannot_be_forged(server: Server) -> None:
    given = f"forged-{uuid.uuid4().hex}"
    server.ask("GET", f"/Patient/a%0A{{%22request_id%22:%22{given}-2%22}}", headers={"X-Request-Id": given})
    assert server.logged(given)["status"] == 400
    assert not any(line.startswith('{"request_id"') for line in server.log.read_text().splitlines())
