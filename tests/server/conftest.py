"""Fixtures of the black-box tests: one server of two workers for all tests that only ask."""

from collections.abc import Callable, Iterator

import pytest
import requests
from pymongo import MongoClient

from fhirhub.validation import validate_resource
from tests.server.running import Server, running

ORIGIN = "https://app.example"
DATABASE = "black_box"
MAX_REQUEST_BYTES = 24 * 1024 * 1024


@pytest.fixture(scope="session")
def server(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over a database of its own, which keeps what tests put into it: they tell theirs by ids."""
    settings = {"CORS_ORIGINS": ORIGIN, "MAX_REQUEST_BYTES": str(MAX_REQUEST_BYTES)}
    with running(tmp_path_factory.mktemp("server"), mongodb_uri, DATABASE, **settings) as started:
        yield started
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        client.drop_database(DATABASE)


Refusal = Callable[[requests.Response, int, str], str]


@pytest.fixture
def refused() -> Refusal:
    """Check that an answer is a refusal with status and issue code; return all of its diagnostics."""

    def check(answer: requests.Response, status: int, code: str) -> str:
        said = answer.text[:2000]
        assert answer.status_code == status, said
        assert answer.headers["Content-Type"].startswith("application/fhir+json"), answer.headers
        outcome = answer.json()
        assert outcome["resourceType"] == "OperationOutcome", said
        assert code in {issue["code"] for issue in outcome["issue"]}, said
        assert {issue["severity"] for issue in outcome["issue"]} <= {"error", "warning", "information"}, said
        assert validate_resource(outcome) == [], said
        diagnostics = " ".join(issue["diagnostics"] for issue in outcome["issue"])
        assert diagnostics.strip(), said
        return diagnostics

    return check
