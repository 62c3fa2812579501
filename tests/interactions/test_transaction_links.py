"""Links inside a transaction: placeholders, full URLs, conditional references: https://hl7.org/fhir/R4/http.html#trules."""

from typing import Any

import pytest

from fhirhub.model.json import Json
from tests.interactions.hub_client import BASE, Answer, HubClient, entry, mrn, observation, patient, unique

URN = "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9"


def location(row: Json) -> str:
    path: str = row["response"]["location"].removeprefix(f"{BASE}/")
    return path.partition("/_history/")[0]


def stored(hub: HubClient, answer: Answer, index: int) -> Json:
    """What an entry of a transaction has stored."""
    assert answer.status == 200, answer.resource
    return hub.get(location(answer.entries[index])).resource


def linked(hub: HubClient, resource: Json, full_url: str = URN, **request: str) -> tuple[Json, str]:
    """Run a transaction of a Patient under `full_url` and a resource; return the latter as stored, and `Patient/id`."""
    method = "PUT" if "url" in request else "POST"
    url = request.pop("url", resource["resourceType"])
    answer = hub.transaction(
        entry(method, url, resource, **request), entry("POST", "Patient", patient(), full_url=full_url)
    )
    return stored(hub, answer, 0), location(answer.entries[1])


@pytest.mark.parametrize(
    "full_url",
    [URN, "urn:uuid:a", "urn:oid:1.2.3", "urn:uuid:05EFABF0-4BE2-4561-91CE-51548425ACB9", "http://x.example/Patient/1"],
)
def test_reference_to_a_full_url_becomes_the_new_id(hub: HubClient, full_url: str) -> None:
    resource, patient_id = linked(hub, observation(subject={"reference": full_url}), full_url)
    assert resource["subject"] == {"reference": patient_id}


def test_reference_is_rewritten_at_every_depth(hub: HubClient) -> None:
    pointer = {"reference": URN}
    resource, patient_id = linked(
        hub,
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x", "extension": [{"url": "http://e.example", "valueReference": pointer}]},
            "contained": [{"resourceType": "Group", "id": "g", "type": "person", "actual": True,
                           "member": [{"entity": {"reference": URN}}]}],
            "focus": [{"reference": "#g"}, {"reference": URN, "display": "She"}],
            "performer": [{"reference": URN}],
            "_status": {"extension": [{"url": "http://e.example", "valueReference": {"reference": URN}}]},
        },
    )  # fmt: skip
    assert resource["code"]["extension"][0]["valueReference"] == {"reference": patient_id}
    assert resource["contained"][0]["member"][0]["entity"] == {"reference": patient_id}
    assert resource["focus"] == [{"reference": "#g"}, {"reference": patient_id, "display": "She"}]
    assert resource["performer"] == [{"reference": patient_id}]
    assert resource["_status"]["extension"][0]["valueReference"] == {"reference": patient_id}


def test_uri_elements_that_are_full_urls_are_rewritten_and_others_are_not(hub: HubClient) -> None:
    resource, patient_id = linked(
        hub,
        {
            "resourceType": "Basic",
            "code": {"text": "x"},
            "extension": [
                {"url": "http://e.example/uri", "valueUri": URN},
                {"url": "http://e.example/url", "valueUrl": URN},
                {"url": "http://e.example/canonical", "valueCanonical": URN},
                {"url": "http://e.example/uuid", "valueUuid": URN},
                {"url": "http://e.example/string", "valueString": URN},
                {"url": "http://e.example/markdown", "valueMarkdown": f"see {URN}"},
                {"url": "http://e.example/other", "valueUri": f"{URN}/more"},
            ],
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": URN}],
        },
    )
    values = [next(value for name, value in each.items() if name != "url") for each in resource["extension"]]
    assert values == [patient_id] * 2 + [URN] * 3 + [f"see {URN}", f"{URN}/more"]
    assert resource["identifier"] == [{"system": "urn:ietf:rfc:3986", "value": URN}]


