"""batch: every entry on its own: https://hl7.org/fhir/R4/http.html#transaction."""

import base64

import pytest

from fhirhub.model.json import Json, encode
from tests.interactions.hub_client import BASE, HubClient, entry, mrn, observation, patient, unique


def statuses(entries: list[Json]) -> list[str]:
    return [row["response"]["status"] for row in entries]


def test_batch_runs_every_entry_and_answers_in_their_order(hub: HubClient) -> None:
    logical_id, gone = unique(), unique()
    hub.put(f"Patient/{gone}", patient(id=gone))
    answer = hub.batch(
        entry("POST", "Patient", patient()),
        entry("PUT", f"Patient/{logical_id}", patient(id=logical_id)),
        entry("DELETE", f"Patient/{gone}"),
        entry("GET", "Patient/nobody"),
        entry("GET", "metadata"),
    )
    assert (answer.status, answer.resource["type"]) == (200, "batch-response")
    created, updated, deleted, missing, capabilities = answer.entries
    assert statuses(answer.entries) == ["201", "201", "204", "404", "200"]
    assert updated["response"]["location"] == f"{BASE}/Patient/{logical_id}/_history/1"
    assert updated["response"]["etag"] == 'W/"1"'
    stored = hub.get(created["response"]["location"].removeprefix(f"{BASE}/"))
    assert created["response"]["lastModified"] == stored.resource["meta"]["lastUpdated"]
    assert hub.get(f"Patient/{gone}").status == 410
    assert deleted["response"] == {"status": "204", "etag": 'W/"2"'}
    assert missing["response"]["outcome"]["issue"][0]["code"] == "not-found"
    assert capabilities["resource"]["resourceType"] == "CapabilityStatement"


def test_batch_entry_that_fails_disturbs_no_other(hub: HubClient) -> None:
    value = unique()
    rows = [entry("POST", "Patient", patient(value)) for _ in range(9)]
    rows[4] = entry("POST", "Patient", patient(value, gender="x", active="x"))
    answer = hub.batch(*rows)
    assert statuses(answer.entries) == ["201"] * 4 + ["400"] + ["201"] * 4
    failed = answer.entries[4]
    assert "resource" not in failed
    assert {issue["expression"][0] for issue in failed["response"]["outcome"]["issue"]} == {
        "Patient.gender",
        "Patient.active",
    }
    assert hub.get(f"Patient?{mrn(value)}").resource["total"] == 8


@pytest.mark.parametrize(
    ("row", "status", "code"),
    [
        ({}, "400", "invalid"),
        ([], "400", "invalid"),
        (None, "400", "invalid"),
        ({"request": []}, "400", "invalid"),
        ({"request": {}}, "400", "value"),
        ({"request": {"method": "TRACE", "url": "Patient"}}, "400", "value"),
        ({"request": {"method": "get", "url": "Patient"}}, "400", "value"),
        ({"request": {"method": ["GET"], "url": "Patient"}}, "400", "invalid"),
        ({"request": {"method": "GET"}}, "400", "invalid"),
        ({"request": {"method": "GET", "url": 5}}, "400", "invalid"),
        ({"request": {"method": "GET", "url": "Patient/1", "ifMatch": 5}}, "400", "invalid"),
        ({"request": {"method": "GET", "url": "Patient"}, "fullUrl": {}}, "400", "invalid"),
        (entry("GET", "https://elsewhere.example/fhir/Patient/1"), "400", "value"),
        (entry("GET", f"{BASE}s/Patient/1"), "400", "value"),
        (entry("GET", "Patient/%FF"), "400", "value"),
        (entry("GET", "Patient?name=%FF"), "400", "value"),
        (entry("GET", "Pateint/1"), "404", "not-supported"),
        (entry("GET", "Patient/1/nowhere"), "404", "not-found"),
        (entry("POST", "Patient"), "400", "structure"),
        (entry("POST", "Patient/1", {"resourceType": "Patient"}), "405", "not-supported"),
        (entry("PUT", "Patient/1", {"resourceType": "Patient"}), "400", "invalid"),
        (entry("PATCH", "Patient/1"), "400", "structure"),
        (entry("PUT", "Pateint?identifier=1", {"resourceType": "Patient"}), "404", "not-supported"),
        (entry("POST", "Pateint", {"resourceType": "Patient"}, ifNoneExist="identifier=1"), "404", "not-supported"),
        (entry("POST", "", {"resourceType": "Bundle", "type": "batch"}), "400", "invalid"),
        (entry("POST", BASE, {"resourceType": "Bundle", "type": "transaction"}), "400", "invalid"),
        (entry("POST", "/", {"resourceType": "Bundle", "type": "batch"}), "400", "invalid"),
        (entry("DELETE", "Patient"), "400", "invalid"),
    ],
)
def test_batch_entry_that_is_wrong_has_status_and_outcome(hub: HubClient, row: Json, status: str, code: str) -> None:
    good = entry("GET", "Patient?_summary=count")
    answer = hub.batch(good, row, good)
    assert answer.status == 200
    assert statuses(answer.entries) == ["200", status, "200"]
    (issue,) = answer.entries[1]["response"]["outcome"]["issue"]
    assert (issue["severity"], issue["code"]) == ("error", code)
    assert issue["diagnostics"]


