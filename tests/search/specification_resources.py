"""The resources that the searches of the specification pages are put to: few, each there for a line or two.

https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from fhirhub.model.json import Json

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
UCUM: Final = "http://unitsofmeasure.org"
BASE: Final = "http://127.0.0.1:8080/fhir"


def _coded(*codes: str, system: str | None = None, **more: Any) -> Json:
    return {"coding": [{"system": system, "code": code} if system else {"code": code} for code in codes], **more}


def _to(reference: str) -> Json:
    return {"reference": reference}


def _quantity(value: str, unit: str, **more: Any) -> Json:
    return {"valueQuantity": {"value": Decimal(value), "unit": unit, **more}}


def _ucum(value: str, unit: str) -> Json:
    return _quantity(value, unit, system=UCUM, code=unit)


def _narrative(text: str) -> Json:
    return {"text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'}}


def _many(resource_type: str, shared: Json, **each: Json) -> Iterator[Json]:
    """Resources of a type by id; ids that are no Python names are given with a leading underscore."""
    for name, own in each.items():
        yield {"resourceType": resource_type, "id": name.lstrip("_").replace("_", "-"), **shared, **own}


def _people() -> Iterator[Json]:
    speaks = {code: {"language": _coded(code, system="urn:ietf:bcp:47")} for code in ("FR", "NL", "EN")}
    record = {"type": _coded("MR", system="http://terminology.hl7.org/CodeSystem/v2-0203"), "value": "446053"}
    yield from _many(
        "Patient",
        {},
        _23={
            "identifier": [{"system": "http://acme.org/patient", "value": "2345"}],
            "active": True,
            "name": [{"family": "Chalmers", "given": ["Peter", "James"]}],
            "gender": "male",
            "birthDate": "2014-12-25",
            "generalPractitioner": [_to("Practitioner/joe"), _to("Practitioner/jane")],
            "communication": [speaks["FR"], speaks["NL"]],
        },
        _42={"name": [{"given": ["Eve"]}], "gender": "female", "communication": [speaks["FR"], speaks["EN"]]},
        evelyn={"name": [{"given": ["Evelyn"]}], "identifier": [{"value": "2345"}], "communication": [speaks["NL"]]},
        severine={"name": [{"given": ["Severine"]}], "gender": "female", "identifier": [record], "active": False},
        petra={"name": [{"family": "Carpet", "given": ["Ann"]}], "gender": "other", "birthDate": "2014-10-09"},
    )
    joe = {"name": [{"given": ["Joe"]}], "address": [{"state": "CA"}]}
    yield from _many("Practitioner", {}, joe=joe, jane={"name": [{"given": ["Jane"]}], "address": [{"state": "MN"}]})
    mixed = {"code": _coded("gender"), "valueCodeableConcept": _coded("mixed"), "exclude": False}
    owned = {"code": _coded("owner"), "valueCodeableConcept": _coded("Eve"), "exclude": False}
    crossed = [
        {**mixed, "valueCodeableConcept": _coded("Adam")},
        {**owned, "valueCodeableConcept": _coded("mixed")},
    ]
    yield from _many(
        "Group",
        {"type": "animal", "actual": True},
        mixed={"characteristic": [mixed]},
        eves={"characteristic": [owned]},
        crossed={"characteristic": crossed},
    )
    entries = [{"item": _to("Patient/23")}, {"item": _to("Patient/42")}]
    yield from _many(
        "List",
        {"status": "current", "mode": "working"},
        _42={"entry": entries},
        allergies={
            "code": _coded("52472-8", system=LOINC),
            "subject": _to("Patient/42"),
            "entry": [{"item": _to("AllergyIntolerance/active")}],
        },
    )


def _observations() -> Iterator[Json]:
    systolic = _coded("8480-6", system=LOINC)
    diastolic = _coded("8462-4", system=LOINC)
    pressure = {"status": "final", "code": _coded("85354-9", system=LOINC)}
    yield from _many(
        "Observation",
        {"status": "final"},
        of_23={"code": _coded("1234-5", system=LOINC), "subject": _to("Patient/23"), **_ucum("5.4", "mg")},
        absolute={"code": _coded("123"), "subject": _to(f"{BASE}/Patient/23"), **_ucum("0.0054", "g")},
        both={"code": _coded("123", "456"), "subject": _to("Patient/42"), **_quantity("5.4", "mg")},
        mrn={
            "code": _coded("1234-5", system=LOINC),
            "subject": {"identifier": {"system": "http://acme.org/fhir/identifier/mrn", "value": "123456"}},
            **_ucum("5.8", "mg"),
        },
        potassium={"code": _coded("2823-3", system=LOINC), **_ucum("5.5", "mmol/L")},
        potassium_low={"code": _coded("2823-3", system=LOINC), **_ucum("5.4", "mmol/L")},
        a={"code": _coded("a"), "hasMember": [_to("Observation/b")]},
        b={"code": _coded("b"), "hasMember": [_to("Observation/of-23")]},
        comma={"code": _coded("a,b"), "status": "amended", "effectiveDateTime": "2012-01-01"},
        later={"code": _coded("later"), "status": "amended", "effectiveDateTime": "2013-01-01"},
    )
    yield from _many(
        "Observation",
        pressure,
        low_systolic={"component": [{"code": systolic, **_ucum("55", "mm[Hg]")}]},
        # Systolic is not below 60, but another component of the same Observation is.
        low_diastolic={
            "component": [{"code": systolic, **_ucum("120", "mm[Hg]")}, {"code": diastolic, **_ucum("50", "mm[Hg]")}]
        },
    )
    yield from _many(
        "DiagnosticReport",
        {"status": "final", "code": _coded("report")},
        high={"subject": _to("Patient/23"), "result": [_to("Observation/potassium")]},
        low={"subject": _to("Group/mixed"), "result": [_to("Observation/potassium-low")]},
        lipid={"meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/lipid"]}},
        local={"meta": {"profile": ["Profile/lipid"]}},
    )
    yield from _many(
        "AuditEvent",
        {
            "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
            "recorded": "2020-01-01T00:00:00Z",
            "source": {"observer": {"display": "hub"}},
            "entity": [{"what": _to("Observation/of-23")}],
        },
        mine={"agent": [{"altId": "MyUserId", "requestor": True}]},
        other={"agent": [{"altId": "Other", "requestor": True}], "entity": [{"what": _to("Observation/both")}]},
    )


def _conditions() -> Iterator[Json]:
    acme = "http://acme.org/conditions/codes"
    yield from _many(
        "Condition",
        {"subject": _to("Patient/23")},
        ha125={
            "meta": {"tag": [{"system": "http://acme.org/codes", "code": "needs-review"}]},
            "code": _coded("ha125", system=acme, text="Headache, unspecified"),
            "onsetDateTime": "1994-05-23",
            **_narrative("Bone, with metastases"),
        },
        elsewhere={"code": _coded("ha125", system="http://other.example.org"), "onsetDateTime": "2009-05-23"},
        liver={
            "code": {"coding": [{"system": SNOMED, "code": "126851005", "display": "Headache of the liver"}]},
            **_narrative("<p>Liver: <b>Metastases</b></p>"),
        },
        clean={"code": {"text": "A headache is what it is not"}, **_narrative("Bone and liver without findings")},
    )
    clinical = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
    entered = _coded("entered-in-error", system="http://terminology.hl7.org/CodeSystem/allergyintolerance-verification")
    yield from _many(
        "AllergyIntolerance",
        {"patient": _to("Patient/42")},
        active={"clinicalStatus": _coded("active", system=clinical)},
        resolved={"clinicalStatus": _coded("resolved", system=clinical)},
        unsaid={"verificationStatus": entered},
    )
    yield from _many(
        "RiskAssessment",
        {"status": "final", "subject": _to("Patient/23")},
        likely={"prediction": [{"probabilityDecimal": Decimal("0.81")}]},
        even={"prediction": [{"probabilityDecimal": Decimal("0.8")}]},
    )
    yield from _many(
        "MolecularSequence",
        {"coordinateSystem": 0},
        two={"variant": [{"start": 2, "end": 3}]},
        three={"variant": [{"start": 3, "end": 3}]},
    )


def _care() -> Iterator[Json]:
    done = {"status": "completed", "subject": _to("Patient/23")}
    yield from _many(
        "Procedure",
        done,
        ward={"location": _to("Location/42"), "encounter": _to("Encounter/20"), "performedDateTime": "2011-12-31"},
        bed={"location": _to("Location/bed"), "encounter": _to("Encounter/21"), "performedDateTime": "2012-01-01"},
        house={"location": _to("Location/house"), "encounter": _to("Encounter/22"), "performedDateTime": "2009"},
        theirs={"subject": _to("Patient/42"), "performedDateTime": "2011"},
    )
    part = {"partOf": _to("Location/house")}
    yield from _many("Location", {}, house={}, _42=part, bed={"partOf": _to("Location/42")})
    visit = {"status": "finished", "class": {"code": "IMP"}}
    yield from _many(
        "Encounter", visit, _20={}, _21={"partOf": _to("Encounter/20")}, _22={"partOf": _to("Encounter/21")}
    )
    some_profile = "http://acme.com/some-profile"
    order = {"status": "active", "intent": "order", "subject": _to("Patient/23")}
    yield from _many(
        "ServiceRequest",
        order,
        v1_0={"instantiatesCanonical": [f"{some_profile}|1.0"]},
        v1_1={"instantiatesCanonical": [f"{some_profile}|1.1"]},
        v2_0={"instantiatesCanonical": [f"{some_profile}|2.0"]},
        other={"instantiatesCanonical": ["http://acme.com/some-other|1.0"]},
    )
    custom = {"resourceType": "Medication", "id": "m1", "ingredient": [{"itemCodeableConcept": _coded("abc")}]}
    yield from _many(
        "MedicationRequest",
        {**order, "requester": _to("Practitioner/joe")},
        _23={"medicationReference": _to("#m1"), "contained": [custom]},
        plain={"medicationReference": _to("Medication/plain")},
    )
    yield from _many("Medication", {"code": _coded("plain")}, plain={})
    dispensed = {**done, "medicationReference": _to("Medication/plain")}
    yield from _many(
        "MedicationDispense", dispensed, given={"authorizingPrescription": [_to("MedicationRequest/plain")]}
    )
    yield from _many(
        "Provenance",
        {"recorded": "2020-01-01T00:00:00Z", "agent": [{"who": _to("Practitioner/joe")}]},
        of_23={"target": [_to("MedicationRequest/23")]},
        unrelated={"target": [_to("Patient/23")]},
    )


def _documents() -> Iterator[Json]:
    acme = "http://acme.org/fhir/ValueSet"
    listed = {"compose": {"include": [{"system": "http://acme.org/conditions/codes", "concept": [{"code": "ha125"}]}]}}
    yield from _many(
        "ValueSet",
        {"status": "active"},
        _123={"url": f"{acme}/123"},
        _124={"url": f"{acme}/124,125"},
        oid={"url": "urn:oid:1.2.3.4.5"},
        cardiac={"url": f"{acme}/cardiac-conditions", **listed},
        elsewhere={"url": "http://acme.org/other"},
    )
    about = {"code": {"code": "focus", "system": "http://terminology.hl7.org/CodeSystem/usage-context-type"}}
    program = {**about, "valueCodeableConcept": _coded("408934002", system=SNOMED)}
    yield from _many(
        "Questionnaire",
        {"status": "active"},
        abuse={"useContext": [program]},
        other={"useContext": [{**about, "valueCodeableConcept": _coded("1", system=SNOMED)}]},
    )
    paper = {
        "status": "final",
        "type": _coded("11503-0", system=LOINC),
        "date": "2020-01-01",
        "author": [_to("Practitioner/joe")],
        "title": "Notes",
    }
    sections = {code: {"title": code, "code": _coded(code, system=LOINC)} for code in ("48765-2", "10157-6")}
    yield from _many(
        "Composition",
        paper,
        allergies={"section": [{**section, **_narrative("None known")} for section in sections.values()]},
        family={"section": [{**sections["10157-6"], **_narrative("None known")}]},
    )
    yield from _many(
        "DocumentReference",
        {"status": "current"},
        bare={"content": [{"attachment": {"contentType": "text/xml"}}]},
        charset={"content": [{"attachment": {"contentType": "text/xml; charset=UTF-8"}}]},
        plain={"content": [{"attachment": {"contentType": "text/plain"}}]},
    )


def resources() -> list[Json]:
    """Return all of them, each with its id."""
    return [*_people(), *_observations(), *_conditions(), *_care(), *_documents()]
