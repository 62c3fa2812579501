"""transaction: entries whose target is found by a search: https://hl7.org/fhir/R4/http.html#trules."""

import pytest

from fhirhub.model.json import Json
from tests.interactions.hub_client import (
    HubClient,
    entry,
    mrn,
    observation,
    patient,
    unique,
)
from tests.interactions.transactions import PATCH, everything, location, statuses


class TestConditionalEntries:
    def test_conditional_create_of_what_exists_answers_it(self, hub: HubClient) -> None:
        value = unique()
        stored = hub.post("Patient", patient(value))
        answer = hub.transaction(
            entry("POST", "Patient", patient(value), "urn:uuid:p", ifNoneExist=mrn(value)),
            entry("POST", "Observation", observation(subject={"reference": "urn:uuid:p"})),
            prefer_return="representation",
        )
        assert statuses(answer) == ["200", "201"]
        assert answer.entries[0]["resource"] == stored.resource
        assert answer.entries[0]["response"]["etag"] == 'W/"1"'
        assert answer.entries[1]["resource"]["subject"] == {"reference": f"Patient/{stored.id}"}

    @pytest.mark.parametrize("prefer", ["minimal", "representation"])
    def test_conditional_creates_of_one_thing_make_one(self, hub: HubClient, prefer: str) -> None:
        value = unique()
        rows = [entry("POST", "Patient", patient(value), f"urn:uuid:{n}", ifNoneExist=mrn(value)) for n in range(3)]
        links = [entry("POST", "Observation", observation(subject={"reference": f"urn:uuid:{n}"})) for n in range(3)]
        answer = hub.transaction(*rows, *links, prefer_return=prefer)
        assert statuses(answer) == ["201", "200", "200"] + ["201"] * 3
        first, *twins = answer.entries[:3]
        for twin in twins:
            assert twin["response"] == {**first["response"], "status": "200"}
            assert twin.get("resource") == first.get("resource")
        subjects = {hub.get(location(row)).resource["subject"]["reference"] for row in answer.entries[3:]}
        assert subjects == {location(first)}
        assert hub.get(f"Patient?{mrn(value)}").resource["total"] == 1

    def test_conditional_create_matches_a_plain_create_before_it(self, hub: HubClient) -> None:
        value = unique()
        answer = hub.transaction(
            entry("POST", "Patient", patient(value)),
            entry("POST", "Patient", patient(value), ifNoneExist=mrn(value)),
        )
        assert statuses(answer) == ["201", "200"]
        assert location(answer.entries[0]) == location(answer.entries[1])

    @pytest.mark.usefixtures("unchanged")
    def test_conditional_create_that_matches_several_entries_is_refused(self, hub: HubClient) -> None:
        value = unique()
        plain = entry("POST", "Patient", patient(value))
        answer = hub.transaction(plain, plain, entry("POST", "Patient", patient(value), ifNoneExist=mrn(value)))
        assert (answer.status, answer.issue["code"]) == (412, "multiple-matches")
        assert answer.issue["expression"] == ["Bundle.entry[2]"]

    @pytest.mark.usefixtures("unchanged")
    def test_conditional_create_next_to_an_invalid_one_says_what_is_invalid(self, hub: HubClient) -> None:
        """What is searched before it is validated may have any shape."""
        value = unique()
        shapes: list[Json] = [
            {"identifier": "x"},
            {"identifier": [5]},
            {"identifier": [{"value": {}}]},
            {"name": {"a": 1}},
        ]
        for broken in shapes:
            answer = hub.transaction(
                entry("POST", "Patient", patient() | broken),
                entry("POST", "Patient", patient(value), ifNoneExist=mrn(value)),
            )
            assert answer.status == 400
            assert all(issue["expression"][0].startswith("Bundle.entry[0].resource.") for issue in answer.issues)

    def test_conditional_update_creates_updates_and_keeps(self, hub: HubClient) -> None:
        new, old, same = unique(), unique(), unique()
        stored = hub.post("Patient", patient(old))
        kept = hub.post("Patient", patient(same))
        answer = hub.transaction(
            entry("PUT", f"Patient?{mrn(new)}", patient(new)),
            entry("PUT", f"Patient?{mrn(old)}", patient(old, active=True)),
            entry("PUT", f"Patient?{mrn(same)}", patient(same)),
        )
        assert statuses(answer) == ["201", "200", "200"]
        assert [row["response"]["etag"] for row in answer.entries] == ['W/"1"', 'W/"2"', 'W/"1"']
        assert location(answer.entries[1]) == f"Patient/{stored.id}"
        assert location(answer.entries[2]) == f"Patient/{kept.id}"

    def test_conditional_delete_of_none_one_and_many(self, hub: HubClient) -> None:
        one, many = unique(), unique()
        ids = [hub.post("Patient", patient(value)).id for value in (one, many, many)]
        answer = hub.transaction(
            entry("DELETE", f"Patient?{mrn(unique())}"),
            entry("DELETE", f"Patient?{mrn(one)}"),
            entry("DELETE", f"Patient?{mrn(many)}&_count=2"),
        )
        assert statuses(answer) == ["204", "204", "200"]
        assert [hub.get(f"Patient/{each}").status for each in ids] == [410] * 3
        assert "2 resources" in answer.entries[2]["response"]["outcome"]["issue"][0]["diagnostics"]

    @pytest.mark.parametrize("form", ["create", "PUT", "DELETE"])
    def test_with_several_matches_are_refused(self, hub: HubClient, form: str) -> None:
        value = unique()
        for _ in range(2):
            hub.post("Patient", patient(value))
        before = everything(hub)
        rows = {
            "create": entry("POST", "Patient", patient(value), ifNoneExist=mrn(value)),
            "PUT": entry("PUT", f"Patient?{mrn(value)}", patient(value)),
            "DELETE": entry("DELETE", f"Patient?{mrn(value)}"),
        }
        answer = hub.transaction(entry("POST", "Patient", patient()), rows[form])
        assert (answer.status, answer.issue["code"]) == (412, "multiple-matches")
        assert answer.issue["expression"] == ["Bundle.entry[1]"]
        assert everything(hub) == before

    def test_patch_follows_updates_and_sees_the_stored_version(self, hub: HubClient) -> None:
        stored = hub.post("Patient", patient(active=True))
        answer = hub.transaction(entry("PATCH", f"Patient/{stored.id}", PATCH))
        assert statuses(answer) == ["200"]
        assert hub.get(f"Patient/{stored.id}").resource["language"] == "en"

    def test_if_match_guards_single_entries(self, hub: HubClient) -> None:
        stored = hub.post("Patient", patient())
        row = entry("PUT", f"Patient/{stored.id}", patient(id=stored.id, active=True), ifMatch='W/"1"')
        first, second = hub.transaction(row), hub.transaction(row)
        assert statuses(first) == ["200"]
        assert (second.status, second.issue["code"]) == (412, "conflict")
        assert second.issue["expression"] == ["Bundle.entry[0]"]

    def test_update_that_changes_nothing_makes_no_version(self, hub: HubClient) -> None:
        stored = hub.post("Patient", patient(active=True))
        answer = hub.transaction(entry("PUT", f"Patient/{stored.id}", patient(id=stored.id, active=True)))
        assert (statuses(answer), answer.entries[0]["response"]["etag"]) == (["200"], 'W/"1"')
        assert hub.get(f"Patient/{stored.id}/_history").resource["total"] == 1