def test_batch_reads_with_get_and_head(hub: HubClient) -> None:
    stored = hub.post("Patient", patient())
    answer = hub.batch(
        entry("GET", f"Patient/{stored.id}"),
        entry("HEAD", f"Patient/{stored.id}"),
        entry("GET", f"Patient/{stored.id}/_history/1"),
        entry("GET", f"Patient/{stored.id}/_history"),
        entry("GET", f"Patient?_id={stored.id}"),
        entry("POST", f"Patient/_search?_id={stored.id}"),
        entry("GET", f"Patient/{stored.id}?_elements=id"),
        entry("GET", f"Patient/{stored.id}", ifNoneMatch='W/"1"'),
    )
    read, head, vread, history, found, found_by_post, part, known = answer.entries
    assert statuses(answer.entries) == ["200"] * 7 + ["304"]
    assert read["resource"] == vread["resource"] == stored.resource
    assert "resource" not in head
    assert head["response"] == read["response"]
    assert history["resource"]["type"] == "history"
    assert found["resource"]["entry"] == found_by_post["resource"]["entry"]
    assert found["resource"]["entry"][0]["resource"] == stored.resource
    assert part["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert "resource" not in known


@pytest.mark.parametrize("seconds", ["", ".999"])
def test_batch_read_if_modified_since_takes_an_instant(hub: HubClient, seconds: str) -> None:
    """In a Bundle the header is an instant, not an HTTP date."""
    stored = hub.post("Patient", patient())
    now = stored.resource["meta"]["lastUpdated"]
    later = f"2999-01-01T00:00:00{seconds}Z"
    earlier = f"1999-01-01T00:00:00{seconds}Z"
    answer = hub.batch(
        *(entry("GET", f"Patient/{stored.id}", ifModifiedSince=instant) for instant in (now, later, earlier))
    )
    assert statuses(answer.entries) == ["304", "304", "200"]
    assert answer.entries[2]["resource"] == stored.resource


@pytest.mark.parametrize("url", ["{base}/Patient/{id}", "/Patient/{id}", "Patient/{id}", "Patient/{id}/"])
def test_batch_takes_urls_relative_and_below_the_base(hub: HubClient, url: str) -> None:
    stored = hub.post("Patient", patient())
    answer = hub.batch(entry("GET", url.format(base=BASE, id=stored.id)))
    assert statuses(answer.entries) == ["200"]
    assert answer.resources == [stored.resource]


def test_batch_minds_if_match_and_if_none_exist(hub: HubClient) -> None:
    value = unique()
    stored = hub.post("Patient", patient(value))
    answer = hub.batch(
        entry("PUT", f"Patient/{stored.id}", patient(id=stored.id), ifMatch='W/"5"'),
        entry("POST", "Patient", patient(value), ifNoneExist=mrn(value)),
        entry("DELETE", f"Patient/{stored.id}", ifMatch='W/"7"'),
        entry("PUT", f"Patient?{mrn(unique())}", patient(id=stored.id)),
    )
    assert statuses(answer.entries) == ["412", "200", "412", "409"]
    assert answer.entries[1]["response"]["location"] == f"{BASE}/Patient/{stored.id}/_history/1"
    assert hub.get(f"Patient/{stored.id}").content == stored.content


def test_batch_patches_with_parameters_and_with_a_binary(hub: HubClient) -> None:
    ids = [hub.post("Patient", patient(active=False)).id for _ in range(3)]
    operation = [{"op": "replace", "path": "/active", "value": True}]

    def binary(content_type: str, data: object) -> Json:
        text = base64.b64encode(encode(data)).decode()
        return {"resourceType": "Binary", "contentType": content_type, "data": text}

    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Patient.active"},
        {"name": "value", "valueBoolean": True},
    ]
    fhirpath = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    answer = hub.batch(
        entry("PATCH", f"Patient/{ids[0]}", fhirpath),
        entry("PATCH", f"Patient/{ids[1]}", binary("application/json-patch+json; charset=utf-8", operation)),
        entry("PATCH", f"Patient/{ids[2]}", binary("application/merge-patch+json", {"active": True})),
        entry("PATCH", f"Patient/{ids[2]}", {"resourceType": "Binary", "contentType": "x", "data": "%%%"}),
        entry("PATCH", f"Patient/{ids[2]}", binary("text/plain", {})),
        entry("PATCH", f"Patient/{ids[2]}", {"resourceType": "Binary", "contentType": ["x"], "data": 5}),
    )
    assert statuses(answer.entries) == ["200", "200", "200", "400", "415", "400"]
    assert [hub.get(f"Patient/{each}").resource["active"] for each in ids] == [True] * 3


