"""Conditional create, update, patch and delete: https://hl7.org/fhir/R4/http.html#ccreate, #cond-update, #cdelete."""

from typing import Any

import pytest

from tests.interactions.hub_client import BASE, MERGE_PATCH, HubClient, mrn, patient, unique


def stored(hub: HubClient, value: str, count: int = 1) -> list[str]:
    """Store Patients with one identifier and return their ids."""
    return [hub.post("Patient", patient(value, active=False)).id for _ in range(count)]


def found(hub: HubClient, value: str) -> list[str]:
    """The ids of all Patients with the identifier."""
    return sorted(resource["id"] for resource in hub.get(f"Patient?{mrn(value)}").resources)


class TestCreate:
    def test_without_match_creates(self, hub: HubClient) -> None:
        value = unique()
        answer = hub.post("Patient", patient(value), if_none_exist=mrn(value))
        assert (answer.status, answer.version_id) == (201, "1")
        assert found(hub, value) == [answer.id]

    def test_with_one_match_answers_it_and_changes_nothing(self, hub: HubClient) -> None:
        value = unique()
        (logical_id,) = stored(hub, value)
        answer = hub.post("Patient", patient(value, active=True), if_none_exist=mrn(value))
        assert (answer.status, answer.version_id) == (200, "1")
        assert answer.location == f"{BASE}/Patient/{logical_id}/_history/1"
        assert answer.content == hub.get(f"Patient/{logical_id}").content
        assert answer.resource["active"] is False
        assert found(hub, value) == [logical_id]

    def test_with_several_matches_is_412(self, hub: HubClient) -> None:
        value = unique()
        stored(hub, value, 2)
        answer = hub.post("Patient", patient(value), if_none_exist=mrn(value))
        assert (answer.status, answer.issue["code"]) == (412, "multiple-matches")
        assert value in answer.issue["diagnostics"]
        assert len(found(hub, value)) == 2

    @pytest.mark.parametrize("form", ["{}", "?{}", "Patient?{}"])
    def test_takes_the_criteria_in_every_spelling(self, hub: HubClient, form: str) -> None:
        value = unique()
        (logical_id,) = stored(hub, value)
        answer = hub.post("Patient", patient(value), if_none_exist=form.format(mrn(value)))
        assert (answer.status, answer.id) == (200, logical_id)

    def test_takes_criteria_with_question_marks_in_values(self, hub: HubClient) -> None:
        value = unique()
        body = patient(identifier=[{"system": "http://hospital.example/ids?kind=mrn", "value": value}])
        criteria = f"identifier=http://hospital.example/ids?kind=mrn|{value}"
        first, second = (hub.post("Patient", body, if_none_exist=criteria) for _ in range(2))
        assert (first.status, second.status) == (201, 200)
        assert first.id == second.id

    @pytest.mark.parametrize(
        ("criteria", "code"),
        [
            ("", "invalid"),
            ("?", "invalid"),
            ("nope=1", "not-supported"),
            ("_count=3", "invalid"),
            ("_sort=_id", "invalid"),
            ("identifier:nope=1", "not-supported"),
            ("birthdate=yesterday", "value"),
            ("Group?identifier=1", "invalid"),
            ("identifier=%FF", "invalid"),
        ],
    )
    def test_refuses_criteria_that_select_nothing_definite(self, hub: HubClient, criteria: str, code: str) -> None:
        before = hub.get("Patient?_summary=count").resource["total"]
        # Criteria decide whether something is written, so there is no lenience.
        for handling in ("strict", "lenient"):
            answer = hub.post("Patient", patient(), if_none_exist=criteria, handling=handling)
            assert (answer.status, answer.issue["code"]) == (400, code)
        assert hub.get("Patient?_summary=count").resource["total"] == before

    def test_refuses_an_invalid_resource(self, hub: HubClient) -> None:
        value = unique()
        answer = hub.post("Patient", patient(value, active=1), if_none_exist=mrn(value))
        assert (answer.status, answer.issue["expression"]) == (400, ["Patient.active"])
        assert found(hub, value) == []

    def test_does_not_match_what_is_deleted(self, hub: HubClient) -> None:
        value = unique()
        (logical_id,) = stored(hub, value)
        hub.delete(f"Patient/{logical_id}")
        answer = hub.post("Patient", patient(value), if_none_exist=mrn(value))
        assert answer.status == 201
        assert answer.id != logical_id

    def test_does_not_match_what_an_old_version_said(self, hub: HubClient) -> None:
        value = unique()
        (logical_id,) = stored(hub, value)
        hub.put(f"Patient/{logical_id}", patient(unique(), id=logical_id))
        answer = hub.post("Patient", patient(value), if_none_exist=mrn(value))
        assert answer.status == 201
        assert answer.id != logical_id


