"""FHIRPath Patch, rule by rule: https://hl7.org/fhir/R4/fhirpatch.html."""

from decimal import Decimal

import pytest

from fhirhub.model.json import encode
from fhirhub.patch import fhirpath_patch
from tests.patch.parameters import IDENTIFIERS, Json, extension, observation, operation, patched, patient

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
