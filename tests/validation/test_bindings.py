"""Required bindings: codes, concepts, and value sets without end."""

from typing import Any

import pytest

from fhirhub.validation import validate_resource

Json = dict[str, Any]
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def condition(concept: Json) -> Json:
    return {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, "clinicalStatus": concept}


@pytest.mark.parametrize(
    "concept",
    [
        {"coding": [{"system": CLINICAL, "code": "active"}]},
        {"coding": [{"system": "http://e.org", "code": "x"}, {"system": CLINICAL, "code": "resolved"}], "text": "over"},
        {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]},
    ],
)
def test_concept_with_a_code_of_the_value_set_passes(concept: Json) -> None:
    assert validate_resource(condition(concept)) == []


@pytest.mark.parametrize(
    "concept",
    [
        {"text": "active"},
        {"coding": [{"system": CLINICAL, "code": "actve"}]},
        {"coding": [{"system": CLINICAL}]},
        {"coding": [{"code": "active"}]},
        {"coding": [{"system": "http://snomed.info/sct", "code": "active"}]},
    ],
)
def test_concept_without_a_code_of_the_value_set_is_refused(concept: Json) -> None:
    found = validate_resource(condition(concept))

    assert [(issue.code, issue.expression) for issue in found] == [("code-invalid", ("Condition.clinicalStatus",))]
    assert CLINICAL in found[0].diagnostics
    assert "resolved" in found[0].diagnostics


def test_broken_concept_is_reported_once() -> None:
    found = validate_resource(condition({"coding": [{"system": CLINICAL, "code": 1}]}))
    assert [issue.expression[0] for issue in found] == ["Condition.clinicalStatus.coding[0].code"]


@pytest.mark.parametrize(
    ("media_type", "passes"),
    [
        ("application/fhir+json", True),
        ("text/plain; charset=utf-8", True),
        ("image/svg+xml", True),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", True),
        ("pdf", False),
        ("text/", False),
        ("a/b/c", False),
        ("text/plain ", False),
    ],
)
def test_media_type_is_checked_by_its_syntax(media_type: str, passes: bool) -> None:
    found = validate_resource({"resourceType": "Binary", "contentType": media_type})

    assert [issue.expression[0] for issue in found] == ([] if passes else ["Binary.contentType"])


@pytest.mark.parametrize(
    ("currency", "passes"), [("EUR", True), ("CNY", True), ("eur", False), ("EURO", False), ("€", False)]
)
def test_currency_is_checked_by_its_syntax(currency: str, passes: bool) -> None:
    found = validate_resource(
        {
            "resourceType": "Invoice",
            "status": "issued",
            "totalNet": {"value": 1, "currency": currency},
        }
    )

    assert [(issue.code, issue.expression[0]) for issue in found] == (
        [] if passes else [("code-invalid", "Invoice.totalNet.currency")]
    )


def test_code_near_a_right_one_is_suggested() -> None:
    resource = {
        "resourceType": "SearchParameter",
        "url": "http://e.org/s",
        "name": "s",
        "status": "draft",
        "description": "x",
        "code": "s",
        "base": ["Pateint"],
        "type": "token",
    }

    found = validate_resource(resource)

    assert [(issue.code, issue.expression[0]) for issue in found] == [("code-invalid", "SearchParameter.base[0]")]
    assert "Did you mean Patient" in found[0].diagnostics


def test_concept_bound_to_an_open_system_needs_a_code_of_it() -> None:
    def issues(unit: Json) -> list[str]:
        resource = {
            "resourceType": "ResearchElementDefinition",
            "status": "draft",
            "type": "population",
            "characteristic": [{"definitionCanonical": "http://e.org/x", "unitOfMeasure": unit}],
        }
        return [str(issue.details) for issue in validate_resource(resource)]

    assert issues({"coding": [{"system": "http://unitsofmeasure.org", "code": "mg"}]}) == []
    assert issues({"coding": [{"system": "http://e.org", "code": "mg"}]}) == ["binding"]
