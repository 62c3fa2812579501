"""Searches over HTTP: pages, whole-system search, compartments; by GET and by form.

https://hl7.org/fhir/R4/http.html#search
"""

import uuid

import pytest
import requests

from fhirhub.model.json import Json
from fhirhub.plugin.minimal import minimal
from tests.server.running import FHIR_XML, Server

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def tag(server: Server) -> str:
    """The tag of seven Observations of one Patient, and of that Patient."""
    code = uuid.uuid4().hex
    meta = {"tag": [{"system": "urn:example:t", "code": code}]}
    body = minimal("Patient", id=f"p-{code[:8]}", meta=meta)
    assert server.send("PUT", f"/Patient/{body['id']}", body).status_code == 201
    for number in range(7):
        server.created(
            minimal(
                "Observation",
                meta=meta,
                subject={"reference": f"Patient/{body['id']}"},
                effectiveDateTime=f"2026-01-0{number + 1}",
            )
        )
    return code


def found(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["resource"].get("effectiveDateTime", "patient") for each in answer.json().get("entry", [])]


def link(bundle: Json, relation: str) -> str | None:
    return next((each["url"] for each in bundle["link"] if each["relation"] == relation), None)


def follow(server: Server, answer: requests.Response) -> list[list[str]]:
    pages = [found(answer)]
    while (url := link(answer.json(), "next")) is not None:
        assert url.startswith(server.base)
        answer = server.ask("GET", url.removeprefix(server.base))
        pages.append(found(answer))
    return pages


@pytest.mark.parametrize("sort", ["date", "-date", "status,date"])
def test_pages_are_followed_by_their_links_whichever_worker_answers(server: Server, tag: str, sort: str) -> None:
    answer = server.ask("GET", f"/Observation?_tag={tag}&_sort={sort}&_count=2&_pretty=true")
    days = [f"2026-01-0{day}" for day in range(1, 8)]
    pages = follow(server, answer)
    assert [day for page in pages for day in page] == (days[::-1] if sort == "-date" else days)
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert "_pretty=true" in (link(answer.json(), "next") or "")


def test_whole_system_search_by_get_and_by_form(server: Server, tag: str) -> None:
    by_get = server.ask("GET", f"?_type=Patient,Observation&_tag={tag}&_count=3")
    days = [day for page in follow(server, by_get) for day in page]
    assert days == [*(f"2026-01-0{day}" for day in range(7, 0, -1)), "patient"]
    form = f"_type=Patient%2CObservation&_tag={tag}&_count=3"
    by_form = server.ask("POST", "/_search", data=form, headers=FORM)
    assert found(by_form) == found(by_get) == days[:3]
    assert (
        link(by_form.json(), "self")
        == link(by_get.json(), "self")
        == (f"{server.base}?_type=Patient,Observation&_tag={tag}&_count=3")
    )


def test_compartment_search_by_get_and_by_form(server: Server, tag: str) -> None:
    patient = f"p-{tag[:8]}"
    by_get = server.ask("GET", f"/Patient/{patient}/Observation?date=ge2026-01-06&_sort=date")
    by_form = server.ask("POST", f"/Patient/{patient}/Observation/_search", data="date=ge2026-01-06", headers=FORM)
    assert found(by_get) == found(by_form)[::-1] == ["2026-01-06", "2026-01-07"]
    everything = server.ask("GET", f"/Patient/{patient}/*?_count=4")
    assert [len(page) for page in follow(server, everything)] == [4, 3]
    in_xml = server.ask("GET", f"/Patient/{patient}/*?_count=4&_summary=count", headers={"Accept": FHIR_XML})
    assert b'<total value="7"/>' in in_xml.content


def test_a_cursor_nobody_made_is_refused(server: Server, tag: str) -> None:
    answer = server.ask("GET", f"/Observation?_tag={tag}&_count=2&_cursor=AAAA")
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, ["http._cursor"])
