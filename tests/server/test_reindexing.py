"""An added search parameter on a server of two workers: every worker knows it, one of them makes its index.

https://hl7.org/fhir/R4/searchparameter.html
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fhirhub.model.json import Json
from fhirhub.plugin.minimal import minimal
from tests.server.running import Server, running

URL = "http://hospital.example/SearchParameter/eyes"
EYES = "http://hospital.example/eyes"


@pytest.fixture
def own(mongodb_uri: str, database_name: str, tmp_path: Path) -> Iterator[Server]:
    """A server of its own: an added parameter would show in what other tests compare."""
    with running(tmp_path, mongodb_uri, database_name) as started:
        yield started


def eyes(code: str = "eyes", **more: Any) -> Json:
    return {
        "resourceType": "SearchParameter",
        "url": URL,
        "name": "eyes",
        "status": "active",
        "description": "Colour of the eyes",
        "code": code,
        "base": ["Patient"],
        "type": "token",
        "expression": f"Patient.extension('{EYES}').value.ofType(code)",
    } | more


def person(colour: str) -> Json:
    return minimal("Patient", extension=[{"url": EYES, "valueCode": colour}])


def test_added_parameter_is_searchable_by_every_worker(own: Server) -> None:
    before = {own.created(person("green"))["id"] for _ in range(20)}
    made = own.send("POST", "/SearchParameter", eyes())
    assert made.status_code == 201, made.text
    refused = own.ask("GET", "/Patient?eyes=green")
    assert refused.status_code == 400
    began = time.monotonic()
    during = set()
    while own.ask("GET", "/Patient?eyes=green&_count=1").status_code != 200:
        during.add(own.created(person("green"))["id"])
        assert time.monotonic() - began < 60
        time.sleep(0.02)
    # The other worker may not know for another two seconds.
    time.sleep(3)

    def search(_: int) -> tuple[int, set[str]]:
        answer = own.ask("GET", "/Patient?eyes=green&_count=1000")
        return answer.status_code, {row["resource"]["id"] for row in answer.json().get("entry", [])}

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(search, range(40)))
    assert all(answer == (200, before | during) for answer in answers)
    status = own.ask("GET", "/$reindex").json()
    assert status["parameter"][0] == {"name": "state", "valueCode": "idle"}
    # Two workers looked for work; it was done once.
    assert len([row for row in status["parameter"] if row["name"] == "run"]) == 1


def test_reindex_is_asked_for_and_done_by_the_server(own: Server) -> None:
    own.created(person("blue"))
    asked = own.ask("POST", "/$reindex")
    assert (asked.status_code, asked.headers["Content-Location"]) == (202, f"{own.base}/$reindex")
    deadline = time.monotonic() + 60
    while own.ask("GET", "/$reindex").json()["parameter"][0]["valueCode"] != "idle":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    runs = [row for row in own.ask("GET", "/$reindex").json()["parameter"] if row["name"] == "run"]
    assert {"name": "percent", "valueInteger": 100} in runs[0]["part"]


def test_statement_and_description_list_what_is_added(own: Server) -> None:
    own.send("POST", "/SearchParameter", eyes())

    def listed() -> bool:
        rows = own.ask("GET", "/metadata").json()["rest"][0]["resource"]
        patient = next(row for row in rows if row["type"] == "Patient")
        return {"name": "eyes", "definition": URL, "type": "token", "documentation": "Colour of the eyes"} in (
            patient["searchParam"]
        )

    deadline = time.monotonic() + 60
    while not listed():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(2.5)
    description = own.page("/openapi.json").json()
    names = [each.get("name") for each in description["paths"]["/Patient"]["get"]["parameters"]]
    assert "eyes" in names