class TestUpdate:
    def test_without_match_and_id_creates(self, hub: HubClient) -> None:
        value = unique()
        answer = hub.put(f"Patient?{mrn(value)}", patient(value))
        assert (answer.status, answer.version_id) == (201, "1")
        assert found(hub, value) == [answer.id]

    def test_without_match_creates_under_a_free_id(self, hub: HubClient) -> None:
        value, logical_id = unique(), unique()
        answer = hub.put(f"Patient?{mrn(value)}", patient(value, id=logical_id))
        assert (answer.status, answer.id, answer.version_id) == (201, logical_id, "1")

    def test_without_match_refuses_the_id_of_another_resource(self, hub: HubClient) -> None:
        value = unique()
        (other,) = stored(hub, unique())
        answer = hub.put(f"Patient?{mrn(value)}", patient(value, id=other))
        assert (answer.status, answer.issue["code"]) == (409, "conflict")
        assert answer.issue["expression"] == ["Patient.id"]
        assert hub.get(f"Patient/{other}").version_id == "1"

    def test_without_match_brings_back_a_deleted_id(self, hub: HubClient) -> None:
        value = unique()
        (logical_id,) = stored(hub, value)
        hub.delete(f"Patient/{logical_id}")
        answer = hub.put(f"Patient?{mrn(value)}", patient(value, id=logical_id))
        assert (answer.status, answer.id, answer.version_id) == (201, logical_id, "3")

    @pytest.mark.parametrize("says_id", [True, False])
    def test_with_one_match_updates_it(self, hub: HubClient, says_id: bool) -> None:
        value = unique()
        (logical_id,) = stored(hub, value)
        more = {"id": logical_id} if says_id else {}
        answer = hub.put(f"Patient?{mrn(value)}", patient(value, active=True, **more))
        assert (answer.status, answer.id, answer.version_id) == (200, logical_id, "2")
        assert hub.get(f"Patient/{logical_id}").content == answer.content
        assert answer.resource["active"] is True

    def test_with_one_match_refuses_another_id(self, hub: HubClient) -> None:
        value = unique()
        (logical_id,) = stored(hub, value)
        answer = hub.put(f"Patient?{mrn(value)}", patient(value, id="another"))
        assert (answer.status, answer.issue["code"]) == (400, "invalid")
        assert answer.issue["expression"] == ["Patient.id"]
        assert logical_id in answer.issue["diagnostics"]
        assert hub.get(f"Patient/{logical_id}").version_id == "1"

    @pytest.mark.parametrize("wrong", [5, None, {}, [], "a b", "", True], ids=repr)
    @pytest.mark.parametrize("matches", [0, 1])
    def test_refuses_what_is_no_id(self, hub: HubClient, wrong: Any, matches: int) -> None:
        value = unique()
        stored(hub, value, matches)
        answer = hub.put(f"Patient?{mrn(value)}", patient(value, id=wrong))
        assert answer.status == 400
        assert answer.issue["code"] in {"invalid", "value"}
        assert len(found(hub, value)) == matches

    def test_with_several_matches_is_412(self, hub: HubClient) -> None:
        value = unique()
        stored(hub, value, 2)
        answer = hub.put(f"Patient?{mrn(value)}", patient(value))
        assert (answer.status, answer.issue["code"]) == (412, "multiple-matches")
        assert len(found(hub, value)) == 2

    def test_that_changes_nothing_makes_no_version(self, hub: HubClient) -> None:
        value = unique()
        stored(hub, value)
        answer = hub.put(f"Patient?{mrn(value)}", patient(value, active=False))
        assert (answer.status, answer.version_id) == (200, "1")

    def test_minds_if_match(self, hub: HubClient) -> None:
        value = unique()
        nothing = hub.put(f"Patient?{mrn(value)}", patient(value), if_match='W/"1"')
        stored(hub, value)
        other = hub.put(f"Patient?{mrn(value)}", patient(value), if_match='W/"2"')
        right = hub.put(f"Patient?{mrn(value)}", patient(value), if_match='W/"1"')
        assert (nothing.status, other.status, right.status) == (412, 412, 200)
        assert nothing.issue["code"] == "conflict"
        assert right.version_id == "2"

    @pytest.mark.parametrize("query", ["", "_count=1", "nope=1", "identifier=1&_count=2", "identifier=1&_format=json"])
    def test_refuses_criteria_that_select_nothing_definite(self, hub: HubClient, query: str) -> None:
        answer = hub.put(f"Patient?{query}", patient())
        assert (answer.status, answer.issue["severity"]) == (400, "error")