def test_narrative_links_are_rewritten(hub: HubClient) -> None:
    text = (
        '<div xmlns="http://www.w3.org/1999/xhtml">'
        f'<a href="{URN}">her</a> <a href=\'{URN}\'>she</a> <img src="{URN}" alt="{URN}"/> '
        f'<a href="http://e.example/?a=1&amp;b=2">elsewhere</a> {URN}</div>'
    )
    resource, patient_id = linked(hub, observation(text={"status": "generated", "div": text}))
    assert resource["text"]["div"] == (
        '<div xmlns="http://www.w3.org/1999/xhtml">'
        f'<a href="{patient_id}">her</a> <a href="{patient_id}">she</a> <img src="{patient_id}" alt="{URN}"/> '
        f'<a href="http://e.example/?a=1&amp;b=2">elsewhere</a> {URN}</div>'
    )


@pytest.mark.parametrize("form", ["plain", "conditional", "conditional with id"])
def test_links_of_updates_are_rewritten_at_every_depth(hub: HubClient, form: str) -> None:
    """Also those at the root of a resource whose id is only found by the criteria."""
    value = unique()
    manifest: dict[str, Any] = {
        "resourceType": "DocumentManifest",
        "status": "current",
        "identifier": [{"system": "http://hospital.example/manifests", "value": value}],
        "content": [{"reference": "Patient/x"}],
    }
    first = hub.post("DocumentManifest", manifest)
    changed = {**manifest, "source": URN, "subject": {"reference": URN}}
    criteria = f"DocumentManifest?identifier=http://hospital.example/manifests|{value}"
    if form != "conditional":
        changed["id"] = first.id
    url = f"DocumentManifest/{first.id}" if form == "plain" else criteria
    resource, patient_id = linked(hub, changed, url=url)
    assert resource["id"] == first.id
    assert resource["meta"]["versionId"] == "2"
    assert resource["subject"] == {"reference": patient_id}
    assert resource["source"] == patient_id


def test_links_to_updated_deleted_and_found_resources(hub: HubClient) -> None:
    value, new = unique(), unique()
    known = hub.post("Patient", patient(value))
    answer = hub.transaction(
        entry("PUT", f"Patient/{new}", patient(id=new), "urn:uuid:1"),
        entry("PUT", f"Patient?{mrn(value)}", patient(value, active=True), "urn:uuid:2"),
        entry("PUT", f"Patient?{mrn(unique())}", patient(), "urn:uuid:3"),
        entry("POST", "Patient", patient(), "urn:uuid:4", ifNoneExist=mrn(unique())),
        entry("POST", "List", {
            "resourceType": "List", "status": "current", "mode": "working",
            "entry": [{"item": {"reference": f"urn:uuid:{number}"}} for number in (1, 2, 3, 4)],
        }),
    )  # fmt: skip
    items = [row["item"]["reference"] for row in stored(hub, answer, 4)["entry"]]
    assert items == [location(row) for row in answer.entries[:4]]
    assert items[:2] == [f"Patient/{new}", f"Patient/{known.id}"]


def test_relative_reference_is_relative_to_the_full_url_of_its_entry(hub: HubClient) -> None:
    answer = hub.transaction(
        entry("POST", "Patient", patient(), "http://a.example/fhir/Patient/1"),
        entry("POST", "Patient", patient(), "http://b.example/fhir/Patient/1"),
        entry(
            "POST",
            "Observation",
            observation(subject={"reference": "Patient/1"}),
            "http://a.example/fhir/Observation/1",
        ),
        entry(
            "POST",
            "Observation",
            observation(subject={"reference": "Patient/1"}),
            "http://b.example/fhir/Observation/2",
        ),
        entry("POST", "Observation", observation(subject={"reference": "Patient/1"})),
        entry(
            "POST",
            "Observation",
            observation(subject={"reference": "Patient/2"}),
            "http://b.example/fhir/Observation/3",
        ),
    )
    one, two, *_ = answer.entries
    subjects = [stored(hub, answer, index)["subject"]["reference"] for index in range(2, 6)]
    assert subjects == [location(one), location(two), "Patient/1", "Patient/2"]


