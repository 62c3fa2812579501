"""URLs and methods that are wrong, sent byte for byte.

https://hl7.org/fhir/R4/http.html, https://hl7.org/fhir/R4/search.html#errors
"""

from dataclasses import dataclass

import pytest

from fhirhub.validation import validate_resource
from tests.server.raw import Reply, exchange
from tests.server.running import Server


@dataclass(frozen=True, slots=True)
class Wrong:
    """A request target and what the refusal says."""

    target: str
    status: int
    code: str
    sentence: str
    method: str = "GET"


def ask(server: Server, method: str, target: bytes, *headers: bytes) -> Reply:
    lines = [b"%b %b HTTP/1.1" % (method.encode(), target), b"Host: 127.0.0.1", *headers, b"", b""]
    return exchange(server.port, b"\r\n".join(lines))


def said(reply: Reply, status: int, code: str) -> str:
    """Check a refusal and return what it says."""
    assert reply.status == status, reply
    assert reply.header("Content-Type") == "application/fhir+json; charset=utf-8"
    outcome = reply.json()
    assert validate_resource(outcome) == []
    (issue,) = outcome["issue"]
    assert (issue["severity"], issue["code"]) == ("error", code)
    diagnostics: str = issue["diagnostics"]
    assert len(diagnostics) <= 1_000
    return diagnostics


PATHS = [
    Wrong("/Patientt", 404, "not-supported", "Did you mean Patient?"),
    Wrong("/patient/1", 404, "not-supported", "Did you mean Patient?"),
    Wrong("/Resource/1", 404, "not-supported", "'Resource' is not a resource type"),
    Wrong("/DomainResource", 404, "not-supported", "'DomainResource' is not a resource type"),
    Wrong("/HumanName", 404, "not-supported", "'HumanName' is not a resource type"),
    Wrong("/Patient/a_b", 400, "value", "'a_b' cannot be an id"),
    Wrong("/Patient/" + "a" * 65, 400, "value", "at most 64"),
    Wrong("/Patient/" + "a" * 20_000, 400, "value", "cannot be an id"),
    Wrong("/Patient/a%20b", 400, "value", "'a b' cannot be an id"),
    Wrong("/Patient/%C3%A9", 400, "value", "'é' cannot be an id"),
    Wrong("/Patient/$where", 404, "not-supported", "no operation $where"),
    Wrong("/Patient/1/$graphql", 404, "not-supported", "no operation $graphql"),
    Wrong("/Patient/a%0D%0ASet-Cookie:%20a=b", 400, "value", "cannot be an id"),
    Wrong("/Patient/%zz", 400, "value", "'%zz' cannot be an id"),
    Wrong("/Patient/%", 400, "value", "'%' cannot be an id"),
    Wrong("/Patient/%FF", 400, "structure", "cannot be decoded as UTF-8"),
    Wrong("/Patient/%C0%AF", 400, "structure", "cannot be decoded as UTF-8"),
    Wrong("/Patient/%ED%A0%80", 400, "structure", "cannot be decoded as UTF-8"),
    Wrong("/Patient/%00", 400, "structure", "NUL"),
    Wrong("//Patient", 400, "structure", "empty segment"),
    Wrong("/Patient//1", 400, "structure", "empty segment"),
    Wrong("/Patient/1//_history", 400, "structure", "empty segment"),
    Wrong("/../health", 404, "not-supported", "'..' is not a resource type"),
    Wrong("/../../etc/passwd", 404, "not-found", "nothing at"),
    Wrong("/%2e%2e/%2e%2e/etc/passwd", 404, "not-found", "nothing at"),
    Wrong("/Patient/..%2f..%2fetc%2fpasswd", 404, "not-found", "nothing at"),
    Wrong("/Patient/..", 404, "not-found", "no Patient with the id '..'"),
    Wrong("/Patient/nope", 404, "not-found", "no Patient with the id 'nope'"),
    Wrong("/Patient/nope/", 404, "not-found", "no Patient with the id 'nope'"),
    Wrong("/Patient/nope/_history", 404, "not-found", "no Patient with the id 'nope'"),
    Wrong("/Patient/nope/_history/1", 404, "not-found", "no version '1' of Patient with the id 'nope'"),
    Wrong("/Patient/1/_history/x", 404, "not-found", "no version 'x'"),
    Wrong("/Patient/1/_history/0", 404, "not-found", "no version '0'"),
    Wrong("/Patient/1/_history/" + "9" * 100, 404, "not-found", "no version"),
    Wrong("/Patient/1/_history/1/2", 404, "not-found", "nothing at"),
    Wrong("/Patient/1/Nothing", 404, "not-found", "nothing at"),
    Wrong("/" + "/".join(["a"] * 500), 404, "not-found", "nothing at"),
    Wrong("/Patient;id=1", 404, "not-supported", "Did you mean Patient?"),
]

