"""Structure: elements, cardinality, JSON types, choices, resources inside resources."""

import json
from decimal import Decimal
from typing import Any

import pytest

from fhirhub.errors import Issue, operation_outcome
from fhirhub.validation import validate_resource

Json = dict[str, Any]


def patient(**elements: Any) -> Json:
    return {"resourceType": "Patient", **elements}


def observation(**elements: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "weight"}, **elements}


def only(resource: object, **options: Any) -> Issue:
    """The one issue the resource has."""
    found = validate_resource(resource, **options)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    "resource",
    [
        patient(),
        patient(id="1", meta={"profile": ["http://example.org/p|1.0"]}, active=False),
        patient(name=[{"family": "王", "given": ["小明", "B"]}], birthDate="1980-02-29"),
        patient(
            contained=[{"resourceType": "Organization", "id": "o", "name": "x"}],
            managingOrganization={"reference": "#o"},
        ),
        observation(valueQuantity={"value": Decimal("1.50"), "unit": "kg"}),
        observation(component=[{"code": {"text": "a"}, "valueBoolean": True}]),
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient(active=True)}]},
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "p", "part": [{"name": "q", "resource": observation()}]}],
        },
    ],
)
def test_valid_resource_has_no_issues(resource: Json) -> None:
    assert validate_resource(resource) == []


@pytest.mark.parametrize(
    ("resource", "rule", "code", "expression"),
    [
        ([], "array", "structure", "Resource"),
        (None, "null", "structure", "Resource"),
        ("text", "type", "structure", "Resource"),
        ({}, "resource-type", "required", "Resource.resourceType"),
        ({"resourceType": 1}, "resource-type", "structure", "Resource.resourceType"),
        ({"resourceType": "Pacient"}, "resource-type", "value", "Resource.resourceType"),
        ({"resourceType": "DomainResource"}, "resource-type", "value", "Resource.resourceType"),
        ({"resourceType": "HumanName"}, "resource-type", "value", "Resource.resourceType"),
        (patient(nam=[]), "unknown-element", "structure", "Patient.nam"),
        (
            patient(name=[{"resourceType": "HumanName", "family": "A"}]),
            "unknown-element",
            "structure",
            "Patient.name[0].resourceType",
        ),
        (patient(**{"odd name": 1}), "unknown-element", "structure", "Patient.`odd name`"),
        (observation(value="x"), "unknown-element", "structure", "Observation.value"),
        (observation(valueAddress={"city": "x"}), "unknown-element", "structure", "Observation.valueAddress"),
        ({"resourceType": "Observation", "status": "final"}, "required", "required", "Observation.code"),
        (patient(link=[{"other": {"display": "x"}}]), "required", "required", "Patient.link[0].type"),
        (
            {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"display": "x"}},
            "required",
            "required",
            "MedicationRequest.medication",
        ),
        (
            {
                "resourceType": "MedicationAdministration",
                "status": "completed",
                "medicationReference": {"reference": "Medication/1"},
                "subject": {"reference": "Patient/1"},
            },
            "required",
            "required",
            "MedicationAdministration.effective",
        ),
        (observation(valueString="a", valueBoolean=True), "choice", "structure", "Observation.value.ofType(boolean)"),
        (
            observation(valueString="a", _valueBoolean={"extension": [{"url": "http://e.org/x", "valueCode": "y"}]}),
            "choice",
            "structure",
            "Observation.value.ofType(boolean)",
        ),
        (patient(name={"family": "A"}), "array", "structure", "Patient.name"),
        (patient(name=[]), "empty", "structure", "Patient.name"),
        (patient(name=[{}]), "empty", "structure", "Patient.name[0]"),
        (patient(name=[{"id": "1"}]), "ele-1", "invariant", "Patient.name[0].id"),
        (patient(name=[None]), "null", "structure", "Patient.name[0]"),
        (patient(name=["A"]), "type", "structure", "Patient.name[0]"),
        (patient(name=None), "null", "structure", "Patient.name"),
        (patient(name=[{"given": "A"}]), "array", "structure", "Patient.name[0].given"),
        (patient(name=[{"given": [["A"]]}]), "array", "structure", "Patient.name[0].given[0]"),
        (patient(birthDate=["1980"]), "array", "structure", "Patient.birthDate"),
        (patient(maritalStatus=[{"text": "x"}]), "array", "structure", "Patient.maritalStatus"),
        (patient(active="true"), "type", "structure", "Patient.active"),
        (patient(active=1), "type", "structure", "Patient.active"),
        (patient(multipleBirthInteger=True), "type", "structure", "Patient.multipleBirth.ofType(integer)"),
        (patient(gender=1), "type", "structure", "Patient.gender"),
        (patient(gender={"coding": []}), "type", "structure", "Patient.gender"),
        (observation(valueQuantity={"value": "1"}), "type", "structure", "Observation.value.ofType(Quantity).value"),
        (observation(valueQuantity=1), "type", "structure", "Observation.value.ofType(Quantity)"),
        (
            patient(contained=[{"resourceType": "Basic", "code": {"text": "x"}}]),
            "contained-id",
            "required",
            "Patient.contained[0].id",
        ),
        (patient(contained=[{"id": "a"}]), "resource-type", "required", "Patient.contained[0].resourceType"),
        (
            patient(contained=[patient(id="a", contained=[patient(id="b")])]),
            "dom-2",
            "invariant",
            "Patient.contained[0].contained",
        ),
        (
            patient(contained=[patient(id="a", meta={"versionId": "1"})]),
            "dom-4",
            "invariant",
            "Patient.contained[0].meta.versionId",
        ),
        (
            patient(contained=[patient(id="a", meta={"security": [{"code": "R"}]})]),
            "dom-5",
            "invariant",
            "Patient.contained[0].meta.security",
        ),
        (
            {
                "resourceType": "Bundle",
                "type": "batch",
                "entry": [{"fullUrl": "urn:a:b"}, {"resource": patient(name=[{"famly": "A"}])}],
            },
            "unknown-element",
            "structure",
            "Bundle.entry[1].resource.name[0].famly",
        ),
        (
            {"resourceType": "Parameters", "parameter": [{"name": "r", "resource": {"resourceType": "Nothing"}}]},
            "resource-type",
            "value",
            "Parameters.parameter[0].resource.resourceType",
        ),
        (patient(extension=[{"valueString": "x"}]), "required", "required", "Patient.extension[0].url"),
        (patient(extension=[{"url": "http://e.org/x"}]), "ext-1", "invariant", "Patient.extension[0]"),
        (
            patient(
                extension=[{"url": "http://e.org/x", "valueString": "x", "extension": [{"url": "a", "valueCode": "b"}]}]
            ),
            "ext-1",
            "invariant",
            "Patient.extension[0]",
        ),
        (
            patient(extension=[{"url": "relative", "valueString": "x"}]),
            "extension-url",
            "value",
            "Patient.extension[0].url",
        ),
        (
            patient(extension=[{"url": "http://e.org/x", "extension": [{"url": "y", "valueString": 1}]}]),
            "type",
            "structure",
            "Patient.extension[0].extension[0].value.ofType(string)",
        ),
    ],
)
def test_mistake_is_one_issue_with_its_element(resource: object, rule: str, code: str, expression: str) -> None:
    issue = only(resource)

    assert (issue.severity, issue.details, issue.code, issue.expression) == ("error", rule, code, (expression,))
    assert issue.diagnostics.endswith((".", "?"))


