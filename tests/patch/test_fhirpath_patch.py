"""FHIRPath Patch, rule by rule: https://hl7.org/fhir/R4/fhirpatch.html."""

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import encode
from fhirhub.patch import fhirpath_patch
from fhirhub.patch.limits import MAX_OPERATIONS

Json = dict[str, Any]

_TYPES = {"type": "valueCode", "index": "valueInteger", "source": "valueInteger", "destination": "valueInteger"}


def operation(kind: str, path: str, value: Json | None = None, **parts: Any) -> Json:
    """One `operation` parameter; `value` holds what stands beside the name of the value part."""
    rows: list[Json] = [
        {"name": name, _TYPES.get(name, "valueString"): content}
        for name, content in {"type": kind, "path": path, **parts}.items()
    ]
    if value is not None:
        rows.append({"name": "value", **value})
    return {"name": "operation", "part": rows}


def extension(url: str, **value: Any) -> Json:
    """The value of an Extension, which no value[x] can be, in parts."""
    rows: list[Json] = [{"name": "url", "valueUri": url}]
    return {"part": [*rows, {"name": "value", **value}] if value else rows}


def patched(resource: Json, *operations: Json) -> Json:
    parameters = {"resourceType": "Parameters", "parameter": list(operations)}
    before = copy.deepcopy((resource, parameters))
    try:
        return fhirpath_patch.apply(resource, parameters)
    finally:
        assert (resource, parameters) == before


def refused(resource: Json, *operations: Json) -> FhirError:
    with pytest.raises(FhirError) as caught:
        patched(resource, *operations)
    return caught.value


def patient(**content: Any) -> Json:
    return {"resourceType": "Patient", **content}


def observation(**content: Any) -> Json:
    return {"resourceType": "Observation", **content}


IDENTIFIERS = [{"value": "a"}, {"value": "b", "use": "official"}, {"value": "c"}]