class TestPatch:
    def test_without_match_is_404(self, hub: HubClient) -> None:
        answer = hub.patch(f"Patient?{mrn(unique())}", {"active": True}, MERGE_PATCH)
        assert (answer.status, answer.issue["code"]) == (404, "not-found")

    def test_with_one_match_patches_it(self, hub: HubClient) -> None:
        value = unique()
        (logical_id,) = stored(hub, value)
        answer = hub.patch(f"Patient?{mrn(value)}", {"active": True}, MERGE_PATCH)
        assert (answer.status, answer.id, answer.version_id) == (200, logical_id, "2")
        assert hub.get(f"Patient/{logical_id}").resource["active"] is True

    def test_with_several_matches_is_412(self, hub: HubClient) -> None:
        value = unique()
        ids = stored(hub, value, 2)
        answer = hub.patch(f"Patient?{mrn(value)}", {"active": True}, MERGE_PATCH)
        assert (answer.status, answer.issue["code"]) == (412, "multiple-matches")
        assert {hub.get(f"Patient/{each}").version_id for each in ids} == {"1"}

    def test_with_count_patches_that_many(self, hub: HubClient) -> None:
        value = unique()
        ids = stored(hub, value, 3)
        answer = hub.patch(f"Patient?{mrn(value)}&_count=3", {"active": True}, MERGE_PATCH)
        assert answer.status == 200
        assert answer.issue["diagnostics"] == "3 resources were changed."
        assert [hub.get(f"Patient/{each}").resource["active"] for each in ids] == [True] * 3

    def test_that_fails_for_one_of_many_changes_none(self, hub: HubClient) -> None:
        value = unique()
        ids = stored(hub, value, 2)
        hub.patch(f"Patient/{ids[1]}", {"birthDate": "2000-01-01"}, MERGE_PATCH)
        body = [{"op": "replace", "path": "/birthDate", "value": "2001-01-01"}]
        answer = hub.patch(f"Patient?{mrn(value)}&_count=2", body, "application/json-patch+json")
        assert (answer.status, answer.issue["severity"]) == (422, "error")
        assert [hub.get(f"Patient/{each}").version_id for each in ids] == ["1", "2"]


class TestDelete:
    def test_without_match_succeeds(self, hub: HubClient) -> None:
        answer = hub.delete(f"Patient?{mrn(unique())}")
        assert (answer.status, answer.content) == (204, None)

    def test_with_one_match_deletes_it(self, hub: HubClient) -> None:
        value = unique()
        (logical_id,) = stored(hub, value)
        answer = hub.delete(f"Patient?{mrn(value)}")
        assert (answer.status, answer.version_id) == (204, "2")
        assert hub.get(f"Patient/{logical_id}").status == 410

    def test_with_several_matches_is_412(self, hub: HubClient) -> None:
        value = unique()
        ids = stored(hub, value, 2)
        answer = hub.delete(f"Patient?{mrn(value)}")
        assert (answer.status, answer.issue["code"]) == (412, "multiple-matches")
        assert found(hub, value) == sorted(ids)

    def test_with_count_deletes_that_many(self, hub: HubClient) -> None:
        value = unique()
        ids = stored(hub, value, 3)
        answer = hub.delete(f"Patient?{mrn(value)}&_count=10")
        assert answer.status == 200
        assert answer.issue["diagnostics"] == "3 resources were changed."
        assert [hub.get(f"Patient/{each}").status for each in ids] == [410] * 3

    def test_with_more_matches_than_count_deletes_none(self, hub: HubClient) -> None:
        value = unique()
        ids = stored(hub, value, 3)
        answer = hub.delete(f"Patient?{mrn(value)}&_count=2")
        assert (answer.status, answer.issue["code"]) == (412, "multiple-matches")
        assert "more than 2" in answer.issue["diagnostics"]
        assert found(hub, value) == sorted(ids)

    @pytest.mark.parametrize("query", ["", "_count=5", "nope=1", "identifier=1&_count=x", "identifier=1&_count=-1"])
    def test_refuses_criteria_that_select_nothing_definite(self, hub: HubClient, query: str) -> None:
        before = hub.get("Patient?_summary=count").resource["total"]
        answer = hub.delete(f"Patient?{query}")
        assert (answer.status, answer.issue["severity"]) == (400, "error")
        assert hub.get("Patient?_summary=count").resource["total"] == before
