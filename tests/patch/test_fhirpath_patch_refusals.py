"""What FHIRPath Patch refuses, and how it says so: https://hl7.org/fhir/R4/fhirpatch.html."""

from typing import Any

import pytest

from fhirhub.errors import Failure, FhirError
from fhirhub.patch import fhirpath_patch
from fhirhub.patch.limits import MAX_OPERATIONS
from tests.patch.parameters import IDENTIFIERS, Json, observation, operation, patient, refused

NAMES = [{"given": ["a"], "text": "t"}, {"given": ["b"]}]

MISFITS: dict[str, tuple[Json, Json, str]] = {
    "add to nothing": (
        patient(),
        operation("add", "Patient.maritalStatus", {"valueString": "x"}, name="text"),
        "selects nothing",
    ),
    "add to two elements": (
        patient(name=NAMES),
        operation("add", "Patient.name", {"valueString": "x"}, name="family"),
        "selects 2 elements",
    ),
    "add what is there and does not repeat": (
        patient(birthDate="1920"),
        operation("add", "Patient", {"valueDate": "1930"}, name="birthDate"),
        "already",
    ),
    "add what has extensions and does not repeat": (
        patient(_birthDate={"id": "b"}),
        operation("add", "Patient", {"valueDate": "1930"}, name="birthDate"),
        "already",
    ),
    "add a second type of a choice": (
        observation(valueString="x"),
        operation("add", "Observation", {"valueQuantity": {"value": 1}}, name="value"),
        "already",
    ),
    "add an unknown element": (patient(), operation("add", "Patient", {"valueString": "x"}, name="shoe"), "shoe"),
    "add the resource type": (
        patient(),
        operation("add", "Patient", {"valueCode": "Group"}, name="resourceType"),
        "resourceType",
    ),
    "add the value of a primitive": (
        patient(_birthDate={"id": "b"}),
        operation("add", "Patient.birthDate", {"valueString": "1930"}, name="value"),
        "no element 'value'",
    ),
    "add a wrong type": (
        patient(),
        operation("add", "Patient", {"valueString": "x"}, name="active"),
        "a string is given",
    ),
    "add a string where a code is asked for": (
        patient(),
        operation("add", "Patient", {"valueString": "male"}, name="gender"),
        "a string is given",
    ),
    "add a type the choice does not allow": (
        observation(),
        operation("add", "Observation", {"valueMoney": {"value": 1}}, name="value"),
        "cannot be a Money",
    ),
    "add a wrong type in a part": (
        patient(),
        operation("add", "Patient", {"part": [{"name": "gender", "valueString": "male"}]}, name="contact"),
        "a string is given",
    ),
    "add an unknown part": (
        patient(),
        operation("add", "Patient", {"part": [{"name": "shoe", "valueString": "x"}]}, name="contact"),
        "Patient.contact has no element 'shoe'",
    ),
    "add a part twice": (
        patient(),
        operation("add", "Patient", {"part": [{"name": "gender", "valueCode": "male"}] * 2}, name="contact"),
        "already",
    ),
    "add a primitive in parts": (
        patient(),
        operation("add", "Patient", {"part": [{"name": "id", "valueString": "x"}]}, name="active"),
        "cannot be given in parts",
    ),
    "add a choice in parts": (
        observation(),
        operation("add", "Observation", {"part": [{"name": "value", "valueDecimal": 1}]}, name="value"),
        "which type",
    ),
    "add a null": (patient(), operation("add", "Patient", {"valueBoolean": None}, name="active"), "no value"),
    "insert into nothing": (
        patient(),
        operation("insert", "Patient.identifier", {"valueIdentifier": {}}, index=0),
        "selects nothing",
    ),
    "insert beyond the end": (
        patient(identifier=IDENTIFIERS),
        operation("insert", "Patient.identifier", {"valueIdentifier": {}}, index=4),
        "index 4 is outside the list of 3",
    ),
    "insert before the start": (
        patient(identifier=IDENTIFIERS),
        operation("insert", "Patient.identifier", {"valueIdentifier": {}}, index=-1),
        "index -1",
    ),
    "insert into what does not repeat": (
        patient(gender="male"),
        operation("insert", "Patient.gender", {"valueCode": "female"}, index=0),
        "no list",
    ),
    "insert into a part of a list": (
        patient(identifier=IDENTIFIERS),
        operation("insert", "Patient.identifier.where(use.empty())", {"valueIdentifier": {}}, index=0),
        "all items of one list",
    ),
    "insert into two lists": (
        patient(name=NAMES),
        operation("insert", "Patient.name.given", {"valueString": "x"}, index=0),
        "all items of one list",
    ),
    "insert a wrong type": (
        patient(identifier=IDENTIFIERS),
        operation("insert", "Patient.identifier", {"valueString": "x"}, index=0),
        "has to be a Identifier",
    ),
    "insert into the resource": (patient(), operation("insert", "Patient", {"valueString": "x"}, index=0), "no list"),
    "delete two elements": (patient(name=NAMES), operation("delete", "Patient.name"), "selects 2 elements"),
    "delete the resource": (patient(), operation("delete", "Patient"), "resource itself"),
    "replace nothing": (patient(), operation("replace", "Patient.birthDate", {"valueDate": "1930"}), "selects nothing"),
    "replace two elements": (
        patient(name=NAMES),
        operation("replace", "Patient.name", {"valueHumanName": {}}),
        "selects 2 elements",
    ),
    "replace the resource": (patient(), operation("replace", "Patient", {"resource": patient()}), "resource itself"),
    "replace by a wrong type": (
        patient(birthDate="1930"),
        operation("replace", "Patient.birthDate", {"valueDateTime": "1930"}),
        "has to be a date",
    ),
    "replace a choice by a type it does not allow": (
        observation(valueString="x"),
        operation("replace", "Observation.value", {"valueAddress": {}}),
        "cannot be a Address",
    ),
    "move from outside": (
        patient(identifier=IDENTIFIERS),
        operation("move", "Patient.identifier", source=3, destination=0),
        "index 3 is outside the list of 3",
    ),
    "move to outside": (
        patient(identifier=IDENTIFIERS),
        operation("move", "Patient.identifier", source=0, destination=3),
        "index 3",
    ),
    "move from a negative index": (
        patient(identifier=IDENTIFIERS),
        operation("move", "Patient.identifier", source=-1, destination=0),
        "index -1",
    ),
    "move in nothing": (patient(), operation("move", "Patient.name", source=0, destination=0), "selects nothing"),
    "a path to a literal": (
        patient(),
        operation("add", "'x'", {"valueString": "x"}, name="id"),
        "no element of the resource",
    ),
    "a path to a count": (
        patient(name=NAMES),
        operation("delete", "Patient.name.count()"),
        "no element of the resource",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_fhirpath_patch_cannot(name: str) -> None:
    resource, row, clause = MISFITS[name]
    error = refused(resource, operation("delete", "Patient.photo"), row)
    issue = error.issues[0]
    assert (error.failure, issue.expression) == (Failure.UNPROCESSABLE, ("Parameters.parameter[1]",))
    assert clause in issue.diagnostics
    kind, path = row["part"][0]["valueCode"], row["part"][1]["valueString"]
    assert issue.diagnostics.startswith(f"Operation 1 of the patch ({kind} {path}) cannot be applied: ")


@pytest.mark.parametrize(
    ("path", "word"), [("Patient.name[", "fails"), ("Patient.shoe", "fails"), ("", "fails"), ("1 +", "fails")]
)
def test_fhirpath_patch_refuses_paths_that_are_no_fhirpath(path: str, word: str) -> None:
    error = refused(patient(), operation("delete", path))
    assert error.failure is Failure.BAD_VALUE
    assert word in error.issues[0].diagnostics
    assert error.issues[0].expression == ("Parameters.parameter[0]",)


ADD = operation("add", "Patient", {"valueBoolean": True}, name="active")["part"]


@pytest.mark.parametrize(
    "row",
    [
        None,
        "operation",
        {"name": "operation"},
        {"name": "operation", "part": []},
        {"name": "operation", "part": {}},
        {"name": "operation", "part": [None]},
        {"name": "operation", "part": [{"valueCode": "add"}]},
        {"name": "other", "part": ADD},
        {"name": "operation", "part": ADD[1:]},
        {"name": "operation", "part": [*ADD[:1], *ADD[2:]]},
        {"name": "operation", "part": [*ADD[:2], *ADD[3:]]},
        {"name": "operation", "part": ADD[:3]},
        {"name": "operation", "part": [*ADD, ADD[0]]},
        {"name": "operation", "part": [*ADD, {"name": "shoe", "valueString": "x"}]},
        {"name": "operation", "part": [*ADD, {"name": "index", "valueInteger": 0}]},
        {"name": "operation", "part": [*ADD[:3], {"name": "value"}]},
        {"name": "operation", "part": [*ADD[:3], {"name": "value", "valueBoolean": True, "valueCode": "a"}]},
        {"name": "operation", "part": [*ADD[:3], {"name": "value", "valueBoolean": True, "part": []}]},
        {"name": "operation", "part": [*ADD[:3], {"name": "value", "_valueBoolean": 1}]},
        operation("spam", "Patient"),
        operation("move", "Patient.name", source=0),
        operation("insert", "Patient.name", {"valueHumanName": {}}),
        operation("move", "Patient.name", source="0", destination=1),
        operation("move", "Patient.name", source=True, destination=1),
        {"name": "operation", "part": [{"name": "type", "valueUri": "delete"}, ADD[1]]},
        {"name": "operation", "part": [{"name": "type", "valueCode": ["delete"]}, ADD[1]]},
        {"name": "operation", "part": [ADD[0], {"name": "path", "part": ADD}]},
    ],
)
def test_fhirpath_patch_refuses_malformed_operations_before_applying_any(row: Any) -> None:
    error = refused(patient(), operation("delete", "Patient"), row)
    assert error.failure is Failure.BAD_VALUE
    assert error.issues[0].expression == ("Parameters.parameter[1]",)
    assert error.issues[0].diagnostics.startswith("Operation 1 of the patch is malformed: ")


@pytest.mark.parametrize("parameters", [None, [], "x", {}, patient(), {"resourceType": "Parameters", "parameter": {}}])
def test_fhirpath_patch_has_to_be_a_parameters_resource(parameters: Any) -> None:
    with pytest.raises(FhirError) as caught:
        fhirpath_patch.apply(patient(), parameters)
    assert caught.value.failure is Failure.BAD_VALUE


def test_fhirpath_patch_has_limits() -> None:
    many = [operation("delete", "Patient.photo")] * (MAX_OPERATIONS + 1)
    assert refused(patient(), *many).failure is Failure.TOO_COSTLY
    part: Json = {"name": "text", "valueString": "x"}
    for _ in range(100):
        part = {"name": "item", "part": [part]}
    assert "nest deeper" in str(refused(patient(), {"name": "operation", "part": [*ADD[:3], part | {"name": "value"}]}))
    deep = operation("add", "Questionnaire.descendants().ofType(BackboneElement).last()", name="item")
    deep["part"].append({"name": "value", "part": [{"name": "linkId", "valueString": "x"}]})
    questionnaire = {"resourceType": "Questionnaire", "item": [{"linkId": "x"}]}
    assert refused(questionnaire, *[deep] * 100).status in {400, 422}
