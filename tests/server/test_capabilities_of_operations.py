"""Every operation that the CapabilityStatement claims is there, with a definition that can be read; no other one is.

https://hl7.org/fhir/R4/operations.html
"""

import pytest

from fhirhub.definitions import r4
from fhirhub.interactions.routes import ROUTES
from fhirhub.model.json import Json
from fhirhub.validation import validate_resource
from tests.server.conftest import Refusal
from tests.server.running import Server


@pytest.fixture(scope="module")
def statement(server: Server) -> Json:
    """The CapabilityStatement."""
    found: Json = server.ask("GET", "/metadata").json()
    return found


@pytest.fixture(scope="module")
def claims(statement: Json) -> dict[str, Json]:
    """What it says of each resource type."""
    return {row["type"]: row for row in statement["rest"][0]["resource"]}


def test_operations_that_are_not_listed_are_refused(
    server: Server, statement: Json, claims: dict[str, Json], refused: Refusal
) -> None:
    def listed(row: Json) -> set[str]:
        return {each["name"] for each in row.get("operation", ())}

    for operation in r4().operations.values():
        name = f"${operation.code}"
        if operation.code not in listed(statement["rest"][0]):
            assert name in refused(server.ask("GET", f"/{name}"), 404, "not-supported")
        if operation.code not in listed(claims["Patient"]):
            for path in (f"/Patient/{name}", f"/Patient/1/{name}"):
                assert name in refused(server.ask("GET", path), 404, "not-supported")


def test_operations_that_are_listed_are_there_with_their_definitions(
    server: Server, statement: Json, claims: dict[str, Json]
) -> None:
    rows = {row["definition"]: row["name"] for claim in claims.values() for row in claim.get("operation", ())}
    rows |= {row["definition"]: row["name"] for row in statement["rest"][0]["operation"]}
    assert {"meta", "validate", "everything", "plugins", "reindex"} <= set(rows.values())
    for url, name in rows.items():
        definition = server.ask("GET", f"/OperationDefinition/{url.rpartition('/')[2]}").json()
        assert (definition["url"], definition["code"]) == (url, name)
        assert validate_resource(definition) == []
        if not url.startswith("http://hl7.org/fhir/"):
            assert url.startswith(f"{server.base}/OperationDefinition/")


def test_every_route_is_claimed(statement: Json, claims: dict[str, Json]) -> None:
    claimed = {row["code"] for row in statement["rest"][0]["interaction"]}
    claimed |= {row["code"] for row in claims["Patient"]["interaction"]}
    # Operations are claimed with their definitions.
    assert {route.interaction for route in ROUTES} - {"capabilities", "operation"} <= claimed