@pytest.mark.parametrize("prefer", [None, "minimal", "representation", "OperationOutcome"])
def test_batch_answers_with_the_bodies_that_were_asked_for(hub: HubClient, prefer: str | None) -> None:
    stored = hub.post("Patient", patient())
    rows = [entry("POST", "Patient", patient()), entry("GET", f"Patient/{stored.id}")]
    created, read = hub.batch(*rows, prefer_return=prefer).entries
    assert created["response"]["status"] == "201"
    assert read["resource"] == stored.resource
    version = hub.get(created["response"]["location"].removeprefix(f"{BASE}/"))
    if prefer == "representation":
        assert created["resource"] == version.resource
        assert created["fullUrl"] == f"{BASE}/Patient/{version.resource['id']}"
    else:
        assert "resource" not in created
        assert "fullUrl" not in created
    if prefer == "OperationOutcome":
        (issue,) = created["response"]["outcome"]["issue"]
        assert issue["diagnostics"] == f"Patient/{version.resource['id']} created as version 1."
    else:
        assert "outcome" not in created["response"]


def test_batch_does_not_rewrite_links_between_entries(hub: HubClient) -> None:
    """Entries of a batch are independent; what points at another one is left as it is, or refused as invalid."""
    urn = "urn:uuid:88888888-4444-4444-8888-121212121212"
    answer = hub.batch(
        entry("POST", "Patient", patient(), full_url=urn),
        entry("POST", "Observation", observation(subject={"reference": urn})),
        prefer_return="representation",
    )
    assert statuses(answer.entries) == ["201", "201"]
    assert answer.entries[1]["resource"]["subject"] == {"reference": urn}


def test_batch_without_entries_is_answered(hub: HubClient) -> None:
    answer = hub.batch()
    assert (answer.status, answer.entries, answer.resource["type"]) == (200, [], "batch-response")


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("rows", [{}, "x", 5], ids=repr)
def test_bundle_whose_entries_are_no_array_is_refused(hub: HubClient, kind: str, rows: object) -> None:
    answer = hub.post("", {"resourceType": "Bundle", "type": kind, "entry": rows})
    assert (answer.status, answer.issue["code"]) == (400, "structure")
    assert answer.issue["expression"] == ["Bundle.entry"]


@pytest.mark.parametrize("kind", ["document", "collection", "searchset", None, 5, []], ids=repr)
def test_base_takes_batches_and_transactions_only(hub: HubClient, kind: object) -> None:
    answer = hub.post("", {"resourceType": "Bundle", "type": kind})
    assert (answer.status, answer.issue["code"]) == (400, "invalid")
    assert answer.issue["expression"] == ["Bundle.type"]


def test_bundle_of_more_entries_than_allowed_is_refused(hub: HubClient) -> None:
    most = hub.hub.call.rules.max_bundle_entries
    answer = hub.batch(*[entry("GET", "Patient/1")] * (most + 1))
    assert (answer.status, answer.issue["code"]) == (413, "too-long")
    assert str(most) in answer.issue["diagnostics"]


def test_batch_runs_two_hundred_writes_at_a_time(hub: HubClient) -> None:
    value = unique()
    answer = hub.batch(*(entry("POST", "Patient", patient(value)) for _ in range(200)))
    assert set(statuses(answer.entries)) == {"201"}
    ids = {row["response"]["location"].split("/")[-3] for row in answer.entries}
    assert len(ids) == 200
    assert hub.get(f"Patient?{mrn(value)}&_summary=count").resource["total"] == 200
