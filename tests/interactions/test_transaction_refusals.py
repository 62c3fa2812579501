"""transaction: what is refused, naming the entry, with nothing left behind: https://hl7.org/fhir/R4/http.html#trules."""

import itertools

import pytest

from fhirhub.model.json import Json
from tests.interactions.hub_client import (
    BASE,
    HubClient,
    entry,
    mrn,
    observation,
    patient,
    unique,
)
from tests.interactions.transactions import PATCH, everything, location, statuses


@pytest.mark.usefixtures("unchanged")
class TestRefusals:
    """Nothing stays behind, and every issue says which entry it is about."""

    @pytest.mark.parametrize(
        ("row", "status", "code", "place"),
        [
            ({}, 400, "invalid", ".request"),
            (None, 400, "invalid", ".request"),
            (entry("TRACE", "Patient"), 400, "value", ".request.method"),
            ({"request": {"method": "POST"}}, 400, "invalid", ".request.url"),
            (entry("GET", "https://elsewhere.example/Patient/1"), 400, "value", ".request.url"),
            (entry("POST", "Pateint", patient()), 404, "not-supported", ""),
            (entry("PUT", "Pateint/1", patient(id="1")), 404, "not-supported", ""),
            (entry("POST", "Pateint", patient(), ifNoneExist="identifier=1"), 404, "not-supported", ""),
            (entry("PUT", "Pateint?identifier=1", patient()), 404, "not-supported", ""),
            (entry("DELETE", "Pateint/1"), 404, "not-supported", ""),
            (entry("DELETE", "Pateint?identifier=1"), 404, "not-supported", ""),
            (entry("GET", "Pateint/1"), 404, "not-supported", ""),
            (entry("GET", "Patient?nope=1"), 400, "not-supported", ""),
            (entry("POST", "Patient"), 400, "structure", ""),
            (entry("POST", "Patient", {"resourceType": []}), 400, "invalid", ".resource"),
            (entry("POST", "Patient", observation()), 400, "invalid", ".resource"),
            (entry("POST", "Patient", patient(gender="x")), 400, "code-invalid", ".resource.gender"),
            (entry("POST", "Patient/1", patient()), 405, "not-supported", ""),
            (entry("POST", "metadata", patient()), 404, "not-supported", ""),
            (entry("PUT", "Patient/1", patient(id="2")), 400, "invalid", ".resource.id"),
            (entry("PUT", "Patient/a_b", patient(id="a_b")), 400, "value", ""),
            (entry("PUT", "Patient/none", patient(id="none"), ifMatch='W/"1"'), 412, "conflict", ""),
            (entry("DELETE", "Patient/none", ifMatch='W/"1"'), 412, "conflict", ""),
            (entry("PATCH", "Patient/none", {"resourceType": "Parameters"}), 404, "not-found", ""),
            (entry("PATCH", "Patient?identifier=none", {"resourceType": "Parameters"}), 404, "not-found", ""),
            (entry("PUT", "Patient?nope=1", patient()), 400, "not-supported", ""),
            (entry("PUT", "Patient?identifier=1", patient(id=5)), 400, None, None),
            (entry("PUT", "Patient?identifier=1", patient(id=[])), 400, None, None),
            (entry("PUT", "Patient?identifier=1", [patient()]), 400, "structure", ""),
            (entry("POST", "Patient", patient(), ifNoneExist="nope=1"), 400, "not-supported", ""),
            (entry("POST", "Patient", patient(), ifNoneExist=""), 400, "invalid", None),
            (entry("POST", "", {"resourceType": "Bundle", "type": "batch"}), 400, "invalid", ""),
            (entry("POST", BASE, {"resourceType": "Bundle", "type": "transaction"}), 400, "invalid", ""),
        ],
    )
    def test_a_failing_entry_is_named_and_undoes_the_others(
        self, hub: HubClient, row: Json, status: int, code: str | None, place: str | None
    ) -> None:
        good = entry("POST", "Patient", patient())
        new = unique()
        answer = hub.transaction(good, entry("PUT", f"Patient/{new}", patient(id=new)), row, good)
        assert (answer.status, answer.issue["severity"]) == (status, "error")
        (expression,) = answer.issue["expression"]
        assert expression.startswith("Bundle.entry[2]")
        if place is not None:
            assert expression == f"Bundle.entry[2]{place}"
        if code is not None:
            assert answer.issue["code"] == code
        assert answer.issue["diagnostics"]

    def test_all_failing_entries_are_listed(self, hub: HubClient) -> None:
        rows = [entry("POST", "Patient", patient(**({"gender": "x"} if n % 3 == 0 else {}))) for n in range(10)]
        answer = hub.transaction(*rows)
        assert answer.status == 400
        assert [issue["expression"] for issue in answer.issues] == [
            [f"Bundle.entry[{n}].resource.gender"] for n in (0, 3, 6, 9)
        ]

    def test_all_findings_of_entries_are_listed(self, hub: HubClient) -> None:
        answer = hub.transaction(
            entry("POST", "Patient", patient(gender="x", active=1)),
            entry("POST", "Observation", {"resourceType": "Observation"}),
        )
        places = sorted(issue["expression"][0] for issue in answer.issues)
        assert places == [
            "Bundle.entry[0].resource.active",
            "Bundle.entry[0].resource.gender",
            "Bundle.entry[1].resource.code",
            "Bundle.entry[1].resource.status",
        ]

    def test_very_many_findings_are_cut_and_said_so(self, hub: HubClient) -> None:
        answer = hub.transaction(*(entry("POST", "Patient", patient(gender="x")) for _ in range(150)))
        assert len(answer.issues) == 101
        assert answer.issues[-1]["severity"] == "information"
        assert "50 more" in answer.issues[-1]["diagnostics"]

    @pytest.mark.parametrize("url", ["urn:uuid:1", "http://example.org/fhir/Patient/1"])
    def test_two_entries_with_one_full_url_are_refused(self, hub: HubClient, url: str) -> None:
        row = entry("POST", "Patient", patient(), full_url=url)
        answer = hub.transaction(row, entry("POST", "Patient", patient()), row)
        assert (answer.status, answer.issue["code"]) == (400, "invalid")
        assert answer.issue["expression"] == ["Bundle.entry[2].fullUrl"]
        assert "Entries 0 and 2" in answer.issue["diagnostics"]


