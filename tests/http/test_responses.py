"""Status, headers and bytes of answers: https://hl7.org/fhir/R4/http.html#Http-Headers."""

import gzip
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.http.response import http_date
from tests.http.conftest import Echo, Refusal
from tests.http.echo_server import SECRET


def test_version_and_location_become_headers(echo: Echo) -> None:
    answer = echo.ask("GET", "/Basic/versioned")
    assert answer.status_code == 201
    assert answer.headers["ETag"] == 'W/"3"'
    assert answer.headers["Last-Modified"] == "Thu, 29 Feb 2024 23:59:58 GMT"
    assert answer.headers["Location"] == answer.headers["Content-Location"]
    assert answer.headers["Location"] == "http://fhir.example/fhir/Basic/versioned/_history/3"
    assert answer.json() == {"resourceType": "Basic", "id": "versioned"}


def test_security_headers_are_on_every_answer(echo: Echo) -> None:
    for path in ("/Basic/versioned", "/Broken", "/Basic/unmodified", "/Binary/page"):
        answer = echo.ask("GET", path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Vary"] == "Accept, Accept-Encoding, Origin"
        if answer.content:
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/Basic/versioned", "/Basic/large", "/Unavailable", "/Basic/unmodified", "/Binary/pdf"]
)
def test_head_has_the_headers_of_get_and_no_body(echo: Echo, path: str) -> None:
    got, head = echo.ask("GET", path), echo.ask("HEAD", path)
    assert head.status_code == got.status_code
    assert head.content == b""
    own = ("date", "x-request-id")
    assert {k: v for k, v in head.headers.items() if k.lower() not in own} == {
        k: v for k, v in got.headers.items() if k.lower() not in own
    }


@pytest.mark.parametrize(("path", "status", "version"), [("unmodified", 304, "3"), ("deleted", 204, "4")])
def test_bodiless_status_has_no_content_headers(echo: Echo, path: str, status: int, version: str) -> None:
    answer = echo.ask("GET", f"/Basic/{path}")
    assert (answer.status_code, answer.content) == (status, b"")
    assert answer.headers["ETag"] == f'W/"{version}"'
    assert "Content-Type" not in answer.headers


def test_empty_body_says_its_length(echo: Echo) -> None:
    answer = echo.ask("GET", "/Basic/empty")
    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, "0", b"")


def test_large_body_is_compressed_when_accepted(echo: Echo) -> None:
    with requests.get(
        f"{echo.base}/Basic/large", headers={"Accept-Encoding": "gzip"}, stream=True, timeout=20
    ) as answer:
        packed = answer.raw.read()
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Content-Length"] == str(len(packed))
    plain = echo.ask("GET", "/Basic/large", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content
    assert len(packed) < len(plain.content) / 10


def test_small_body_is_not_compressed(echo: Echo) -> None:
    answer = echo.ask("GET", "/Basic/versioned", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert len(answer.content) == int(answer.headers["Content-Length"])


def test_request_id_of_the_client_comes_back_if_sane(echo: Echo) -> None:
    assert echo.ask("GET", "/Patient/1", headers={"X-Request-Id": "A.b_c-9"}).headers["X-Request-Id"] == "A.b_c-9"
    for bad in ("a b", "x" * 65, "a/b", "<script>"):
        made = echo.ask("GET", "/Patient/1", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", made)


def test_failure_inside_says_nothing_but_the_request_id(echo: Echo, refused: Refusal) -> None:
    answer = echo.ask("GET", "/Broken?name=a")
    diagnostics = refused(answer, 500, "exception")
    assert answer.headers["X-Request-Id"] in diagnostics
    assert SECRET not in answer.text
    assert "ZeroDivision" not in answer.text
    (line,) = [
        line for line in echo.log.read_text().splitlines() if answer.headers["X-Request-Id"] in line and SECRET in line
    ]
    logged = json.loads(line)
    assert (logged["level"], logged["request_id"]) == ("error", answer.headers["X-Request-Id"])
    assert "ZeroDivisionError" in logged["exception"]


def test_failure_xml_cannot_carry_is_told_in_json(echo: Echo, refused: Refusal) -> None:
    answer = echo.ask("GET", "/Basic/unshowable", headers={"Accept": "application/fhir+xml"})
    assert refused(answer, 400, "invalid") == "Not a code: \x01."
    assert answer.headers["Content-Type"] == "application/fhir+json; charset=utf-8"


def test_failure_headers_are_passed_on(echo: Echo, refused: Refusal) -> None:
    answer = echo.ask("GET", "/Unavailable")
    assert refused(answer, 503, "transient") == "The database does not answer."
    assert answer.headers["Retry-After"] == "3"


def test_cross_origin_pages_are_answered_by_rule(echo: Echo) -> None:
    allowed = echo.ask("GET", "/Patient/1", headers={"Origin": "https://app.example"})
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example"
    exposed = allowed.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"ETag", "Location", "Content-Location", "Last-Modified", "X-Request-Id"} <= set(exposed)
    for origin in ("https://evil.example", "https://app.example.evil", "null", "*"):
        foreign = echo.ask("GET", "/Patient/1", headers={"Origin": origin})
        assert not _cross_origin(foreign)
    assert not _cross_origin(echo.ask("GET", "/Patient/1"))


def test_cross_origin_preflight_is_answered_without_dispatch(echo: Echo) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PUT"}
    answer = echo.ask("OPTIONS", "/Broken", headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert {"Authorization", "If-Match", "Prefer"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))
    refused = echo.ask("OPTIONS", "/Patient", headers=asked | {"Origin": "https://evil.example"})
    assert refused.status_code == 204
    assert not _cross_origin(refused)
    assert refused.headers["Allow"].startswith("GET, HEAD")


def _cross_origin(answer: requests.Response) -> list[str]:
    return [name for name in answer.headers if name.lower().startswith("access-control")]


@given(st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)), st.integers(-840, 840))
def test_http_date_agrees_with_the_standard_library(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert http_date(aware) == format_datetime(aware.astimezone(UTC).replace(microsecond=0), usegmt=True)