UNKNOWN = "no such search parameter"
QUERIES = [
    Wrong("/Patient?nam=a", 400, "not-supported", "Did you mean name?"),
    Wrong("/Patient?$where=1", 400, "not-supported", UNKNOWN),
    Wrong("/Patient?_id[$ne]=1", 400, "not-supported", UNKNOWN),
    Wrong("/Patient?name[$gt]=", 400, "not-supported", UNKNOWN),
    Wrong("/Patient?=1", 400, "not-supported", UNKNOWN),
    Wrong("/Patient?" + "a" * 20_000 + "=1", 400, "not-supported", "Search parameter aaa"),
    Wrong("/Patient?_include=Patient:organisation", 400, "value", "organization"),
    Wrong("/Patient?organization.nam=a", 400, "not-supported", "nam"),
    Wrong("/Patient?_has:Observation:patent:code=1", 400, "not-supported", "patient"),
    Wrong("/Patient?name:contain=a", 400, "not-supported", ":contains"),
    Wrong("/Patient?name:=a", 400, "value", "modifier is missing"),
    Wrong("/Patient?name", 400, "value", "empty"),
    Wrong("/Patient?name=", 400, "value", "empty"),
    Wrong("/Patient?name=a,", 400, "value", "empty"),
    Wrong("/Patient?name=a%5Cb", 400, "value", "backslash"),
    Wrong("/Patient?name=" + "a" * 20_000, 400, "value", "shorten"),
    Wrong("/Patient?name=%zz", 400, "structure", "two hexadecimal digits"),
    Wrong("/Patient?name=%FF", 400, "structure", "UTF-8"),
    Wrong("/Patient?name=%ED%A0%80", 400, "structure", "UTF-8"),
    Wrong("/Patient?name=a%00b", 400, "structure", "NUL"),
    Wrong("/Patient?a%00b=1", 400, "structure", "NUL"),
    Wrong("/Patient?" + "&".join(["a"] * 10_001), 400, "too-costly", "10000 parameters"),
    Wrong("/Patient?_id=" + ",".join(["1"] * 2_000), 400, "too-costly", "1000"),
    Wrong("/Patient?_id=$where", 400, "value", "'$where' is no logical id"),
    Wrong("/Patient?birthdate=yesterday", 400, "value", "'yesterday' is no date"),
    Wrong("/Patient?birthdate=2020-02-30", 400, "value", "is no date"),
    Wrong("/Patient?birthdate=ge", 400, "value", "is no date"),
    Wrong("/Patient?birthdate:missing=1", 400, "value", "true or false"),
    Wrong("/Patient?_lastUpdated=gt10000-01-01", 400, "value", "is no date"),
    Wrong("/Patient?gender=a%7Cb%7Cc", 400, "value", "system|code"),
    Wrong("/Patient?organization=Foo/1", 400, "value", "none of its target types"),
    Wrong("/Patient?_count=-1", 400, "value", "'-1'"),
    Wrong("/Patient?_count=1.5", 400, "value", "'1.5'"),
    Wrong("/Patient?_count=", 400, "value", "whole number"),
    Wrong("/Patient?_count=" + "9" * 5_000, 400, "value", "whole number"),
    Wrong("/Patient?_count=%D9%A3", 400, "value", "whole number"),
    Wrong("/Patient?_count=1&_count=2", 400, "value", "more than once"),
    Wrong("/Patient?_sort=nope", 400, "value", "'nope'"),
    Wrong("/Patient?_sort=-", 400, "value", "no search parameter ''"),
    Wrong("/Patient?_total=many", 400, "value", "accurate"),
    Wrong("/Patient?_summary=yes", 400, "value", "expected true, text, data, count, false"),
    Wrong("/Patient?_elements=nope", 400, "value", "'nope'"),
    Wrong("/Patient?_cursor=junk", 400, "value", "not one this server made"),
    Wrong("/Patient?_cursor=", 400, "value", "empty"),
    Wrong("/Patient?_cursor=s" + "f" * 5_000, 400, "value", "_cursor"),
    Wrong("/Patient?_format=text/html", 406, "not-supported", "'text/html'"),
    Wrong("/Patient?_format=", 406, "not-supported", "application/fhir+json"),
    Wrong("/Patient?_format=json%0D%0AX:%20y", 406, "not-supported", "_format"),
    Wrong("/Patient?_pretty=yes", 400, "value", "'yes'"),
    Wrong("/Patient/1?name=a", 400, "not-supported", "read does not know the parameter 'name'"),
    Wrong("/Patient/nope/_history?name=a", 400, "not-supported", "does not know the parameter 'name'"),
    Wrong("/_history?_since=yesterday", 400, "value", "'yesterday'"),
    Wrong("/_history?_at=2020-13", 400, "value", "'2020-13'"),
    Wrong("/_history?_count=-1", 400, "value", "'-1'"),
    Wrong("/_history?_cursor=junk", 400, "value", "'junk'"),
    Wrong("/_history?_cursor=-1", 400, "value", "'-1'"),
    Wrong("/_history?_cursor=" + "f" * 5_000, 400, "value", "_cursor"),
    Wrong("/metadata?mode=fast", 400, "value", "'fast'"),
    Wrong("/Patient", 400, "invalid", "select nothing", "DELETE"),
    Wrong("/Patient?_count=100", 400, "invalid", "select nothing", "DELETE"),
    Wrong("/Patient?nam=a", 400, "not-supported", "Did you mean name?", "DELETE"),
    Wrong("/Patient?name=%zz", 400, "structure", "two hexadecimal digits", "DELETE"),
]


