"""Encounter, lifestyle form and report of one checkup.

https://hl7.org/fhir/R4/encounter.html, https://hl7.org/fhir/R4/questionnaireresponse.html,
https://hl7.org/fhir/R4/diagnosticreport.html
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from fhirhub.demo.codes import HL7, ICD10, LOINC, Json, Text, concept, identifier, inside, resource, stored
from fhirhub.demo.facility import CHECKUP_CENTRE, CHECKUP_CENTRE_NAME, EXAMINATION_ROOM
from fhirhub.demo.lifestyle import QUESTIONNAIRE_URL, QUESTIONNAIRE_VERSION, response_items
from fhirhub.demo.measures import MEASURES
from fhirhub.demo.observations import Visit, flag, moment
from fhirhub.demo.problems import PROBLEM_CODES
from fhirhub.demo.trajectories import Diagnosis

_CHECKUP: Final = Text("Yearly health checkup", "年度健康体检")
_EXAMINATION: Final = ("Z00.0", "General medical examination")


def encounter(visit: Visit, diagnoses: Sequence[Diagnosis]) -> Json:
    """The visit itself; diagnoses made or confirmed by then are listed."""
    person = visit.person
    visited = resource(
        "Encounter",
        visit.id,
        identifier=[identifier("checkup-numbers", f"{visit.checkup.day:%Y%m%d}-{person.number:06d}")],
        status="finished",
        type=[{"text": _CHECKUP.pick(person.chinese)}],
        subject=inside("Patient", person.id, person.name.written),
        participant=[
            {
                "type": [concept(f"{HL7}v3-ParticipationType", "PPRF", "primary performer")],
                "individual": stored("Practitioner", visit.doctor.id, visit.doctor.name),
            },
            {
                "type": [concept(f"{HL7}v3-ParticipationType", "SPRF", "secondary performer")],
                "individual": stored("Practitioner", visit.nurse.id, visit.nurse.name),
            },
        ],
        period={"start": visit.at(0), "end": visit.at(90)},
        reasonCode=[concept(ICD10, *_EXAMINATION)],
        diagnosis=[{"condition": inside("Condition", f"{person.id}-{each.problem}")} for each in diagnoses] or None,
        location=[{"location": stored("Location", EXAMINATION_ROOM)}],
        serviceProvider=stored("Organization", CHECKUP_CENTRE, CHECKUP_CENTRE_NAME.pick(person.chinese)),
    )
    visited["class"] = {"system": f"{HL7}v3-ActCode", "code": "AMB", "display": "ambulatory"}
    return visited


def lifestyle_response(visit: Visit) -> Json:
    """The form as the person filled it in while waiting."""
    person = visit.person
    return resource(
        "QuestionnaireResponse",
        f"{visit.id}-lifestyle",
        language="zh-CN" if person.chinese else "en",
        questionnaire=f"{QUESTIONNAIRE_URL}|{QUESTIONNAIRE_VERSION}",
        status="completed",
        subject=inside("Patient", person.id),
        encounter=inside("Encounter", visit.id),
        authored=visit.at(5),
        author=inside("Patient", person.id),
        source=inside("Patient", person.id),
        item=response_items(visit.checkup.answers, person.chinese),
    )


def report(visit: Visit, observations: Sequence[Json], diagnoses: Sequence[Diagnosis]) -> Json:
    """The checkup report, signed three days later, with every result and a conclusion in the person's language."""
    person = visit.person
    codes = [PROBLEM_CODES[each.problem].code for each in diagnoses] or [_EXAMINATION]
    return resource(
        "DiagnosticReport",
        f"{visit.id}-report",
        identifier=[identifier("reports", f"{visit.checkup.day:%Y%m%d}-{person.number:06d}")],
        status="final",
        category=[
            concept(f"{HL7}v2-0074", "PHY", "Physician (Hx. Dx, admission note, etc.)"),
            concept(f"{HL7}v2-0074", "LAB", "Laboratory"),
        ],
        code=concept(LOINC, "34117-2", "History and physical note", _CHECKUP.pick(person.chinese)),
        subject=inside("Patient", person.id, person.name.written),
        encounter=inside("Encounter", visit.id),
        effectiveDateTime=visit.at(0),
        issued=moment(visit.checkup.day + timedelta(days=3), 990),
        performer=[stored("Organization", CHECKUP_CENTRE, CHECKUP_CENTRE_NAME.pick(person.chinese))],
        resultsInterpreter=[stored("Practitioner", visit.doctor.id, visit.doctor.name)],
        result=[inside("Observation", observation["id"], observation["code"]["text"]) for observation in observations],
        conclusion=_conclusion(visit, with_urine=bool(diagnoses)),
        conclusionCode=[concept(ICD10, *code) for code in codes],
    )


def _conclusion(visit: Visit, with_urine: bool) -> str:
    person, checkup = visit.person, visit.checkup
    outside = []
    for measure in MEASURES:
        value, interval = checkup.values.get(measure.key), measure.interval(person.sex, checkup.age)
        if value is None or interval is None or (measure.key == "uacr" and not with_urine):
            continue
        code = flag(measure, value, interval)
        if code != "N":
            arrow = "↑" if code.startswith("H") else "↓"
            outside.append(f"{measure.name.pick(person.chinese)} {value} {measure.unit} {arrow}")
    if not outside:
        return Text("All results within their reference intervals.", "各项结果均在参考区间内。").pick(person.chinese)
    opening, separator = ("超出参考区间：", "；") if person.chinese else ("Outside the reference interval: ", "; ")
    return opening + separator.join(outside)