CASES: dict[str, tuple[Json, Json, Json]] = {
    # add
    "add a primitive": (
        patient(),
        operation("add", "Patient", {"valueDate": "1930-01-01"}, name="birthDate"),
        patient(birthDate="1930-01-01"),
    ),
    "add a primitive with extensions": (
        patient(),
        operation("add", "Patient", {"valueDate": "1930", "_valueDate": {"id": "b"}}, name="birthDate"),
        patient(birthDate="1930", _birthDate={"id": "b"}),
    ),
    "add a primitive that is only extensions": (
        patient(),
        operation("add", "Patient", {"_valueCode": {"extension": [{"url": "u", "valueCode": "c"}]}}, name="gender"),
        patient(_gender={"extension": [{"url": "u", "valueCode": "c"}]}),
    ),
    "add to a nested element": (
        patient(contact=[{"name": {"text": "a"}}]),
        operation("add", "Patient.contact[0]", {"valueCode": "male"}, name="gender"),
        patient(contact=[{"name": {"text": "a"}, "gender": "male"}]),
    ),
    "add the first item of a list": (
        patient(),
        operation("add", "Patient", {"valueIdentifier": {"value": "x"}}, name="identifier"),
        patient(identifier=[{"value": "x"}]),
    ),
    "add appends to a list": (
        patient(identifier=IDENTIFIERS),
        operation("add", "Patient", {"valueIdentifier": {"value": "x"}}, name="identifier"),
        patient(identifier=[*IDENTIFIERS, {"value": "x"}]),
    ),
    "add appends to primitives and keeps their extensions aligned": (
        patient(name=[{"given": ["a", "b"], "_given": [{"id": "1"}, None]}]),
        operation("add", "Patient.name", {"valueString": "c", "_valueString": {"id": "3"}}, name="given"),
        patient(name=[{"given": ["a", "b", "c"], "_given": [{"id": "1"}, None, {"id": "3"}]}]),
    ),
    "add a choice by its name": (
        observation(),
        operation("add", "Observation", {"valueQuantity": {"value": Decimal("1.50")}}, name="value"),
        observation(valueQuantity={"value": Decimal("1.50")}),
    ),
    "add a choice by its property": (
        observation(),
        operation("add", "Observation", {"valueString": "x"}, name="valueString"),
        observation(valueString="x"),
    ),
    "add an anonymous type": (
        patient(),
        operation(
            "add",
            "Patient",
            {"part": [{"name": "name", "valueHumanName": {"text": "a"}}, {"name": "gender", "valueCode": "male"}]},
            name="contact",
        ),
        patient(contact=[{"name": {"text": "a"}, "gender": "male"}]),
    ),
    "add anonymous types in one another": (
        {"resourceType": "Questionnaire"},
        operation(
            "add",
            "Questionnaire",
            {
                "part": [
                    {"name": "linkId", "valueString": "1"},
                    {"name": "item", "part": [{"name": "linkId", "valueString": "1.1"}]},
                    {"name": "item", "part": [{"name": "linkId", "valueString": "1.2"}]},
                    {"name": "code", "valueCoding": {"code": "x"}},
                ]
            },
            name="item",
        ),
        {
            "resourceType": "Questionnaire",
            "item": [{"linkId": "1", "item": [{"linkId": "1.1"}, {"linkId": "1.2"}], "code": [{"code": "x"}]}],
        },
    ),
    "add an anonymous type with a choice": (
        observation(),
        operation(
            "add",
            "Observation",
            {"part": [{"name": "code", "valueCodeableConcept": {"text": "c"}}, {"name": "value", "valueInteger": 3}]},
            name="component",
        ),
        observation(component=[{"code": {"text": "c"}, "valueInteger": 3}]),
    ),
    "add an extension in parts": (
        patient(),
        operation(
            "add",
            "Patient",
            {"part": [{"name": "url", "valueUri": "u"}, {"name": "value", "valueCode": "c"}]},
            name="extension",
        ),
        patient(extension=[{"url": "u", "valueCode": "c"}]),
    ),
    "add an extension to a primitive": (
        patient(birthDate="1930", name=[{"given": ["a", "b"]}]),
        operation("add", "Patient.name.given[1]", extension("u", valueCode="c"), name="extension"),
        patient(
            birthDate="1930",
            name=[{"given": ["a", "b"], "_given": [None, {"extension": [{"url": "u", "valueCode": "c"}]}]}],
        ),
    ),
    "add an id to a primitive": (
        patient(birthDate="1930"),
        operation("add", "Patient.birthDate", {"valueString": "x"}, name="id"),
        patient(birthDate="1930", _birthDate={"id": "x"}),
    ),
    "add a contained resource": (
        patient(),
        operation("add", "Patient", {"resource": {"resourceType": "Device", "id": "d"}}, name="contained"),
        patient(contained=[{"resourceType": "Device", "id": "d"}]),
    ),
    "add to a contained resource": (
        patient(contained=[{"resourceType": "Device", "id": "d"}]),
        operation("add", "Patient.contained[0]", {"valueCode": "active"}, name="status"),
        patient(contained=[{"resourceType": "Device", "id": "d", "status": "active"}]),
    ),
    "add a code where a string is asked for": (
        patient(contact=[{"name": {}}], name=[{"use": "usual"}]),
        operation("add", "Patient.name", {"valueCode": "x"}, name="text"),
        patient(contact=[{"name": {}}], name=[{"use": "usual", "text": "x"}]),
    ),
    "add a narrative": (
        patient(text={"status": "generated"}),
        operation("add", "Patient.text", {"valueString": "<div/>"}, name="div"),
        patient(text={"status": "generated", "div": "<div/>"}),
    ),
    # insert
    "insert in front": (
        patient(identifier=IDENTIFIERS),
        operation("insert", "Patient.identifier", {"valueIdentifier": {"value": "x"}}, index=0),
        patient(identifier=[{"value": "x"}, *IDENTIFIERS]),
    ),
    "insert at the end": (
        patient(identifier=IDENTIFIERS),
        operation("insert", "Patient.identifier", {"valueIdentifier": {"value": "x"}}, index=3),
        patient(identifier=[*IDENTIFIERS, {"value": "x"}]),
    ),
    "insert a primitive between others": (
        patient(name=[{"given": ["a", "b"], "_given": [None, {"id": "2"}]}]),
        operation("insert", "Patient.name.given", {"valueString": "x"}, index=1),
        patient(name=[{"given": ["a", "x", "b"], "_given": [None, None, {"id": "2"}]}]),
    ),
    "insert an anonymous type": (
        observation(component=[{"valueInteger": 1}]),
        operation("insert", "Observation.component", {"part": [{"name": "value", "valueInteger": 0}]}, index=0),
        observation(component=[{"valueInteger": 0}, {"valueInteger": 1}]),
    ),
    "insert into a list of extensions of a primitive": (
        patient(birthDate="1930", _birthDate={"extension": [{"url": "b"}]}),
        operation("insert", "Patient.birthDate.extension", extension("a"), index=0),
        patient(birthDate="1930", _birthDate={"extension": [{"url": "a"}, {"url": "b"}]}),
    ),
    # delete
    "delete a primitive with its extensions": (
        patient(active=True, birthDate="1930", _birthDate={"id": "b"}),
        operation("delete", "Patient.birthDate"),
        patient(active=True),
    ),
    "delete an item of a list": (
        patient(identifier=IDENTIFIERS),
        operation("delete", "Patient.identifier[1]"),
        patient(identifier=[IDENTIFIERS[0], IDENTIFIERS[2]]),
    ),
    "delete what a condition selects": (
        patient(identifier=IDENTIFIERS),
        operation("delete", "Patient.identifier.where(use = 'official')"),
        patient(identifier=[IDENTIFIERS[0], IDENTIFIERS[2]]),
    ),
    "delete the only item of a list": (
        patient(identifier=[{"value": "a"}]),
        operation("delete", "Patient.identifier[0]"),
        patient(),
    ),
    "delete what empties its parents": (
        patient(contact=[{"gender": "male"}, {"name": {"text": "a"}}]),
        operation("delete", "Patient.contact[1].name.text"),
        patient(contact=[{"gender": "male"}]),
    ),
    "delete what empties everything": (
        patient(contact=[{"name": {"given": ["a"]}}]),
        operation("delete", "Patient.contact.name.given"),
        patient(),
    ),
    "delete a primitive between others": (
        patient(name=[{"given": ["a", "b", "c"], "_given": [None, {"id": "2"}, None]}]),
        operation("delete", "Patient.name.given[1]"),
        patient(name=[{"given": ["a", "c"]}]),
    ),
    "delete an extension of a primitive": (
        patient(name=[{"given": ["a", "b"], "_given": [{"extension": [{"url": "u"}]}, {"id": "2"}]}]),
        operation("delete", "Patient.name.given[0].extension('u')"),
        patient(name=[{"given": ["a", "b"], "_given": [None, {"id": "2"}]}]),
    ),
    "delete the extension that was all a primitive had": (
        patient(active=True, _birthDate={"extension": [{"url": "u"}]}),
        operation("delete", "Patient.birthDate.extension[0]"),
        patient(active=True),
    ),
    "delete a choice": (
        observation(status="final", valueQuantity={"value": 1}),
        operation("delete", "Observation.value"),
        observation(status="final"),
    ),
    "delete nothing": (patient(active=True), operation("delete", "Patient.birthDate"), patient(active=True)),
    # replace
    "replace a primitive": (
        patient(birthDate="1920-01-01"),
        operation("replace", "Patient.birthDate", {"valueDate": "1930-01-01"}),
        patient(birthDate="1930-01-01"),
    ),
    "replace a primitive and its extensions": (
        patient(birthDate="1920", _birthDate={"id": "old"}),
        operation("replace", "Patient.birthDate", {"valueDate": "1930", "_valueDate": {"id": "new"}}),
        patient(birthDate="1930", _birthDate={"id": "new"}),
    ),
    "replace an element whole": (
        patient(maritalStatus={"id": "1", "text": "a", "coding": [{"code": "M"}]}),
        operation("replace", "Patient.maritalStatus", {"valueCodeableConcept": {"text": "b"}}),
        patient(maritalStatus={"text": "b"}),
    ),
    "replace an item of a list": (
        patient(identifier=IDENTIFIERS),
        operation("replace", "Patient.identifier.where(use = 'official').value", {"valueString": "x"}),
        patient(identifier=[IDENTIFIERS[0], {"value": "x", "use": "official"}, IDENTIFIERS[2]]),
    ),
    "replace a choice by another type": (
        observation(valueQuantity={"value": 1}, status="final"),
        operation("replace", "Observation.value", {"valueString": "high"}),
        observation(status="final", valueString="high"),
    ),
    "replace a primitive choice by another type": (
        patient(multipleBirthInteger=2, _multipleBirthInteger={"id": "m"}),
        operation("replace", "Patient.multipleBirth", {"valueBoolean": False}),
        patient(multipleBirthBoolean=False),
    ),
    "replace an anonymous type": (
        patient(contact=[{"gender": "male"}, {"gender": "other"}]),
        operation("replace", "Patient.contact[1]", {"part": [{"name": "gender", "valueCode": "female"}]}),
        patient(contact=[{"gender": "male"}, {"gender": "female"}]),
    ),
    # move
    "move forward": (
        patient(identifier=IDENTIFIERS),
        operation("move", "Patient.identifier", source=0, destination=2),
        patient(identifier=[IDENTIFIERS[1], IDENTIFIERS[2], IDENTIFIERS[0]]),
    ),
    "move backward": (
        patient(identifier=IDENTIFIERS),
        operation("move", "Patient.identifier", source=2, destination=0),
        patient(identifier=[IDENTIFIERS[2], IDENTIFIERS[0], IDENTIFIERS[1]]),
    ),
    "move to the same place": (
        patient(identifier=IDENTIFIERS),
        operation("move", "Patient.identifier", source=1, destination=1),
        patient(identifier=IDENTIFIERS),
    ),
    "move a primitive with its extensions": (
        patient(name=[{"given": ["a", None, "c"], "_given": [None, {"id": "2"}, None]}]),
        operation("move", "Patient.name.given", source=1, destination=0),
        patient(name=[{"given": [None, "a", "c"], "_given": [{"id": "2"}, None, None]}]),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_fhirpath_patch_can(name: str) -> None:
    before, row, after = CASES[name]
    assert patched(before, row) == after


def test_fhirpath_patch_applies_operations_in_order() -> None:
    result = patched(
        patient(),
        operation("add", "Patient", {"valueIdentifier": {"value": "a"}}, name="identifier"),
        operation("add", "Patient.identifier", {"valueUri": "urn:s"}, name="system"),
        operation("insert", "Patient.identifier", {"valueIdentifier": {"value": "b"}}, index=1),
        operation("move", "Patient.identifier", source=1, destination=0),
        operation("replace", "Patient.identifier[0].value", {"valueString": "c"}),
        operation("delete", "Patient.identifier.where(system = 'urn:s').value"),
    )
    assert result == patient(identifier=[{"value": "c"}, {"system": "urn:s"}])


def test_fhirpath_patch_without_operations_changes_nothing() -> None:
    assert fhirpath_patch.apply(patient(active=True), {"resourceType": "Parameters"}) == patient(active=True)


def test_fhirpath_patch_keeps_decimals() -> None:
    result = patched(
        observation(valueQuantity={"value": Decimal("1.50")}),
        operation("add", "Observation.value", {"valueString": "kg"}, name="unit"),
    )
    assert encode(result["valueQuantity"]) == b'{"value":1.50,"unit":"kg"}'


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


_RESOURCE = patient(
    active=True,
    name=[
        {"given": ["a", "b"], "_given": [None, {"id": "g"}]},
        {"family": "x", "_family": {"extension": [{"url": "u"}]}},
    ],
    identifier=IDENTIFIERS,
    contact=[{"name": {"text": "t"}}],
    multipleBirthInteger=2,
    contained=[{"resourceType": "Device", "id": "d", "note": [{"text": "n"}]}],
)
_PATHS = """
Patient; Patient.name; Patient.name[0]; Patient.name.given; Patient.name[0].given; Patient.name.given[1];
Patient.name[1].family; Patient.name[1].family.extension; Patient.identifier; Patient.identifier[1].use; Patient.photo;
Patient.contact.name.text; Patient.multipleBirth; Patient.contained; Patient.contained[0].note[0].text; Patient.active;
Patient.descendants(); Patient.name.given.id; Patient.name[0].given.first() | Patient.active; 'x'; %resource; ].x;
Patient.contact
"""
_paths = st.sampled_from([path.strip() for path in _PATHS.split(";")])
_given = st.sampled_from(
    [
        {"valueString": "s"},
        {"valueString": "s", "_valueString": {"id": "i"}},
        {"_valueCode": {"id": "i"}},
        {"valueCode": "male"},
        {"valueBoolean": False},
        {"valueInteger": 7},
        {"valueHumanName": {"text": "h"}},
        {"valueIdentifier": {"value": "v"}},
        extension("e"),
        {"resource": {"resourceType": "Device"}},
        {"part": [{"name": "gender", "valueCode": "other"}]},
        {},
    ]
)
_rows = st.builds(
    lambda kind, path, value, parts: operation(kind, path, value, **parts),
    st.sampled_from(["add", "insert", "delete", "replace", "move"]),
    _paths,
    st.none() | _given,
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(
                ["name", "given", "value", "id", "extension", "contact", "multipleBirth", "contained"]
            ),
            "index": st.integers(-1, 3),
            "source": st.integers(-1, 3),
            "destination": st.integers(-1, 3),
        },
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_rows, max_size=4))
def test_fhirpath_patch_never_changes_its_arguments(rows: list[Json]) -> None:
    try:
        result = patched(_RESOURCE, *rows)
    except FhirError as error:
        assert error.status in {400, 422}
        return
    assert result["resourceType"] == "Patient"
    assert not _empty_below(result)
    encode(result)


