"""Values, header fields and parts of URLs that few would send, for requests made by chance."""

from urllib.parse import quote

from hypothesis import strategies as st

from fhirhub.definitions import r4

METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "PROPFIND"])
STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        [
            {},
            [],
            [[]],
            [None],
            {"": ""},
            {"$gt": ""},
            {"$where": "1"},
            "$where",
            "a.b",
            "\0",
            "\ud800",
            "\ufffe",
            "#",
            "#o",
            "Patient/",
            "Patient?identifier=%zz",
            "urn:uuid:",
            "http://[",
            "http://a:b/",
            "2020-02-30",
            "9999-12-31T23:59:60Z",
            "-1e400",
            "1" * 400,
            10**400,
            -(10**40),
            "0001-01-01",
            "(" * 500,
            "<div>",
            "<!DOCTYPE a>",
            "..",
            "/",
            "\r\nX: y",
            {"reference": {"reference": 3}},
            {"resourceType": "Patient"},
            {"resourceType": {}},
            "_id",
            "%00",
            'W/"1"',
        ]
    ),
)
JUNK = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
    st.sampled_from(
        [
            "*",
            'W/"1"',
            "return=minimal",
            "text/html",
            "application/fhir+xml",
            "gzip",
            "deflate",
            "br",
            "chunked",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Mon, 01 Jan 0001 00:00:00 +2359",
            "identifier=a",
            "_id=%zz",
            "null",
            "bytes=0-",
            "handling=lenient",
            "a" * 3_000,
            "utf-16",
            "application/fhir+json; charset=x",
            "100-continue",
        ]
    ),
)
HEADERS = st.sampled_from(
    [
        "Accept",
        "Accept-Encoding",
        "Content-Encoding",
        "Content-Type",
        "If-Match",
        "If-None-Match",
        "If-Modified-Since",
        "If-None-Exist",
        "If-Unmodified-Since",
        "If-Range",
        "Prefer",
        "Origin",
        "Range",
        "X-Request-Id",
        "Accept-Charset",
        "Authorization",
        "Cookie",
        "X-Forwarded-Host",
        "X-HTTP-Method-Override",
        "X-Security-Context",
        "Access-Control-Request-Method",
    ]
)
SEGMENTS = st.one_of(
    st.sampled_from(
        [
            "Patient",
            "Observation",
            "Binary",
            "Patientt",
            "metadata",
            "_history",
            "_search",
            "fuzz",
            "1",
            "..",
            ".",
            "",
            "$validate",
            "%00",
            "%2f",
            "%zz",
            "%ff",
            "Resource",
            "a" * 65,
            "%0d%0aX:%20y",
        ]
    ),
    st.text(max_size=8).map(lambda text: quote(text, errors="replace", safe="")),
)
NAMES = st.one_of(
    st.sampled_from(
        [
            *sorted(r4().search_parameters("Patient")),
            "_count",
            "_sort",
            "_total",
            "_summary",
            "_elements",
            "_cursor",
            "_format",
            "_pretty",
            "_since",
            "_at",
            "_include",
            "_has:Observation:patient:code",
            "organization.name",
        ]
    ),
    st.text(max_size=6),
)
MODIFIERS = st.sampled_from(
    ["", "", "", ":missing", ":exact", ":not", ":identifier", ":Organization", ":x", ":", "[$ne]"]
)
VALUES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "true",
            "a,b",
            "a|b",
            "|",
            "\\",
            "\\,",
            "gt2020",
            "ap9999-12-31",
            "sa0001",
            "lt",
            "-1",
            "0",
            "1e3",
            "a" * 300,
            "Patient/1",
            "http://a/b",
            "_id",
            "-_lastUpdated",
            "name",
            "json",
            "xml",
            "sffff",
            "i1",
            "$gt",
            "٣",
            "\u0130",
        ]
    ),
)
