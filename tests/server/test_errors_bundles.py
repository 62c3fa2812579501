"""Bundles at the base URL that are wrong: refused whole as a transaction, entry by entry as a batch.

https://hl7.org/fhir/R4/http.html#transaction
"""

import uuid
from typing import Any

import pytest

from fhirhub.model.json import Json, encode
from fhirhub.plugin.minimal import minimal
from fhirhub.validation import validate_resource
from tests.server.conftest import Refusal
from tests.server.running import FHIR_JSON, Server

NOTHING = object()
PLACEHOLDER = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"


def entry(method: Any = "POST", url: Any = "Patient", resource: Any = NOTHING, **request: Any) -> Json:
    row: Json = {"request": {"method": method, "url": url, **request}}
    if resource is NOTHING and method in ("POST", "PUT", "PATCH"):
        resource = minimal("Patient")
    return row if resource is NOTHING else {"resource": resource, **row}


def patch(binary: Json) -> Json:
    return entry("PATCH", "Patient/nope", {"resourceType": "Binary", **binary})


# What is wrong with one entry: name, entry, status, issue code, what the sentence says.
WRONG: list[tuple[str, Any, int, str, str]] = [
    ("null", None, 400, "invalid", "no request"),
    ("number", 3, 400, "invalid", "no request"),
    ("array", [], 400, "invalid", "no request"),
    ("no request", {"resource": minimal("Patient")}, 400, "invalid", "no request"),
    ("request null", {"request": None}, 400, "invalid", "no request"),
    ("request text", {"request": "POST Patient"}, 400, "invalid", "no request"),
    ("no method", {"request": {"url": "Patient"}}, 400, "value", "method"),
    ("no url", {"request": {"method": "GET"}}, 400, "invalid", "no url"),
    ("TRACE", entry("TRACE"), 400, "value", "'TRACE'"),
    ("lower case", entry("post"), 400, "value", "'post'"),
    ("method number", entry(3), 400, "invalid", "must be a string"),
    ("url number", entry(url=3), 400, "invalid", "must be a string"),
    ("url object", entry(url={"$gt": ""}), 400, "invalid", "must be a string"),
    ("url empty", entry(url=""), 400, "invalid", "cannot contain a batch or transaction"),
    ("bundle in a bundle", entry("POST", "", minimal("Bundle")), 400, "invalid", "cannot contain a batch"),
    ("url that goes up and out", entry("GET", "Patient/../../x"), 404, "not-found", "nothing at"),
    ("url of another host", entry(url="http://elsewhere.example/fhir/Patient"), 400, "value", "is not below"),
    ("url of a file", entry("GET", "file:///etc/passwd"), 400, "value", "is not below"),
    ("url of a script", entry("GET", "javascript:alert(1)"), 404, "not-supported", "is not a resource type"),
    ("url with a line feed", entry("GET", "Patient/a\r\nX: y"), 400, "value", "cannot be an id"),
    ("url with a broken escape", entry("GET", "Patient?name=%zz"), 400, "value", "not a valid URL"),
    ("url with NUL", entry("GET", "Patient?name=a%00"), 400, "value", "not a valid URL"),
    ("url with no UTF-8", entry("GET", "Patient/%ff"), 400, "value", "not a valid URL"),
    ("url of an unknown type", entry(url="Patientt"), 404, "not-supported", "Did you mean Patient?"),
    ("url with an unknown parameter", entry("GET", "Patient?nam=a"), 400, "not-supported", "Did you mean name?"),
    ("url of an operation", entry("GET", "Patient/$graphql"), 404, "not-supported", "$graphql"),
    ("url of what is not there", entry("GET", "Patient/nope"), 404, "not-found", "'nope'"),
    ("HEAD of what is not there", entry("HEAD", "Patient/nope"), 404, "not-found", "'nope'"),
    ("operator in a search", entry("GET", "Patient?_id[$ne]=1"), 400, "not-supported", "_id[$ne]"),
    ("resource missing", entry("POST", "Patient", None), 400, "structure", "must be one Patient"),
    ("resource text", entry(resource="a"), 400, "structure", "must be one Patient"),
    ("resource array", entry(resource=[]), 400, "structure", "must be one Patient"),
    ("resource empty", entry(resource={}), 400, "invalid", "no resourceType"),
    ("resource of another type", entry(url="Observation"), 400, "invalid", "takes a Observation"),
    (
        "resource invalid",
        entry(resource=minimal("Patient", gender="man")),
        400,
        "code-invalid",
        "administrative-gender",
    ),
    ("resource with an operator", entry(resource=minimal("Patient", **{"$where": "1"})), 400, "structure", "$where"),
    (
        "contained in contained",
        entry(
            resource=minimal("Patient", contained=[minimal("Patient", id="a", contained=[minimal("Patient", id="b")])])
        ),
        400,
        "invariant",
        "cannot contain",
    ),
    (
        "reference that is an object",
        entry(resource=minimal("Patient", managingOrganization={"reference": {"$gt": ""}})),
        400,
        "structure",
        "Expected a string",
    ),
    (
        "PUT with another id",
        entry("PUT", "Patient/a1", minimal("Patient", id="a2")),
        400,
        "invalid",
        "must be the same",
    ),
    ("PUT without an id", entry("PUT", "Patient"), 400, "invalid", "select nothing"),
    ("DELETE of everything", entry("DELETE", "Patient"), 400, "invalid", "select nothing"),
    (
        "ifMatch junk",
        entry("PUT", "Patient/a1", minimal("Patient", id="a1"), ifMatch="junk"),
        412,
        "conflict",
        "'junk'",
    ),
    ("ifNoneExist empty", entry(ifNoneExist=""), 400, "invalid", "select nothing"),
    ("ifNoneExist object", entry(ifNoneExist={"$gt": ""}), 400, "invalid", "must be a string"),
    ("ifNoneExist unknown", entry(ifNoneExist="nam=a"), 400, "not-supported", "Did you mean name?"),
    ("ifNoneExist broken", entry(ifNoneExist="name=%zz"), 400, "invalid", "two hexadecimal digits"),
    ("misspelt condition", entry(ifNoneExists="identifier=1"), 400, "invalid", "Did you mean ifNoneExist?"),
    ("misspelt property", {**entry(), "fullurl": PLACEHOLDER}, 400, "invalid", "Did you mean fullUrl?"),
    ("fullUrl number", {**entry(), "fullUrl": 3}, 400, "invalid", "fullUrl must be a string"),
    (
        "patch of what is not there",
        patch({"contentType": "application/json-patch+json", "data": "W10="}),
        404,
        "not-found",
        "'nope'",
    ),
    (
        "patch that is no base64",
        patch({"contentType": "application/json-patch+json", "data": "!"}),
        400,
        "invalid",
        "not base64",
    ),
    (
        "patch that is no JSON",
        patch({"contentType": "application/json-patch+json", "data": "Ww=="}),
        400,
        "structure",
        "not JSON",
    ),
]