@pytest.mark.parametrize("wrong", [*PATHS, *QUERIES], ids=lambda wrong: f"{wrong.method} {wrong.target[:60]}")
def test_url_that_is_wrong_is_refused(server: Server, wrong: Wrong) -> None:
    reply = ask(server, wrong.method, f"/fhir{wrong.target}".encode())
    assert wrong.sentence in said(reply, wrong.status, wrong.code)
    assert reply.header("Set-Cookie") is None
    assert reply.header("X") is None


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        *((method, "/metadata", "GET, HEAD") for method in ("POST", "PUT", "PATCH", "DELETE")),
        *((method, "/_history", "GET, HEAD") for method in ("POST", "PUT", "DELETE")),
        *((method, "", "GET, HEAD, POST") for method in ("PUT", "PATCH", "DELETE")),
        *((method, "/_search", "POST") for method in ("GET", "HEAD", "PUT", "DELETE")),
        *((method, "/Patient/_search", "POST") for method in ("GET", "HEAD", "PUT", "DELETE")),
        *((method, "/Patient/_history", "GET, HEAD") for method in ("POST", "PUT", "DELETE")),
        *((method, "/Patient/1/_history", "GET, HEAD") for method in ("POST", "PUT", "DELETE")),
        *((method, "/Patient/1/_history/1", "GET, HEAD") for method in ("POST", "PUT", "DELETE")),
        ("POST", "/Patient/1", "DELETE, GET, HEAD, PATCH, PUT"),
        *(
            (method, "/Patient", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
            for method in ("TRACE", "CONNECT", "PROPFIND", "get", "A" * 300)
        ),
    ],
)
def test_method_that_a_path_does_not_take_is_refused(server: Server, method: str, target: str, allow: str) -> None:
    headers = (
        [b"Content-Type: application/fhir+json", b"Content-Length: 2"] if method in ("POST", "PUT", "PATCH") else []
    )
    head = [b"%b /fhir%b HTTP/1.1" % (method.encode(), target.encode()), b"Host: a", *headers, b"", b""]
    reply = exchange(server.port, b"\r\n".join(head) + (b"{}" if headers else b""))
    if method == "HEAD":
        assert (reply.status, reply.body) == (405, b"")
    else:
        assert method[:100] in said(reply, 405, "not-supported")
    assert ", ".join(sorted((reply.header("Allow") or "").split(", "))) == allow


