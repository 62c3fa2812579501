"""transaction: all entries or none, in the order of the specification: https://hl7.org/fhir/R4/http.html#trules."""

import itertools
import time
from typing import Any

import pytest

from tests.interactions.hub_client import (
    BASE,
    MERGE_PATCH,
    HubClient,
    entry,
    mrn,
    observation,
    patient,
    unique,
)
from tests.interactions.transactions import PATCH, location, statuses


class TestOrder:
    def test_responses_stand_in_the_order_of_the_entries(self, hub: HubClient) -> None:
        one, two = (hub.post("Patient", patient()).id for _ in range(2))
        answer = hub.transaction(
            entry("GET", f"Patient/{one}"),
            entry("PUT", f"Patient/{one}", patient(id=one, active=True)),
            entry("POST", "Observation", observation()),
            entry("DELETE", f"Patient/{two}"),
        )
        read, updated, created, deleted = answer.entries
        assert statuses(answer) == ["200", "200", "201", "204"]
        assert read["resource"]["active"] is True
        assert location(updated) == f"Patient/{one}"
        assert location(created).startswith("Observation/")
        assert deleted["response"] == {"status": "204", "etag": 'W/"2"'}

    @pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
    def test_methods_run_as_specified_whatever_the_order_of_entries(
        self, hub: HubClient, order: tuple[int, ...]
    ) -> None:
        """DELETE, POST, PUT, GET: each step is only possible after the one before."""
        value, new = unique(), unique()
        old = hub.post("Patient", patient(value))
        rows = [
            entry("DELETE", f"Patient/{old.id}"),
            # Creates, because what would match has been deleted before.
            entry("POST", "Patient", patient(value, active=True), ifNoneExist=mrn(value)),
            entry("PUT", f"Patient/{new}", patient(value, id=new)),
            entry("GET", f"Patient?{mrn(value)}&_sort=_id"),
        ]
        answer = hub.transaction(*(rows[index] for index in order))
        by_row = dict(zip(order, answer.entries, strict=True))
        assert [by_row[index]["response"]["status"] for index in range(4)] == ["204", "201", "201", "200"]
        found = {resource["resource"]["id"] for resource in by_row[3]["resource"]["entry"]}
        assert found == {location(by_row[1]).split("/")[1], new}
        assert hub.get(f"Patient/{old.id}").status == 410

    @pytest.mark.parametrize("path", ["Observation/_search", "Patient/{}/Observation/_search", "_search"])
    def test_searches_by_post_see_what_the_transaction_writes(self, hub: HubClient, path: str) -> None:
        who, code = hub.post("Patient", patient()).id, unique()
        written = observation(code={"coding": [{"code": code}]}, subject={"reference": f"Patient/{who}"})
        query = f"code={code}" + ("&_type=Observation" if path == "_search" else "")
        answer = hub.transaction(
            entry("POST", f"{path.format(who)}?{query}"),
            entry("POST", "Observation", written),
        )
        found, created = answer.entries
        assert statuses(answer) == ["200", "201"]
        assert [f"Observation/{each['resource']['id']}" for each in found["resource"]["entry"]] == [location(created)]

    @pytest.mark.parametrize("path", ["$reindex", "SearchParameter/any/$reindex"])
    def test_reindex_cannot_be_part_of_a_transaction(self, hub: HubClient, path: str) -> None:
        answer = hub.transaction(entry("POST", path))
        assert (answer.status, answer.issue["code"]) == (400, "not-supported")
        assert "transaction" in answer.issue["diagnostics"]

    def test_writes_of_one_transaction_have_stamps_in_their_order(self, hub: HubClient) -> None:
        value = unique()
        answer = hub.transaction(
            entry("PUT", f"Basic/p{value}", {"resourceType": "Basic", "id": f"p{value}", "code": {"text": "x"}}),
            entry("POST", "Basic", {"resourceType": "Basic", "code": {"text": "x"}}),
        )
        history = hub.get("Basic/_history?_count=2").entries
        assert [row["request"]["method"] for row in history] == ["PUT", "POST"]
        assert statuses(answer) == ["201", "201"]