def test_absolute_reference_below_the_base_finds_an_entry(hub: HubClient) -> None:
    logical_id = unique()
    answer = hub.transaction(
        entry("PUT", f"Patient/{logical_id}", patient(id=logical_id), f"{BASE}/Patient/{logical_id}"),
        entry("POST", "Observation", observation(subject={"reference": f"{BASE}/Patient/{logical_id}"})),
        entry("POST", "Observation", observation(subject={"reference": f"Patient/{logical_id}"})),
    )
    assert [stored(hub, answer, index)["subject"]["reference"] for index in (1, 2)] == [f"Patient/{logical_id}"] * 2


def test_references_that_name_no_entry_stay_as_they_are(hub: HubClient) -> None:
    for text in ("Patient/elsewhere", "http://other.example/fhir/Patient/9", "Patient/9/_history/2"):
        resource, _ = linked(hub, observation(subject={"reference": text}))
        assert resource["subject"] == {"reference": text}


@pytest.mark.parametrize("text", ["urn:uuid:cf56be64-5d5b-4b7a-95ff-5cd8b7a0f7c1", "urn:oid:1.2.3.4"])
def test_placeholder_that_no_entry_has_is_refused(hub: HubClient, text: str) -> None:
    before = hub.database["outbox"].count_documents({})
    answer = hub.transaction(
        entry("POST", "Patient", patient(), URN),
        entry("POST", "Observation", observation(subject={"reference": text}, focus=[{"reference": text}])),
    )
    assert (answer.status, len(answer.issues)) == (400, 2)
    assert [issue["expression"] for issue in answer.issues] == [
        ["Bundle.entry[1].resource.subject.reference"],
        ["Bundle.entry[1].resource.focus[0].reference"],
    ]
    assert text in answer.issues[0]["diagnostics"]
    assert hub.database["outbox"].count_documents({}) == before


class TestConditionalReferences:
    def test_finds_what_is_stored(self, hub: HubClient) -> None:
        value = unique()
        known = hub.post("Patient", patient(value))
        for text in (f"Patient?{mrn(value)}", f"{BASE}/Patient?{mrn(value)}", f"Patient?identifier={value}"):
            resource, _ = linked(hub, observation(subject={"reference": text, "display": "She"}))
            assert resource["subject"] == {"reference": f"Patient/{known.id}", "display": "She"}

    @pytest.mark.parametrize("method", ["POST", "PUT", "conditional"])
    def test_finds_what_the_transaction_writes(self, hub: HubClient, method: str) -> None:
        value, new = unique(), unique()
        rows = {
            "POST": entry("POST", "Patient", patient(value)),
            "PUT": entry("PUT", f"Patient/{new}", patient(value, id=new)),
            "conditional": entry("PUT", f"Patient?{mrn(value)}", patient(value)),
        }
        answer = hub.transaction(
            entry("POST", "Observation", observation(subject={"reference": f"Patient?{mrn(value)}"})), rows[method]
        )
        assert stored(hub, answer, 0)["subject"] == {"reference": location(answer.entries[1])}

    def test_minds_what_the_transaction_changes_and_deletes(self, hub: HubClient) -> None:
        value = unique()
        changed, deleted, kept = (hub.post("Patient", patient(value)).id for _ in range(3))
        answer = hub.transaction(
            entry("POST", "Observation", observation(subject={"reference": f"Patient?{mrn(value)}"})),
            entry("PUT", f"Patient/{changed}", patient(unique(), id=changed)),
            entry("DELETE", f"Patient/{deleted}"),
        )
        assert stored(hub, answer, 0)["subject"] == {"reference": f"Patient/{kept}"}

    @pytest.mark.parametrize("count", [0, 2])
    def test_with_none_or_several_matches_is_refused(self, hub: HubClient, count: int) -> None:
        value = unique()
        for _ in range(count):
            hub.post("Patient", patient(value))
        before = hub.database["outbox"].count_documents({})
        answer = hub.transaction(
            entry("POST", "Patient", patient()),
            entry("POST", "Observation", observation(subject={"reference": f"Patient?{mrn(value)}"})),
        )
        assert (answer.status, answer.issue["code"]) == (412, "multiple-matches" if count else "conflict")
        assert answer.issue["expression"] == ["Bundle.entry[1].resource.subject.reference"]
        assert value in answer.issue["diagnostics"]
        assert hub.database["outbox"].count_documents({}) == before

    def test_counts_stored_and_written_matches_together(self, hub: HubClient) -> None:
        value = unique()
        hub.post("Patient", patient(value))
        answer = hub.transaction(
            entry("POST", "Patient", patient(value)),
            entry("POST", "Observation", observation(subject={"reference": f"Patient?{mrn(value)}"})),
        )
        assert (answer.status, answer.issue["code"]) == (412, "multiple-matches")

    @pytest.mark.parametrize(
        "text", ["Patient?", "Patient?nope=1", "Patient?identifier", "Pateint?identifier=1", "Patient?_count=1"]
    )
    def test_that_is_no_search_is_refused(self, hub: HubClient, text: str) -> None:
        answer = hub.transaction(entry("POST", "Observation", observation(subject={"reference": text})))
        assert (answer.status, answer.issue["severity"]) == (400, "error")
        assert answer.issue["expression"] == ["Bundle.entry[0].resource.subject.reference"]

    def test_must_find_an_allowed_type(self, hub: HubClient) -> None:
        value = unique()
        hub.post("Encounter", {
            "resourceType": "Encounter", "status": "planned", "class": {"code": "AMB"},
            "identifier": [{"value": value}],
        })  # fmt: skip
        answer = hub.transaction(
            entry("POST", "Observation", observation(subject={"reference": f"Encounter?identifier={value}"}))
        )
        assert answer.status == 400
        assert answer.issue["expression"] == ["Bundle.entry[0].resource.subject.reference"]