@pytest.mark.parametrize("target", ["/Patient?nam=a&_count=1", "/Patient?organization.nam=a&_count=1"])
def test_lenient_handling_ignores_unknown_parameters_and_says_so(server: Server, target: str) -> None:
    answer = server.ask("GET", target, headers={"Prefer": "handling=lenient"})
    assert answer.status_code == 200
    bundle = answer.json()
    outcome = next(row["resource"] for row in bundle["entry"] if row["search"]["mode"] == "outcome")
    assert [(issue["severity"], issue["code"]) for issue in outcome["issue"]] == [("warning", "not-supported")]
    assert bundle["link"][0]["url"] == f"{server.base}/Patient?_count=1"


@pytest.mark.parametrize("query", ["_count=-1", "birthdate=yesterday", "name=%zz", "name:contain=a"])
def test_lenient_handling_ignores_nothing_that_would_change_the_meaning(server: Server, query: str) -> None:
    reply = ask(server, "GET", f"/fhir/Patient?{query}".encode(), b"Prefer: handling=lenient")
    assert reply.status == 400
    assert reply.json()["issue"][0]["severity"] == "error"


@pytest.mark.parametrize("target", ["/_history?_count=99999999999999", "/Patient?_count=99999999999999"])
def test_count_above_the_largest_page_counts_as_that(server: Server, target: str) -> None:
    answer = server.ask("GET", target)
    assert answer.status_code == 200
    assert answer.json()["resourceType"] == "Bundle"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/fhir/Patient/\xff", 400),
        (b"/fhir/Patient/" + b"a" * 100_000, 414),
        (b"/fhir/Patient?name=" + b"a" * 1_000_000, 431),
    ],
)
def test_target_that_http_itself_refuses_has_an_empty_answer(server: Server, target: bytes, status: int) -> None:
    reply = ask(server, "GET", target)
    assert (reply.status, reply.body) == (status, b"")
    assert server.page("/ready").status_code == 200


@pytest.mark.parametrize("target", ["/nothing", "/fhirs", "/FHIR/metadata", "/fhir.", "*"])
def test_path_beside_the_service_is_no_part_of_it(server: Server, target: str) -> None:
    reply = ask(server, "GET", target.encode())
    assert (reply.status, reply.json()["status"]) == (404, 404)
    assert reply.header("Content-Type") == "application/json"


def test_absolute_target_is_answered_as_its_path(server: Server) -> None:
    reply = ask(server, "GET", f"http://elsewhere.example/fhir/Patient/nope?a={'b'}".encode())
    assert "does not know the parameter 'a'" in said(reply, 400, "not-supported")
    assert reply.json()["issue"][0]["expression"] == ["http.a"]
