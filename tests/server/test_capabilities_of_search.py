"""Every include, and every parameter of all types, that the CapabilityStatement claims is called over HTTP.

https://hl7.org/fhir/R4/search.html#include
"""

from urllib.parse import quote

import pytest

from fhirhub.model.json import Json
from fhirhub.plugin.minimal import minimal
from tests.server.conftest import Refusal
from tests.server.running import Server
from tests.server.test_capabilities import SPECIAL, TYPES, for_each, value_of


@pytest.fixture(scope="module")
def claims(server: Server) -> dict[str, Json]:
    """What the CapabilityStatement says of each resource type."""
    return {row["type"]: row for row in server.ask("GET", "/metadata").json()["rest"][0]["resource"]}


@pytest.mark.parametrize("name", ["_include", "_revinclude"])
def test_every_include_is_answered(server: Server, claims: dict[str, Json], name: str) -> None:
    element = {"_include": "searchInclude", "_revinclude": "searchRevInclude"}[name]

    def search(resource_type: str) -> list[str]:
        values = claims[resource_type][element]
        wrong = []
        # Many in one request: what one of them does not know, it names.
        for start in range(0, len(values), 40):
            query = "&".join(f"{name}={quote(value)}" for value in values[start : start + 40])
            answer = server.ask("GET", f"/{resource_type}?_id=none&{query}")
            if answer.status_code != 200 or answer.json()["type"] != "searchset":
                wrong.append(f"{resource_type}: {answer.text}")
        return wrong

    assert {kind: wrong for kind, wrong in for_each(search).items() if wrong} == {}
    assert sum(len(claims[kind][element]) for kind in TYPES) > 700


def test_include_claimed_includes(server: Server, claims: dict[str, Json]) -> None:
    who = server.created(minimal("Patient"))
    what = server.created(minimal("Observation", subject={"reference": f"Patient/{who['id']}"}))
    assert "Observation:subject" in claims["Observation"]["searchInclude"]
    assert "Observation:subject" in claims["Patient"]["searchRevInclude"]
    for path in (
        f"/Observation?_id={what['id']}&_include=Observation:subject",
        f"/Patient?_id={who['id']}&_revinclude=Observation:subject",
        f"/Observation?_id={what['id']}&_include=*",
    ):
        found = {row["resource"]["id"] for row in server.ask("GET", path).json()["entry"]}
        assert {who["id"], what["id"]} <= found, path


def test_includes_that_are_not_claimed_are_refused(server: Server, claims: dict[str, Json], refused: Refusal) -> None:
    for name, element, value in (
        ("_include", "searchInclude", "Observation:code"),
        ("_include", "searchInclude", "Patient:subject"),
        ("_revinclude", "searchRevInclude", "Medication:ingredient"),
    ):
        assert value not in claims["Observation"][element]
        assert value.split(":")[1] in refused(server.ask("GET", f"/Observation?{name}={value}"), 400, "value")


def test_every_compartment_claimed_is_searched(server: Server) -> None:
    statement = server.ask("GET", "/metadata").json()
    claimed = statement["rest"][0]["compartment"]
    owners = ["Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"]
    assert sorted(claimed) == [
        f"http://hl7.org/fhir/CompartmentDefinition/{name[0].lower()}{name[1:]}" for name in owners
    ]
    for name in owners:
        answer = server.ask("GET", f"/{name}/nobody/*?_count=1")
        assert (answer.status_code, answer.json()["type"], answer.json()["total"]) == (200, "searchset", 0)


def test_what_all_types_are_searched_by_is_answered(server: Server) -> None:
    statement = server.ask("GET", "/metadata").json()
    rows = {row["name"]: row for row in statement["rest"][0]["searchParam"]}
    assert {*SPECIAL, "_id", "_lastUpdated", "_tag", "_profile", "_security", "_source", "_content"} - {"near"} <= set(
        rows
    )
    for name, row in rows.items():
        value = value_of("Patient", row)
        query = f"_has:{value}" if name == "_has" else f"{name}={quote(value)}"
        if name != "_type":
            one = server.ask("GET", f"/Patient?{query}&_count=1")
            assert (one.status_code, one.json()["type"]) == (200, "searchset"), one.text
        types = "" if name == "_type" else "_type=Patient&"
        every = server.ask("GET", f"?{types}{query}&_count=1")
        assert (every.status_code, every.json()["type"]) == (200, "searchset"), every.text