def test_rewritten_links_are_found_by_search(hub: HubClient) -> None:
    answer = hub.transaction(
        entry("POST", "Patient", patient(), URN),
        entry("POST", "Observation", observation(subject={"reference": URN})),
    )
    found = hub.get(f"Observation?subject={location(answer.entries[0])}")
    assert [f"Observation/{resource['id']}" for resource in found.resources] == [location(answer.entries[1])]


@pytest.mark.parametrize("wrong", [{}, [], 5, {"reference": {}}, {"reference": [URN]}, {"reference": None}], ids=repr)
def test_what_is_no_reference_is_refused_by_validation(hub: HubClient, wrong: Any) -> None:
    answer = hub.transaction(
        entry("POST", "Patient", patient(), URN), entry("POST", "Observation", observation(subject=wrong))
    )
    assert (answer.status, answer.issues[0]["severity"]) == (400, "error")
    assert answer.issues[0]["expression"][0].startswith("Bundle.entry[1].resource.subject")


def test_bundle_that_is_stored_keeps_its_own_links(hub: HubClient) -> None:
    """Inside it `urn:uuid` means its own entries, even where the transaction has one of the same name."""
    inner = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": URN, "resource": patient()},
            {"fullUrl": URN.replace("0", "1"), "resource": observation(subject={"reference": URN})},
            {"fullUrl": URN.replace("0", "2"), "resource": observation(subject={"reference": URN.replace("0", "9")})},
        ],
    }
    resource, _ = linked(hub, inner)
    assert resource["entry"] == inner["entry"]


def test_links_of_a_fhirpath_patch_are_rewritten(hub: HubClient) -> None:
    value = unique()
    known = hub.post("Patient", patient(value))
    ids = [hub.post("Observation", observation()).id for _ in range(2)]

    def patch(reference: str) -> Json:
        parts = [
            {"name": "type", "valueCode": "add"},
            {"name": "path", "valueString": "Observation"},
            {"name": "name", "valueString": "subject"},
            {"name": "value", "valueReference": {"reference": reference}},
        ]
        return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}

    answer = hub.transaction(
        entry("PATCH", f"Observation/{ids[0]}", patch(URN)),
        entry("PATCH", f"Observation/{ids[1]}", patch(f"Patient?{mrn(value)}")),
        entry("POST", "Patient", patient(), URN),
    )
    assert stored(hub, answer, 0)["subject"] == {"reference": location(answer.entries[2])}
    assert stored(hub, answer, 1)["subject"] == {"reference": f"Patient/{known.id}"}
