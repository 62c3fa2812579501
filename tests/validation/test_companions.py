"""Companions `_x` of primitives, and the nulls of primitive arrays."""

from typing import Any

import pytest

from fhirhub.validation import validate_resource

Json = dict[str, Any]
WHY: Json = {"extension": [{"url": "http://example.org/why", "valueCode": "unknown"}]}


def name(**elements: Any) -> Json:
    return {"resourceType": "Patient", "name": [elements]}


def patient(**elements: Any) -> Json:
    return {"resourceType": "Patient", **elements}


@pytest.mark.parametrize(
    "resource",
    [
        patient(birthDate="1980", _birthDate=WHY),
        patient(_birthDate=WHY),
        patient(birthDate="1980", _birthDate={"id": "b"}),
        patient(id="1", _id=WHY),
        patient(_deceasedBoolean=WHY),
        name(given=["A", None], _given=[None, WHY]),
        name(given=["A", "B"], _given=[None, {"id": "b", **WHY}]),
        name(_given=[WHY]),
        {"resourceType": "Observation", "_status": WHY, "code": {"text": "x"}},
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "valueString": "x",
            "_valueString": WHY,
        },
    ],
)
def test_companion_passes(resource: Json) -> None:
    assert validate_resource(resource) == []


@pytest.mark.parametrize(
    ("resource", "rule", "expression"),
    [
        (patient(birthDate="1980", _birthDate="x"), "companion", "Patient.birthDate"),
        (patient(birthDate="1980", _birthDate=[WHY]), "companion", "Patient.birthDate"),
        (patient(birthDate="1980", _birthDate=None), "null", "Patient.birthDate"),
        (patient(birthDate="1980", _birthDate={}), "empty", "Patient.birthDate"),
        (patient(birthDate=None, _birthDate=WHY), "null", "Patient.birthDate"),
        (patient(_birthDate={"id": "b"}), "ele-1", "Patient.birthDate.id"),
        (patient(birthDate="1980", _birthDate={"id": 1}), "type", "Patient.birthDate.id"),
        (patient(_birthDate={"value": "1980"}), "companion", "Patient.birthDate.value"),
        (patient(_birthDate={**WHY, "odd": 1}), "unknown-element", "Patient.birthDate.odd"),
        (
            patient(_birthDate={"extension": [{"url": "x", "valueCode": "y"}]}),
            "extension-url",
            "Patient.birthDate.extension[0].url",
        ),
        (patient(_maritalStatus=WHY), "unknown-element", "Patient.maritalStatus"),
        (patient(_nothing=WHY), "unknown-element", "Patient._nothing"),
        (patient(_resourceType=WHY), "unknown-element", "Patient._resourceType"),
        (name(family="A", _id=WHY), "unknown-element", "Patient.name[0].id"),
        (
            patient(extension=[{"_url": WHY, "url": "http://example.org/x", "valueCode": "y"}]),
            "unknown-element",
            "Patient.extension[0].url",
        ),
        (
            patient(text={"status": "empty", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>', "_div": WHY}),
            "unknown-element",
            "Patient.text.div",
        ),
        (name(given=["A", None]), "null", "Patient.name[0].given[1]"),
        (name(given=["A", None], _given=[WHY, None]), "null", "Patient.name[0].given[1]"),
        (name(given=["A"], _given=[WHY, WHY]), "companion", "Patient.name[0].given"),
        (name(given=["A"], _given=WHY), "array", "Patient.name[0].given"),
        (name(given=["A"], _given=[]), "empty", "Patient.name[0].given"),
        (name(given=["A"], _given=["x"]), "companion", "Patient.name[0].given[0]"),
        (name(_given=[None]), "null", "Patient.name[0].given[0]"),
        (name(given=["A", 1], _given=[None, WHY]), "type", "Patient.name[0].given[1]"),
    ],
)
def test_misused_companion_is_refused(resource: Json, rule: str, expression: str) -> None:
    found = validate_resource(resource)

    assert (rule, (expression,)) in {(issue.details, issue.expression) for issue in found}
    assert all(issue.severity == "error" and issue.expression[0].startswith(expression) for issue in found)
