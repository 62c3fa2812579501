"""Search of several types at once: https://hl7.org/fhir/R4/http.html#search, and of compartments, and contained."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.interactions.hub_client import BASE, Answer, HubClient, entry, hub_on, observation

TAG = {"system": "http://t.example", "code": "system"}


def names(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.resource
    return [
        f"{each['resource']['resourceType']}/{each['resource']['id']}"
        for each in answer.entries
        if each["search"]["mode"] == "match"
    ]


@pytest.fixture(scope="module")
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    """A hub with resources of five types, created in the order of CREATED."""
    with hub_on(mongodb_uri) as client:
        for name, body in CREATED.items():
            stored = client.put(name, {"resourceType": name.split("/")[0], "id": name.split("/")[1], **body})
            assert stored.status == 201, stored.resource
        yield client


def _observation(code: str, subject: str, **more: Any) -> dict[str, Any]:
    body = observation(code={"coding": [{"code": code}]}, subject={"reference": subject}, meta={"tag": [TAG]}, **more)
    return {name: value for name, value in body.items() if name != "resourceType"}


MEDICATION = {
    "resourceType": "Medication",
    "id": "m1",
    "code": {"coding": [{"system": "http://m.example", "code": "aspirin"}]},
    "amount": {"numerator": {"value": 5}, "denominator": {"value": 1}},
}
OTHER = {"resourceType": "Medication", "id": "m2", "code": {"coding": [{"code": "ibuprofen"}]}}
HOLDER = {
    "status": "active",
    "intent": "order",
    "subject": {"reference": "Patient/1"},
    "medicationReference": {"reference": "#m1"},
    "note": [{"text": "see"}],
}

CREATED: dict[str, dict[str, Any]] = {
    "Practitioner/1": {"meta": {"tag": [TAG]}},
    "Patient/1": {"meta": {"tag": [TAG]}, "generalPractitioner": [{"reference": "Practitioner/1"}]},
    "Patient/2": {"meta": {"tag": [TAG]}, "link": [{"other": {"reference": "Patient/1"}, "type": "seealso"}]},
    "Observation/1": _observation("a", "Patient/1", effectiveDateTime="2026-01-02"),
    "Observation/2": _observation("b", "Patient/2", effectiveDateTime="2026-01-03"),
    "Observation/3": _observation("b", "Patient/1", performer=[{"reference": "Practitioner/1"}]),
    "Condition/1": {
        "meta": {"tag": [TAG]},
        "subject": {"reference": "Patient/1"},
        "code": {"coding": [{"code": "b"}]},
        "recordedDate": "2026-01-01",
    },
    "Encounter/1": {
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/1"},
    },
    "AllergyIntolerance/1": {"patient": {"reference": "Patient/2"}, "recorder": {"reference": "Patient/1"}},
    "MedicationRequest/1": {"contained": [MEDICATION, OTHER], **HOLDER},
    "MedicationRequest/2": {
        "contained": [{**OTHER, "id": "x"}],
        **HOLDER,
        "medicationReference": {"reference": "#x"},
    },
    "Medication/9": {key: value for key, value in MEDICATION.items() if key not in ("id", "resourceType")},
}
NEWEST = list(CREATED)[::-1]
TAGGED = [name for name in NEWEST if CREATED[name].get("meta")]


def of(*types: str) -> list[str]:
    return [name for name in NEWEST if name.split("/")[0] in types]


@pytest.mark.parametrize("count", [1, 2, 3, 50])
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("_tag=system", TAGGED),
        ("_type=Patient,Observation", of("Patient", "Observation")),
        ("_type=Condition,Observation&code=b", ["Condition/1", "Observation/3", "Observation/2"]),
        ("_type=Condition,Observation&subject=Patient/1&code:not=a", ["Condition/1", "Observation/3"]),
        ("_id=1&_type=Patient,Observation,Condition", ["Condition/1", "Observation/1", "Patient/1"]),
        ("_lastUpdated=gt2020", NEWEST),
        ("_lastUpdated=lt2020", []),
        ("_type=Slot,Patient", of("Patient")),
        ("_type=Slot", []),
    ],
)
def test_system_search_merges_types_newest_first(hub: HubClient, query: str, found: list[str], count: int) -> None:
    pages = list(hub.pages(f"?{query}&_count={count}&_total=accurate"))
    assert [name for page in pages for name in names(page)] == found
    assert {page.resource["total"] for page in pages} == {len(found)}
    by_post = hub.post(f"_search?{query}&_count={count}&_total=accurate")
    assert by_post.resource.get("entry") == pages[0].resource.get("entry")
    assert by_post.link("self") == pages[0].link("self")


@pytest.mark.parametrize("count", [1, 2, 50])
@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("_id", ["Patient/1", "Observation/1", "Condition/1", "Patient/2", "Observation/2", "Observation/3"]),
        ("-_id", ["Observation/3", "Observation/2", "Patient/2", "Condition/1", "Observation/1", "Patient/1"]),
        ("_lastUpdated", of("Patient", "Observation", "Condition")[::-1]),
        ("-_lastUpdated", of("Patient", "Observation", "Condition")),
    ],
)
def test_system_search_sorts_across_types_forth_and_back(
    hub: HubClient, sort: str, found: list[str], count: int
) -> None:
    path = f"?_type=Patient,Observation,Condition&_sort={sort}&_count={count}"
    pages = list(hub.pages(path))
    assert [name for page in pages for name in names(page)] == found
    if len(pages) > 1:
        assert names(hub.get(pages[-1].link("previous") or "")) == names(pages[-2])


@pytest.mark.parametrize("count", [1, 50])
def test_system_search_sorts_by_a_parameter_all_types_have(hub: HubClient, count: int) -> None:
    path = "?_type=Observation,Condition,Encounter&_tag=system&_sort=-{}&_count={}"
    by_code = [name for page in hub.pages(path.format("patient", count)) for name in names(page)]
    assert by_code == ["Observation/2", "Condition/1", "Observation/3", "Observation/1"]
    refused = hub.get(path.format("code", count))
    assert (refused.status, refused.issue["code"]) == (400, "value")
    assert "Encounter" in refused.issue["diagnostics"]
    assert "_type" in refused.issue["diagnostics"]


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("code=b", "not-supported", "_type"),
        ("_type=Patient,Observation&code=b", "not-supported", "Patient"),
        ("_type=Patiend", "value", "Patient"),
        ("_type=Patient&_type=Observation", "value", "_type"),
        ("_type=", "value", "_type"),
        ("nope=1", "not-supported", "nope"),
        ("_type=Observation,Patient&_sort=birthdate", "value", "birthdate"),
        ("_type=Patient,Observation&_elements=birthDate", "value", "birthDate"),
        ("_contained=true&_type=Medication", "not-supported", "_contained: contained resources"),
        ("_containedType=contained", "not-supported", "_containedType: contained resources"),
        ("_type=Observation&_include=Observation:subject&_summary=text", "value", "_include"),
        ("_revinclude=*&_summary=text", "value", "_revinclude"),
    ],
)
def test_system_search_refuses_what_not_all_types_know(hub: HubClient, query: str, code: str, said: str) -> None:
    answer = hub.get(f"?{query}")
    assert (answer.status, answer.issue["code"]) == (400, code)
    assert said in answer.issue["diagnostics"]


def test_search_of_several_types_refuses_contained_ones_however_lenient(hub: HubClient) -> None:
    for path in ("?_contained=true", "Patient/1/*?_contained=true"):
        answer = hub.get(path, handling="lenient")
        assert (answer.status, answer.issue["code"]) == (400, "not-supported")
        assert answer.issue["expression"] == ["http._contained"]


def test_system_search_is_lenient_for_all_types_or_none(hub: HubClient) -> None:
    answer = hub.get("?_type=Patient,Observation&code=b&_id=1", handling="lenient")
    assert names(answer) == ["Observation/1", "Patient/1"]
    (outcome,) = (each for each in answer.entries if each["search"]["mode"] == "outcome")
    assert [issue["expression"] for issue in outcome["resource"]["issue"]] == [["http.code"]]
    assert answer.link("self") == "?_type=Patient,Observation&_id=1"


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_search_in_a_bundle_with_a_resource_is_refused(hub: HubClient, kind: str) -> None:
    criteria = {"resourceType": "Parameters", "parameter": [{"name": "_id", "valueString": "1"}]}
    answer = hub.bundle(kind, entry("POST", "Patient/_search", criteria))
    outcome = answer.resource if kind == "transaction" else answer.entries[0]["response"]["outcome"]
    assert (outcome["resourceType"], outcome["issue"][0]["code"]) == ("OperationOutcome", "invalid")
    assert "URL" in outcome["issue"][0]["diagnostics"]


def test_system_search_counts_includes_and_cuts_down(hub: HubClient) -> None:
    assert hub.get("?_summary=count").resource["total"] == len(CREATED)
    assert hub.get("?_type=Patient,Observation&_count=0").resource["total"] == 5
    answer = hub.get("?_type=Observation,Condition&_id=1&_include=Observation:subject&_summary=data")
    assert [each["search"]["mode"] for each in answer.entries] == ["match", "match", "include"]
    assert answer.resources[2]["id"] == "1"
    assert answer.link("self") == "?_type=Observation,Condition&_id=1&_include=Observation:subject&_summary=data"


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_searches_run_as_entries_of_bundles(hub: HubClient, kind: str) -> None:
    urls = {
        "?_type=Patient": of("Patient"),
        "Patient/1/Observation?code=b": ["Observation/3"],
        "Patient/1/*?_type=Condition": ["Condition/1"],
        "Observation?_sort=-date&subject=Patient/1": ["Observation/1", "Observation/3"],
    }
    answer = hub.bundle(kind, *(entry("GET", url) for url in urls))
    assert [each["response"]["status"] for each in answer.entries] == ["200"] * len(urls)
    for bundle, found in zip(answer.resources, urls.values(), strict=True):
        assert [f"{each['resource']['resourceType']}/{each['resource']['id']}" for each in bundle["entry"]] == found
    links = [bundle["link"][0]["url"] for bundle in answer.resources]
    assert links[0] == f"{BASE}?_type=Patient"
    followed = hub.bundle(kind, *(entry("GET", url) for url in links))
    assert [each["entry"] for each in followed.resources] == [each["entry"] for each in answer.resources]
    refused = hub.bundle(kind, entry("POST", "", {"resourceType": "Bundle", "type": "batch"}))
    assert "cannot contain a batch or transaction" in str(refused.resource)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("Patient/1/Observation", ["Observation/3", "Observation/1"]),
        ("Patient/1/Observation?code=b", ["Observation/3"]),
        ("Patient/2/Observation", ["Observation/2"]),
        ("Patient/nobody/Observation", []),
        ("Patient/1/Patient", ["Patient/2"]),
        # By any of the parameters that make it a member.
        ("Patient/1/AllergyIntolerance", ["AllergyIntolerance/1"]),
        ("Patient/2/AllergyIntolerance", ["AllergyIntolerance/1"]),
        ("Practitioner/1/Patient", ["Patient/1"]),
        ("Practitioner/1/Observation", ["Observation/3"]),
        ("Practitioner/1/Practitioner", ["Practitioner/1"]),
        ("Encounter/1/Encounter", ["Encounter/1"]),
        ("RelatedPerson/1/Observation", []),
        ("Device/1/Observation", []),
        ("Patient/1/*?_type=Observation,Condition", ["Condition/1", "Observation/3", "Observation/1"]),
        ("Practitioner/1/*", ["Observation/3", "Patient/1", "Practitioner/1"]),
    ],
)
@pytest.mark.parametrize("count", [1, 50])
def test_compartment_search_finds_its_members(hub: HubClient, path: str, found: list[str], count: int) -> None:
    full = f"{path}{'&' if '?' in path else '?'}_count={count}"
    assert [name for page in hub.pages(full) for name in names(page)] == found
    steps, _, query = full.partition("?")
    assert names(hub.post(f"{steps}/_search?{query}")) == found[:count]
    assert hub.get(full).link("self") == full


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("Observation/1/Patient", 404, "Patient"),
        ("Patient/1/Medication", 404, "never"),
        ("Patient/1/Nothing", 404, "Nothing"),
        ("Patient/1/*?_type=Medication", 400, "Medication"),
        ("Patient/1/*?code=b", 400, "_type"),
        ("Patient/1/Observation?nope=1", 400, "nope"),
        ("Patient/a b/Observation", 400, "id"),
    ],
)
def test_compartment_search_refuses_what_cannot_be(hub: HubClient, path: str, status: int, said: str) -> None:
    answer = hub.get(path)
    assert (answer.status, answer.issue["severity"]) == (status, "error")
    assert said in answer.issue["diagnostics"]


@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("code=aspirin", ["Medication/9"]),
        ("code=aspirin&_contained=false", ["Medication/9"]),
        ("code=aspirin&_contained=true", ["MedicationRequest/1"]),
        ("code=ibuprofen&_contained=true", ["MedicationRequest/2", "MedicationRequest/1"]),
        ("_contained=true", ["MedicationRequest/2", "MedicationRequest/1"]),
        ("code=aspirin&_contained=both", ["Medication/9", "MedicationRequest/1"]),
        ("code=aspirin&_contained=both&_containedType=container", ["Medication/9", "MedicationRequest/1"]),
        ("code=aspirin&_contained=both&_containedType=contained", ["Medication/9", "Medication/m1"]),
        ("code=ibuprofen&_contained=true&_containedType=contained", ["Medication/x", "Medication/m2"]),
        ("code:not=aspirin&_contained=true&_containedType=contained", ["Medication/x", "Medication/m2"]),
        ("_contained=true&_containedType=contained&_id=m1", ["Medication/m1"]),
        ("_contained=true&code=nope", []),
    ],
)
def test_contained_search_finds_containers_or_contained(
    hub: HubClient, query: str, found: list[str], count: int
) -> None:
    pages = list(hub.pages(f"Medication?{query}&_count={count}&_total=accurate"))
    assert [name for page in pages for name in names(page)] == found
    assert {page.resource["total"] for page in pages} == {len(found)}
    assert {*pages[0].link("self").split("?")[1].split("&")} == {  # type: ignore[union-attr]  # it is there
        *f"{query}&_count={count}&_total=accurate".split("&")
    }


def test_contained_resources_are_named_after_their_container(hub: HubClient) -> None:
    answer = hub.get("Medication?_contained=true&_containedType=contained&code=aspirin")
    assert answer.entries == [
        {"fullUrl": f"{BASE}/MedicationRequest/1#m1", "resource": MEDICATION, "search": {"mode": "match"}}
    ]
    cut = hub.get("Medication?_contained=true&_containedType=contained&code=aspirin&_elements=code")
    assert cut.resources[0].keys() == {"resourceType", "id", "meta", "code"}
    # An element of one contained resource and one of another make no match.
    assert names(hub.get("Medication?_contained=true&_id=m2&code=aspirin")) == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("_contained=true&_lastUpdated=gt2020", "_lastUpdated"),
        ("_contained=both&_sort=code", "_sort"),
        ("_contained=true&_has:MedicationRequest:medication:status=active", "_contained"),
        ("_contained=true&_include=Medication:manufacturer", "_include"),
        ("_contained=true&_revinclude=MedicationRequest:medication", "_revinclude"),
        ("_contained=true&_elements=code", "_elements"),
        ("_contained=some", "_contained"),
        ("_contained=true&_contained=both", "_contained"),
        ("_contained=true&_containedType=some", "_containedType"),
    ],
)
def test_contained_search_refuses_what_it_cannot_tell(hub: HubClient, query: str, name: str) -> None:
    answer = hub.get(f"Medication?{query}")
    assert (answer.status, answer.issue["expression"]) == (400, [f"http.{name}"])
    assert name in answer.issue["diagnostics"]


def test_a_search_of_nothing_but_system_is_paged_while_types_come_and_go(hub: HubClient) -> None:
    first = hub.get("?_tag=system&_count=3")
    assert hub.post("Slot", {"resourceType": "Slot", "schedule": {"display": "x"}, "status": "free",
                             "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z"}).status == 201  # fmt: skip
    rest = [name for page in hub.pages(first.link("next") or "") for name in names(page)]
    assert names(first) + rest == TAGGED