class TestOverlap:
    """Two entries that change one resource: refused, however each of them names it."""

    @pytest.fixture
    def stored(self, hub: HubClient) -> tuple[str, str]:
        """The id and the identifier of a Patient."""
        value = unique()
        return hub.post("Patient", patient(value)).id, value

    @pytest.mark.parametrize(
        ("one", "two"),
        list(
            itertools.combinations_with_replacement(
                ["put", "delete", "patch", "conditional put", "conditional patch", "conditional delete"], 2
            )
        ),
    )
    def test_is_refused_naming_both_entries(self, hub: HubClient, stored: tuple[str, str], one: str, two: str) -> None:
        logical_id, value = stored
        rows = {
            "put": entry("PUT", f"Patient/{logical_id}", patient(value, id=logical_id, active=True)),
            "delete": entry("DELETE", f"Patient/{logical_id}"),
            "patch": entry("PATCH", f"Patient/{logical_id}", PATCH),
            "conditional put": entry("PUT", f"Patient?{mrn(value)}", patient(value, active=True)),
            "conditional patch": entry("PATCH", f"Patient?{mrn(value)}", PATCH),
            "conditional delete": entry("DELETE", f"Patient?{mrn(value)}"),
        }
        before = everything(hub)
        answer = hub.transaction(entry("GET", "metadata"), rows[one], rows[two])
        if {"delete", "conditional delete"} & {one, two} and "conditional put" in {one, two}:
            # After the deletion nothing matches any more: the update creates another resource.
            assert sorted(statuses(answer)) == ["200", "201", "204"]
            return
        assert answer.status in {400, 404}
        if answer.status == 400:
            assert answer.issue["expression"] == ["Bundle.entry[1]", "Bundle.entry[2]"]
            assert f"Patient/{logical_id}" in answer.issue["diagnostics"]
        else:
            # After the deletion there is nothing to patch.
            assert {one, two} & {"delete", "conditional delete"}
            assert "conditional patch" in {one, two}
        assert everything(hub) == before

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_with_what_another_entry_creates_is_refused(self, hub: HubClient, method: str) -> None:
        value = unique()
        body = patient(value) if method == "PUT" else PATCH
        answer = hub.transaction(entry(method, f"Patient?{mrn(value)}", body), entry("POST", "Patient", patient(value)))
        assert (answer.status, answer.issue["code"]) == (400, "invalid")
        assert sorted(answer.issue["expression"]) == ["Bundle.entry[0]", "Bundle.entry[1]"]

    @pytest.mark.usefixtures("unchanged")
    def test_of_two_conditional_updates_that_both_create_is_refused(self, hub: HubClient) -> None:
        value = unique()
        row = entry("PUT", f"Patient?{mrn(value)}", patient(value))
        answer = hub.transaction(row, row)
        assert (answer.status, answer.issue["expression"]) == (400, ["Bundle.entry[0]", "Bundle.entry[1]"])

    def test_of_reads_is_none(self, hub: HubClient, stored: tuple[str, str]) -> None:
        row = entry("GET", f"Patient/{stored[0]}")
        answer = hub.transaction(row, row, entry("DELETE", f"Patient/{unique()}"))
        assert statuses(answer) == ["200", "200", "204"]

    def test_of_several_posts_is_none(self, hub: HubClient) -> None:
        answer = hub.transaction(*[entry("POST", "Patient", patient(id="same"))] * 3)
        assert statuses(answer) == ["201"] * 3
        assert len({location(row) for row in answer.entries}) == 3