class TestReads:
    def test_reads_see_what_the_transaction_wrote(self, hub: HubClient) -> None:
        value, new = unique(), unique()
        old = hub.post("Patient", patient(value))
        answer = hub.transaction(
            entry("GET", f"Patient/{old.id}"),
            entry("GET", f"Patient/{new}"),
            entry("HEAD", f"Patient/{new}"),
            entry("GET", f"Patient/{old.id}/_history/1"),
            entry("GET", f"Patient/{old.id}/_history/2"),
            entry("GET", f"Patient/{old.id}/_history"),
            entry("GET", f"Patient?{mrn(value)}&_total=accurate"),
            entry("GET", "Patient/_history?_count=2"),
            entry("GET", "_history?_count=2"),
            entry("POST", f"Patient/_search?{mrn(value)}"),
            entry("PUT", f"Patient/{new}", patient(value, id=new)),
            entry("PUT", f"Patient/{old.id}", patient(value, id=old.id, active=True)),
        )
        assert set(statuses(answer)) == {"200", "201"}
        rows: list[Any] = [row.get("resource") for row in answer.entries]
        assert rows[0]["active"] is True
        assert rows[1]["id"] == new
        assert rows[2] is None
        assert rows[3] == old.resource
        assert rows[4] == rows[0]
        assert rows[5]["total"] == 2
        assert [row["response"]["etag"] for row in rows[5]["entry"]] == ['W/"2"', 'W/"1"']
        assert rows[6]["total"] == 2
        assert {row["resource"]["id"] for row in rows[6]["entry"]} == {old.id, new}
        for level in (rows[7], rows[8]):
            assert {row["resource"]["id"] for row in level["entry"]} == {old.id, new}
        assert rows[9]["entry"] == rows[6]["entry"]
        # What the transaction saw is what everybody sees afterwards.
        assert hub.get(f"Patient/{old.id}").resource == rows[0]

    def test_reads_do_not_see_what_the_transaction_deleted(self, hub: HubClient) -> None:
        value = unique()
        old = hub.post("Patient", patient(value))
        answer = hub.transaction(entry("GET", f"Patient?{mrn(value)}"), entry("DELETE", f"Patient/{old.id}"))
        assert answer.entries[0]["resource"]["total"] == 0

    @pytest.mark.usefixtures("unchanged")
    def test_a_read_that_fails_fails_the_transaction(self, hub: HubClient) -> None:
        answer = hub.transaction(entry("POST", "Patient", patient()), entry("GET", "Patient/nobody"))
        assert (answer.status, answer.issue["code"]) == (404, "not-found")
        assert answer.issue["expression"] == ["Bundle.entry[1]"]

    def test_a_read_the_client_has_is_304(self, hub: HubClient) -> None:
        stored = hub.post("Patient", patient())
        answer = hub.transaction(entry("GET", f"Patient/{stored.id}", ifNoneMatch='W/"1"'))
        assert statuses(answer) == ["304"]

    def test_capabilities_can_be_read(self, hub: HubClient) -> None:
        answer = hub.transaction(entry("GET", "metadata"))
        assert answer.entries[0]["resource"]["resourceType"] == "CapabilityStatement"


class TestSize:
    def test_five_thousand_entries_are_one_transaction(self, hub: HubClient) -> None:
        value = unique()
        rows = [entry("POST", "Patient", patient(value), "urn:uuid:p")]
        rows += [
            entry("POST", "Observation", observation(subject={"reference": "urn:uuid:p"}, device={"display": value}))
            for _ in range(4_998)
        ]
        rows.append(entry("GET", f"Patient?{mrn(value)}"))
        started = time.monotonic()
        answer = hub.transaction(*rows)
        assert time.monotonic() - started < 30
        assert statuses(answer) == ["201"] * 4_999 + ["200"]
        subject = location(answer.entries[0])
        assert hub.get(f"Observation?subject={subject}&_total=accurate&_count=1").resource["total"] == 4_998
        assert len({location(row) for row in answer.entries[:-1]}) == 4_999

    def test_five_thousand_entries_with_one_failure_leave_nothing(self, hub: HubClient) -> None:
        value = unique()
        rows = [entry("POST", "Patient", patient(value)) for _ in range(5_000)]
        rows[4_321] = entry("POST", "Patient", patient(value, gender="x"))
        answer = hub.transaction(*rows)
        assert (answer.status, answer.issue["expression"]) == (400, ["Bundle.entry[4321].resource.gender"])
        assert hub.get(f"Patient?{mrn(value)}&_summary=count").resource["total"] == 0

    def test_thousands_of_conditional_creates_and_references_are_quick(self, hub: HubClient) -> None:
        value = unique()
        count = 2_500
        rows = [
            entry("POST", "Patient", patient(f"{value}-{n}"), ifNoneExist=mrn(f"{value}-{n}")) for n in range(count)
        ]
        rows += [
            entry("POST", "Observation", observation(subject={"reference": f"Patient?{mrn(f'{value}-{n}')}"}))
            for n in range(count)
        ]
        started = time.monotonic()
        answer = hub.transaction(*rows)
        elapsed = time.monotonic() - started
        assert statuses(answer) == ["201"] * (2 * count)
        for n in (0, count - 1):
            linked = hub.get(location(answer.entries[count + n])).resource["subject"]["reference"]
            assert linked == location(answer.entries[n])
        assert elapsed < 30

    def test_transaction_without_entries_is_answered(self, hub: HubClient) -> None:
        answer = hub.transaction()
        assert (answer.status, answer.entries) == (200, [])


def test_transaction_answers_bodies_only_when_asked(hub: HubClient) -> None:
    row = entry("POST", "Patient", patient())
    minimal, full = hub.transaction(row), hub.transaction(row, prefer_return="representation")
    assert "resource" not in minimal.entries[0]
    assert full.entries[0]["resource"] == hub.get(location(full.entries[0])).resource
    assert full.entries[0]["fullUrl"] == f"{BASE}/{location(full.entries[0])}"


def test_transaction_writes_history_like_single_requests(hub: HubClient) -> None:
    logical_id = unique()
    hub.transaction(entry("PUT", f"Patient/{logical_id}", patient(id=logical_id)))
    hub.transaction(entry("PATCH", f"Patient/{logical_id}", PATCH))
    hub.patch(f"Patient/{logical_id}", {"active": True}, MERGE_PATCH)
    hub.transaction(entry("DELETE", f"Patient/{logical_id}"))
    history = hub.get(f"Patient/{logical_id}/_history").entries
    assert [row["request"]["method"] for row in history] == ["DELETE", "PATCH", "PATCH", "PUT"]
    assert [row["response"]["etag"] for row in history] == ['W/"4"', 'W/"3"', 'W/"2"', 'W/"1"']