def _empty_below(value: Any) -> bool:
    if isinstance(value, dict | list):
        return not value or any(_empty_below(v) for v in (value.values() if isinstance(value, dict) else value))
    return False


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["name", "identifier", "contact"]), st.integers(0, 3), st.text(min_size=1, max_size=5))
def test_fhirpath_patch_deletes_what_it_inserted(name: str, index: int, text: str) -> None:
    values: dict[str, Json] = {
        "name": {"valueHumanName": {"text": text}},
        "identifier": {"valueIdentifier": {"value": text}},
        "contact": {"part": [{"name": "gender", "valueCode": text}]},
    }
    path = f"Patient.{name}"
    index = min(index, len(_RESOURCE[name]))
    inserted = patched(_RESOURCE, operation("insert", path, values[name], index=index))
    assert len(inserted[name]) == len(_RESOURCE[name]) + 1
    assert patched(inserted, operation("delete", f"{path}[{index}]")) == _RESOURCE


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["add", "delete", "Patient", "operation", "value", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "part", "valueString", "valueCode", "_valueCode", "valueInteger", "resource"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(_json)
def test_fhirpath_patch_raises_nothing_but_fhir_errors(content: Any) -> None:
    for parameters in (content, {"resourceType": "Parameters", "parameter": content}):
        try:
            assert fhirpath_patch.apply(_RESOURCE, parameters) == _RESOURCE
        except FhirError as error:
            assert error.status == 400


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["name", "active", "_active", "identifier", "contact"]), _json), _rows)
def test_fhirpath_patch_of_any_json_raises_nothing_but_fhir_errors(content: Json, row: Json) -> None:
    try:
        result = patched(patient(**content), row)
    except FhirError as error:
        assert error.status in {400, 422}
        return
    assert result["resourceType"] == "Patient"
