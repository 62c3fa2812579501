"""transaction: all entries or none, in the order of the specification: https://hl7.org/fhir/R4/http.html#trules."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fhirhub.model.json import Json
from tests.interactions.hub_client import (
    BASE,
    MERGE_PATCH,
    Answer,
    HubClient,
    entry,
    mrn,
    observation,
    patient,
    unique,
)


def statuses(answer: Answer) -> list[str]:
    assert answer.resource["type"] == "transaction-response", answer.resource
    return [row["response"]["status"] for row in answer.entries]


def location(row: Json) -> str:
    """`Type/id` of an entry of the response."""
    path: str = row["response"]["location"].removeprefix(f"{BASE}/")
    return path.partition("/_history/")[0]


def everything(hub: HubClient) -> dict[str, Any]:
    """What the database holds apart from the lock counters."""
    database = hub.database
    return {
        name: sorted(database[name].find(), key=lambda document: str(document["_id"]))
        for name in database.list_collection_names()
        if name != "lock"
    }


@pytest.fixture
def unchanged(hub: HubClient) -> Iterator[None]:
    """The test leaves nothing behind: no resource, no history, no outbox entry."""
    before = everything(hub)
    yield
    after = everything(hub)
    # Collections may be made for a transaction that then fails.
    assert {name: rows for name, rows in after.items() if rows} == {name: rows for name, rows in before.items() if rows}


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


PATCH = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "add"},
                {"name": "path", "valueString": "Patient"},
                {"name": "name", "valueString": "language"},
                {"name": "value", "valueCode": "en"},
            ],
        }
    ],
}


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