@pytest.mark.parametrize(("name", "row", "status", "code", "sentence"), WRONG, ids=[row[0] for row in WRONG])
def test_transaction_with_a_wrong_entry_leaves_nothing(
    server: Server, refused: Refusal, name: str, row: Any, status: int, code: str, sentence: str
) -> None:
    logical_id = uuid.uuid4().hex
    good = entry("PUT", f"Patient/{logical_id}", minimal("Patient", id=logical_id))
    answer = server.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [good, row]})
    assert sentence in refused(answer, status, code)
    assert answer.json()["issue"][0]["expression"][0].startswith("Bundle.entry[1]")
    assert server.ask("GET", f"/Patient/{logical_id}").status_code == 404


def test_batch_isolates_its_wrong_entries(server: Server) -> None:
    rows = [row for each in WRONG for row in (entry(), each[1])]
    answer = server.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": rows})
    assert answer.status_code == 200
    assert validate_resource(answer.json()) == []
    responses = [row["response"] for row in answer.json()["entry"]]
    assert {response["status"] for response in responses[::2]} == {"201"}
    for (name, _, status, code, sentence), response in zip(WRONG, responses[1::2], strict=True):
        if name == "HEAD of what is not there":
            assert response["status"] == "404"
            continue
        (issue,) = response["outcome"]["issue"]
        # A batch goes on where a transaction would be refused for what it cannot see.
        assert (name, response["status"], issue["code"]) == (name, str(status), code)
        assert sentence in issue["diagnostics"], name


@pytest.mark.parametrize(
    ("name", "body", "status", "code", "sentence"),
    [
        ("no type", {"resourceType": "Bundle"}, 400, "invalid", "'batch' or 'transaction', not None"),
        ("document", {"resourceType": "Bundle", "type": "document"}, 400, "invalid", "not 'document'"),
        ("searchset", {"resourceType": "Bundle", "type": "searchset"}, 400, "invalid", "not 'searchset'"),
        ("type object", {"resourceType": "Bundle", "type": {"$gt": ""}}, 400, "invalid", "'batch' or 'transaction'"),
        ("no Bundle", {"resourceType": "Patient"}, 400, "invalid", "takes a Bundle"),
        ("array", [], 400, "structure", "one JSON object"),
        (
            "entry object",
            {"resourceType": "Bundle", "type": "batch", "entry": {}},
            400,
            "structure",
            "must be an array",
        ),
        (
            "misspelt property",
            {"resourceType": "Bundle", "type": "transaction", "entries": []},
            400,
            "invalid",
            "Did you mean entry?",
        ),
        (
            "one resource twice",
            {
                "resourceType": "Bundle",
                "type": "transaction",
                "entry": [
                    entry("PUT", "Patient/twice", minimal("Patient", id="twice")),
                    entry("DELETE", "Patient/twice"),
                ],
            },
            400,
            "invalid",
            "Entries 0 and 1 both change Patient/twice",
        ),
        (
            "one fullUrl twice",
            {"resourceType": "Bundle", "type": "transaction", "entry": [{**entry(), "fullUrl": PLACEHOLDER}] * 2},
            400,
            "invalid",
            "Entries 0 and 1 have the same fullUrl",
        ),
        (
            "placeholder of nobody",
            {
                "resourceType": "Bundle",
                "type": "transaction",
                "entry": [entry(resource=minimal("Patient", managingOrganization={"reference": PLACEHOLDER}))],
            },
            400,
            "invalid",
            "fullUrl of no entry",
        ),
    ],
)
def test_bundle_that_is_wrong_is_refused(
    server: Server, refused: Refusal, name: str, body: Any, status: int, code: str, sentence: str
) -> None:
    assert sentence in refused(server.send("POST", "", body), status, code)


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_bundle_without_entries_is_answered(server: Server, kind: str) -> None:
    for more in ({}, {"entry": list[Json]()}):
        answer = server.send("POST", "", {"resourceType": "Bundle", "type": kind, **more})
        assert (answer.status_code, answer.json()["type"]) == (200, f"{kind}-response")
        assert "entry" not in answer.json()


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_bundle_of_too_many_entries_is_refused(server: Server, refused: Refusal, kind: str) -> None:
    rows = b",".join([encode(entry("GET", "Patient/1"))] * 60_000)
    body = b'{"resourceType":"Bundle","type":"%b","entry":[%b]}' % (kind.encode(), rows)
    answer = server.ask("POST", "", data=body, headers={"Content-Type": FHIR_JSON})
    assert "60000 entries; at most 50000" in refused(answer, 413, "too-long")
