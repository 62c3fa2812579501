"""`_summary` and `_elements`: https://hl7.org/fhir/R4/search.html#summary, #elements."""

from typing import Any

import pytest

from fhirhub.model.json import Json
from fhirhub.validation import validate_resource
from tests.interactions.hub_client import HubClient, mrn, unique

SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">A questionnaire</div>'}


@pytest.fixture(scope="module")
def questionnaire(hub: HubClient) -> Json:
    """A Questionnaire with narrative, summary elements, others, nested ones and an extension on a primitive."""
    resource = {
        "resourceType": "Questionnaire",
        "meta": {"tag": [{"code": "own"}]},
        "implicitRules": "http://example.org/rules",
        "language": "en",
        "text": NARRATIVE,
        "url": f"http://example.org/{unique()}",
        "_title": {"extension": [{"url": "http://example.org/x", "valueString": "none"}]},
        "status": "draft",
        "purpose": "Why",
        "approvalDate": "2020-01-01",
        "code": [{"code": "q"}],
        "item": [{"linkId": "1", "text": "Well?", "type": "boolean"}],
    }
    return hub.post("Questionnaire", resource).resource


def cut(hub: HubClient, questionnaire: Json, query: str) -> Any:
    """Read with the query and return the resource, which must be valid and tagged."""
    answer = hub.get(f"Questionnaire/{questionnaire['id']}?{query}")
    assert answer.status == 200
    assert answer.version_id == "1"
    assert answer.resource["meta"] == {**questionnaire["meta"], "tag": [{"code": "own"}, SUBSETTED]}
    assert validate_resource(answer.resource) == []
    return answer.resource


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("_summary=true", ["implicitRules", "url", "_title", "status", "code"]),
        ("_summary=text", ["text", "status"]),
        (
            "_summary=data",
            ["implicitRules", "language", "url", "_title", "status", "purpose", "approvalDate", "code", "item"],
        ),
        ("_elements=purpose", ["status", "purpose"]),
        ("_elements=title,item", ["_title", "status", "item"]),
        ("_elements=id", ["status"]),
    ],
)
def test_subset_keeps_what_was_asked_for_and_what_is_mandatory(
    hub: HubClient, questionnaire: Json, query: str, keys: list[str]
) -> None:
    resource = cut(hub, questionnaire, query)
    kept = [key for key in resource if key not in {"resourceType", "id", "meta"}]
    if query == "_summary=true":
        # Modifier elements may never be dropped; what else is a summary element the definitions say.
        assert set(kept) >= {"implicitRules", "url", "_title", "status", "code"}
        assert not {"text", "purpose", "item"} & set(kept)
    else:
        assert kept == keys
    assert all(resource[key] == questionnaire[key] for key in kept)


def test_summary_false_answers_everything_untagged(hub: HubClient, questionnaire: Json) -> None:
    answer = hub.get(f"Questionnaire/{questionnaire['id']}?_summary=false")
    assert (answer.status, answer.resource) == (200, questionnaire)


def test_subset_applies_to_vread_and_search(hub: HubClient, questionnaire: Json) -> None:
    read = hub.get(f"Questionnaire/{questionnaire['id']}?_elements=purpose")
    vread = hub.get(f"Questionnaire/{questionnaire['id']}/_history/1?_elements=purpose")
    found = hub.get(f"Questionnaire?url={questionnaire['url']}&_elements=purpose")
    assert read.status == 200
    assert vread.content == read.content
    assert found.resources == [read.resource]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("_summary=some", "'some'"),
        ("_elements=titel", "'titel'. Did you mean title"),
        ("_elements=item.text", "'item.text'"),
        ("_elements=url,nope", "'nope'"),
    ],
)
def test_subset_of_what_does_not_exist_is_refused(hub: HubClient, questionnaire: Json, query: str, said: str) -> None:
    for path in (f"Questionnaire/{questionnaire['id']}", f"Questionnaire/{questionnaire['id']}/_history/1"):
        answer = hub.get(f"{path}?{query}")
        assert (answer.status, answer.issue["code"]) == (400, "value")
        assert said in answer.issue["diagnostics"]
        assert answer.issue["expression"] == [f"http.{query.partition('=')[0]}"]


def test_elements_are_named_with_or_without_their_type(hub: HubClient, questionnaire: Json) -> None:
    path = f"Questionnaire/{questionnaire['id']}?_elements="
    assert hub.get(f"{path}Questionnaire.purpose").content == hub.get(f"{path}purpose").content
    assert "purpose" in hub.get(f"{path}purpose").resource


def test_element_of_several_types_is_named_without_its_type(hub: HubClient) -> None:
    answer = hub.get("Observation?_elements=valueQuantity")
    assert (answer.status, answer.issue["code"]) == (400, "value")
    assert "Did you mean value?" in answer.issue["diagnostics"]
    assert answer.issue["expression"] == ["http._elements"]


def test_summary_of_backbone_elements_drops_what_is_no_summary_inside(hub: HubClient) -> None:
    value = unique()
    resource = {
        "resourceType": "Patient",
        "identifier": [{"system": "http://hospital.example/mrn", "value": value}],
        "link": [{"other": {"reference": "Patient/x"}, "type": "seealso"}],
        "contact": [{"name": {"text": "not in the summary"}}],
    }
    created = hub.post("Patient", resource)
    summary = hub.get(f"Patient?{mrn(value)}&_summary=true").resources[0]
    assert summary["link"] == created.resource["link"]
    assert "contact" not in summary
    assert summary["meta"]["tag"] == [SUBSETTED]
