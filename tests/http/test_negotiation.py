"""Which form an answer has: https://hl7.org/fhir/R4/http.html#mime-type."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.errors import FhirError
from fhirhub.http.fields import accepts_gzip, parse_media_type, parse_prefer, parse_ranges
from fhirhub.http.negotiation import JSON, accepted, negotiate, wants_native
from tests.http.conftest import Echo, Refusal

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "application/fhir+json"),
        ("*/*", "application/fhir+json"),
        ("application/*", "application/fhir+json"),
        ("text/*", "text/json"),
        ("application/fhir+json", "application/fhir+json"),
        ("application/fhir+xml", "application/fhir+xml"),
        ("Application/FHIR+XML", "application/fhir+xml"),
        ("application/json", "application/json"),
        ("text/xml", "text/xml"),
        ("application/fhir+xml, application/fhir+json", "application/fhir+xml"),
        ("application/fhir+json, application/fhir+xml", "application/fhir+json"),
        ("application/fhir+json;q=0.5, application/fhir+xml", "application/fhir+xml"),
        ("application/fhir+json;q=0, */*;q=0.1", "application/fhir+xml"),
        ("text/turtle, application/fhir+xml;q=0.2", "application/fhir+xml"),
        ("*/*;q=0.1, application/fhir+xml;q=0.2", "application/fhir+xml"),
        ("application/fhir+json; fhirVersion=4.0", "application/fhir+json; fhirVersion=4.0"),
        ("application/fhir+json; fhirVersion=3.0, application/fhir+xml;q=0.1", "application/fhir+xml"),
        (BROWSER, "application/xml"),
    ],
)
def test_accept_chooses(accept: str, content_type: str) -> None:
    form = accepted(accept)
    assert form is not None
    assert form.content_type == f"{content_type}; charset=utf-8"
    assert form.syntax == ("xml" if "xml" in content_type else "json")


@pytest.mark.parametrize(
    "accept",
    [
        *("text/html", "application/pdf", "text/turtle", "application/fhir+turtle", "nonsense", ",", "*/*;q=0"),
        *("*/*;q=x", "application/fhir+json;q=0", "application/fhir+json; fhirVersion=5.0"),
        *("application/fhir+json; fhirVersion=1", "application/fhir+xml;q=-1"),
    ],
)
def test_accept_of_nothing_given_is_refused(echo: Echo, refused: Refusal, accept: str) -> None:
    assert accepted(accept) is None
    answer = echo.ask("GET", "/Patient/1", headers={"Accept": accept})
    assert "application/fhir+json and application/fhir+xml" in refused(answer, 406, "not-supported")
    assert answer.headers["Content-Type"] == "application/fhir+json; charset=utf-8"


@pytest.mark.parametrize(
    ("value", "content_type"),
    [
        ("json", "application/fhir+json"),
        ("xml", "application/fhir+xml"),
        ("XML", "application/fhir+xml"),
        ("application/fhir+json", "application/fhir+json"),
        ("application/fhir+xml", "application/fhir+xml"),
        ("application/fhir%2Bxml", "application/fhir+xml"),
        ("application/json", "application/json"),
        ("text/json", "text/json"),
        ("text/xml", "text/xml"),
        ("application/xml", "application/xml"),
        ("application/fhir+json;fhirVersion=4.0", "application/fhir+json; fhirVersion=4.0"),
    ],
)
def test_format_beats_accept(echo: Echo, value: str, content_type: str) -> None:
    # Put together by hand: the plus sign must arrive as it stands.
    answer = echo.ask("GET", f"/Patient/1?_format={value}", headers={"Accept": "application/pdf"})
    assert answer.headers["Content-Type"] == f"{content_type}; charset=utf-8"
    assert answer.text.startswith("<?xml" if "xml" in content_type else '{"resourceType":"Parameters"')


@pytest.mark.parametrize(
    "value", ["html", "ttl", "text/turtle", "", "text/html", "application/fhir+json;fhirVersion=3.0"]
)
def test_format_of_nothing_given_is_refused(echo: Echo, refused: Refusal, value: str) -> None:
    assert "_format" in refused(echo.ask("GET", "/Patient/1", params={"_format": value}), 406, "not-supported")


def test_pretty_indents_both_syntaxes(echo: Echo) -> None:
    answer = echo.ask("GET", "/Patient/1?_pretty=true")
    assert answer.text.startswith('{\n  "resourceType": "Parameters"')
    assert answer.json()["resourceType"] == "Parameters"
    flat = echo.ask("GET", "/Patient/1?_pretty=false&_format=xml").text
    indented = echo.ask("GET", "/Patient/1?_pretty=true&_format=xml").text
    assert "\n  <parameter>" in indented
    assert "\n  <parameter>" not in flat


def test_pretty_is_a_boolean(echo: Echo, refused: Refusal) -> None:
    assert "_pretty" in refused(echo.ask("GET", "/Patient/1?_pretty=yes"), 400, "value")


def test_outcome_has_the_form_asked_for(echo: Echo) -> None:
    for answer in (
        echo.ask("GET", "/Unavailable", headers={"Accept": "application/fhir+xml"}),
        echo.ask("GET", "/Unavailable?_format=xml"),
        echo.ask("POST", "/Patient", headers={"Accept": "application/fhir+xml"}, data="x"),
    ):
        assert answer.status_code >= 400
        assert answer.headers["Content-Type"] == "application/fhir+xml; charset=utf-8"
        assert '<OperationOutcome xmlns="http://hl7.org/fhir"><issue><severity value="error"/>' in answer.text


def test_negotiate_returns_the_query_itself_when_nothing_is_taken_out() -> None:
    query = (("name", "a"), ("_summary", "true"))
    assert negotiate(query, "") == (JSON, query)
    assert negotiate(query, "")[1] is query


@pytest.mark.parametrize(
    ("accept", "native"),
    [
        ("", True),
        ("*/*", True),
        ("application/pdf", True),
        ("application/json", True),
        (BROWSER, True),
        ("application/fhir+json", False),
        ("*/*, application/fhir+xml;q=0.1", False),
        ("application/fhir+xml;q=0", True),
    ],
)
def test_native_form_is_meant_unless_fhir_is_named(accept: str, native: bool) -> None:
    assert wants_native((), accept) is native
    assert wants_native((("_format", "json"),), accept) is False


@pytest.mark.parametrize(
    ("header", "gzip"),
    [
        *(("gzip", True), ("deflate, GZIP;q=0.5", True), ("x-gzip", True), ("*", True)),
        *(("", False), ("gzip;q=0", False), ("br", False), ("identity", False)),
        *(("*;q=0", False), ("*, gzip;q=0", False), ("gzip;q=0, *", False)),
    ],
)
def test_accept_encoding_allows_gzip(header: str, gzip: bool) -> None:
    assert accepts_gzip(header) is gzip


@pytest.mark.parametrize(
    ("text", "essence", "parameters"),
    [
        ("Text/Plain", "text/plain", ()),
        ('a/b; Charset="UTF-8"; x="a;b\\"c"', "a/b", (("charset", "UTF-8"), ("x", 'a;b"c'))),
        ("a/b;;c=d;e", "a/b", (("c", "d"), ("e", ""))),
    ],
)
def test_media_type_is_taken_apart(text: str, essence: str, parameters: tuple[tuple[str, str], ...]) -> None:
    media_type = parse_media_type(text)
    assert media_type is not None
    assert (media_type.essence, media_type.parameters) == (essence, parameters)


WORDS = ["application/fhir+json", "text/xml", "*/*", "fhirVersion", "q", "return", "minimal", "0.5", *'=;,"\\ ']
HEADER = st.text(st.characters(max_codepoint=255), max_size=60) | st.lists(st.sampled_from(WORDS)).map("".join)


@given(HEADER)
def test_header_parsers_take_anything(text: str) -> None:
    for media_range, quality in parse_ranges(text):
        assert "/" in media_range.essence
        assert 0 <= quality <= 1
    assert parse_prefer(text).handling in ("strict", "lenient")
    assert accepts_gzip(text) in (True, False)
    form = accepted(text)
    assert form is None or form.content_type.isascii()


@given(st.lists(st.tuples(st.sampled_from(["_format", "_pretty", "name"]), HEADER), max_size=4), HEADER)
def test_negotiation_raises_only_fhir_errors(pairs: list[tuple[str, str]], accept: str) -> None:
    try:
        form, rest = negotiate(tuple(pairs), accept)
    except FhirError as error:
        assert error.status in (400, 406)
    else:
        assert all(name == "name" for name, _ in rest)
        assert form is None or json.dumps(form.content_type).isprintable()