def test_findings_come_all_at_once() -> None:
    resource = patient(
        gender="man",
        birthDate="1980-13-01",
        name=[{"given": []}, {"family": ""}],
        deceasedBoolean=True,
        deceasedDateTime="2020",
    )

    found = {issue.expression[0]: issue.details for issue in validate_resource(resource)}

    assert found == {
        "Patient.gender": "binding",
        "Patient.birthDate": "value",
        "Patient.name[0].given": "empty",
        "Patient.name[1].family": "value",
        "Patient.deceased.ofType(dateTime)": "choice",
    }


def test_findings_end_with_a_note_when_there_are_too_many() -> None:
    found = validate_resource(patient(name=[{"family": 1, "given": [2, 3]} for _ in range(5000)]))

    assert len(found) == 201
    assert {issue.severity for issue in found[:-1]} == {"error"}
    assert (found[-1].severity, found[-1].code, found[-1].details) == ("information", "informational", "more-findings")
    assert "200" in found[-1].diagnostics


def test_type_that_was_expected_is_demanded() -> None:
    assert validate_resource(patient(), resource_type="Patient") == []

    issue = only(observation(), resource_type="Patient")

    assert (issue.details, issue.expression) == ("resource-type", ("Observation.resourceType",))
    assert '"Observation"' in issue.diagnostics
    assert "Patient is expected" in issue.diagnostics


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        (patient(nmae=[]), ['no element "nmae"', "Did you mean name"]),
        (patient(birthdate="1980"), ["Did you mean birthDate"]),
        (observation(value=1), ["valueQuantity", "valueString"]),
        ({"resourceType": "patient"}, ["Did you mean Patient"]),
        (patient(gender="mann"), ['"mann"', "Allowed: female, male, other, unknown."]),
        (observation(status=None), ["null"]),
        (patient(maritalStatus=[]), ["does not repeat"]),
        (patient(active="yes"), ["true or false", "a string", '"yes"']),
    ],
)
def test_sentence_names_the_value_and_what_would_be_right(resource: Json, words: list[str]) -> None:
    text = only(resource).diagnostics
    assert [word for word in words if word not in text] == []


def test_sentence_shortens_what_is_long() -> None:
    found = validate_resource(patient(**{"gender": "x" * 1_000_000, "z" * 1_000_000: 1}))
    assert len(found) == 2
    assert all(len(each.diagnostics) < 400 and len(each.expression[0]) < 100 for each in found)


def test_nesting_without_end_is_an_issue_and_no_crash() -> None:
    extension: Json = {"url": "a", "valueString": "x"}
    for _ in range(3000):
        extension = {"url": "a", "extension": [extension]}

    issue = only(patient(extension=[{"url": "http://e.org/x", "extension": [extension]}]))

    assert (issue.code, issue.details) == ("too-costly", "depth")


def test_issues_make_a_valid_outcome() -> None:
    found = validate_resource(
        patient(gender="\ud800", **{"\x00`odd": 1, "name": [{"family": "\x01", "given": [None]}]})
    )

    outcome = operation_outcome(found)

    assert len(found) == 4
    assert validate_resource(json.loads(json.dumps(outcome))) == []
