"""What persists and what is done about it: Condition, MedicationStatement, Goal, CarePlan.

https://hl7.org/fhir/R4/condition.html, https://hl7.org/fhir/R4/medicationstatement.html,
https://hl7.org/fhir/R4/goal.html, https://hl7.org/fhir/R4/careplan.html
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from fhirhub.demo.codes import (
    ATC,
    HL7,
    ICD10,
    LOINC,
    Json,
    Text,
    concept,
    identifier,
    inside,
    quantity,
    resource,
    stored,
)
from fhirhub.demo.dice import Dice
from fhirhub.demo.measures import BY_KEY
from fhirhub.demo.patients import family_doctor
from fhirhub.demo.people import Person
from fhirhub.demo.trajectories import DIABETES, DYSLIPIDAEMIA, HYPERTENSION, OBESITY, Diagnosis, History


@dataclass(frozen=True, slots=True)
class Medicine:
    """A medicine by its ATC code; milligrams per dose, doses per day."""

    atc: str
    name: Text
    milligrams: int
    times: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with its ICD-10 code, the Observations that show it, its treatment target (below) and medicines."""

    code: tuple[str, str]
    name: Text
    measure: str
    evidence: tuple[str, ...]
    target: Decimal
    aim: Text
    medicines: tuple[Medicine, ...]


PROBLEM_CODES: Final = {
    HYPERTENSION: Problem(
        ("I10", "Essential (primary) hypertension"),
        Text("Hypertension", "高血压"),
        "systolic",
        ("blood-pressure",),
        Decimal(140),
        Text("Systolic blood pressure below 140 mmHg", "收缩压低于140 mmHg"),
        (
            Medicine("C08CA01", Text("amlodipine", "氨氯地平"), 5, 1),
            Medicine("C09CA01", Text("losartan", "氯沙坦"), 50, 1),
        ),
    ),
    DIABETES: Problem(
        ("E11.9", "Type 2 diabetes mellitus, without complications"),
        Text("Type 2 diabetes", "2型糖尿病"),
        "hba1c",
        ("glucose", "hba1c"),
        Decimal("7.0"),
        Text("Haemoglobin A1c below 7.0 %", "糖化血红蛋白低于7.0%"),
        (Medicine("A10BA02", Text("metformin", "二甲双胍"), 500, 2),),
    ),
    DYSLIPIDAEMIA: Problem(
        ("E78.5", "Hyperlipidaemia, unspecified"),
        Text("Dyslipidaemia", "血脂异常"),
        "ldl",
        ("cholesterol", "ldl", "triglycerides"),
        Decimal("2.60"),
        Text("LDL cholesterol below 2.60 mmol/L", "低密度脂蛋白胆固醇低于2.60 mmol/L"),
        (
            Medicine("C10AA05", Text("atorvastatin", "阿托伐他汀"), 20, 1),
            Medicine("C10AA07", Text("rosuvastatin", "瑞舒伐他汀"), 10, 1),
        ),
    ),
    OBESITY: Problem(
        ("E66.9", "Obesity, unspecified"),
        Text("Obesity", "肥胖"),
        "bmi",
        ("bmi",),
        Decimal("28.0"),
        Text("Body mass index below 28.0 kg/m2", "体质指数低于28.0 kg/m2"),
        (),
    ),
}
_ADVICE: Final = (
    (
        "NutritionOrder",
        Text(
            "Less than 5 g of salt a day, 300 g of vegetables, whole grain",
            "每日食盐少于5克，蔬菜300克以上，多吃全谷物",
        ),
    ),
    ("ServiceRequest", Text("150 minutes of brisk walking a week", "每周快走150分钟")),
    ("Appointment", Text("Follow-up at the checkup centre every three months", "每三个月到体检中心随访")),
)


def condition(person: Person, diagnosis: Diagnosis) -> Json:
    """The problem-list entry, recorded at the second checkup in a row that showed it."""
    problem, doctor = PROBLEM_CODES[diagnosis.problem], family_doctor(person)
    status = ("active", "Active") if diagnosis.resolved is None else ("resolved", "Resolved")
    return resource(
        "Condition",
        f"{person.id}-{diagnosis.problem}",
        clinicalStatus=concept(f"{HL7}condition-clinical", *status),
        verificationStatus=concept(f"{HL7}condition-ver-status", "confirmed", "Confirmed"),
        category=[concept(f"{HL7}condition-category", "problem-list-item", "Problem List Item")],
        code=concept(ICD10, *problem.code, problem.name.pick(person.chinese)),
        subject=inside("Patient", person.id),
        encounter=inside("Encounter", f"{person.id}-{diagnosis.recorded.year}"),
        onsetDateTime=diagnosis.onset.isoformat(),
        abatementDateTime=diagnosis.resolved and diagnosis.resolved.isoformat(),
        recordedDate=diagnosis.recorded.isoformat(),
        recorder=stored("Practitioner", doctor.id, doctor.name),
        evidence=[
            {"detail": [inside("Observation", f"{person.id}-{day.year}-{key}") for key in problem.evidence]}
            for day in (diagnosis.onset, diagnosis.recorded)
        ],
    )


def medication_statement(person: Person, diagnosis: Diagnosis, history: History, dice: Dice) -> Json | None:
    """The medicine taken since the diagnosis, as stated at the last checkup; None where none was prescribed."""
    problem = PROBLEM_CODES[diagnosis.problem]
    if not diagnosis.treated or not problem.medicines:
        return None
    medicine = dice.pick(problem.medicines)
    dose, times = medicine.milligrams, medicine.times
    often = {1: Text("once a day", "每日一次"), 2: Text("twice a day with meals", "每日两次，随餐")}[times]
    code = {1: "QD", 2: "BID"}[times]
    return resource(
        "MedicationStatement",
        f"{person.id}-{diagnosis.problem}-medicine",
        status="active",
        medicationCodeableConcept=concept(ATC, medicine.atc, medicine.name.en, medicine.name.pick(person.chinese)),
        subject=inside("Patient", person.id),
        effectivePeriod={"start": (diagnosis.recorded + timedelta(days=7)).isoformat()},
        dateAsserted=max(history.checkups[-1].day, diagnosis.recorded + timedelta(days=7)).isoformat(),
        informationSource=inside("Patient", person.id),
        reasonReference=[inside("Condition", f"{person.id}-{diagnosis.problem}")],
        dosage=[
            {
                "text": f"{dose} mg {often.pick(person.chinese)}",
                "timing": {
                    "repeat": {"frequency": times, "period": 1, "periodUnit": "d"},
                    "code": concept(f"{HL7}v3-GTSAbbreviation", code, code),
                },
                "route": {"text": Text("by mouth", "口服").pick(person.chinese)},
                "doseAndRate": [{"doseQuantity": quantity(Decimal(dose), "mg", "mg")}],
            }
        ],
    )


def goal(person: Person, diagnosis: Diagnosis, history: History) -> Json:
    """The treatment target, judged by the last checkup against the one of the diagnosis."""
    problem, doctor = PROBLEM_CODES[diagnosis.problem], family_doctor(person)
    measure = BY_KEY[problem.measure]
    last = history.checkups[-1]
    return resource(
        "Goal",
        f"{person.id}-{diagnosis.problem}-goal",
        lifecycleStatus="active" if diagnosis.resolved is None else "completed",
        achievementStatus=concept(f"{HL7}goal-achievement", *_achievement(problem, diagnosis, history)),
        category=[concept(f"{HL7}goal-category", "dietary", "Dietary")] if diagnosis.problem == OBESITY else None,
        priority=concept(f"{HL7}goal-priority", "high-priority", "High Priority"),
        description={"text": problem.aim.pick(person.chinese)},
        subject=inside("Patient", person.id),
        startDate=diagnosis.recorded.isoformat(),
        target=[
            {
                "measure": concept(LOINC, measure.loinc, measure.display),
                "detailQuantity": quantity(problem.target, measure.unit, measure.ucum, "<"),
                "dueDate": (diagnosis.recorded + timedelta(days=365)).isoformat(),
            }
        ],
        statusDate=last.day.isoformat(),
        expressedBy=stored("Practitioner", doctor.id, doctor.name),
        addresses=[inside("Condition", f"{person.id}-{diagnosis.problem}")],
    )


def _achievement(problem: Problem, diagnosis: Diagnosis, history: History) -> tuple[str, str]:
    course = [
        each.values[problem.measure]
        for each in history.checkups
        if each.day >= diagnosis.recorded and problem.measure in each.values
    ]
    if not course:
        return "in-progress", "In Progress"
    if course[-1] < problem.target:
        return "achieved", "Achieved"
    if len(course) == 1:
        return "in-progress", "In Progress"
    if course[-1] == course[0]:
        return "no-change", "No Change"
    return ("improving", "Improving") if course[-1] < course[0] else ("worsening", "Worsening")


def care_plan(person: Person, history: History) -> Json | None:
    """One plan for all treated problems of a person, or None when nothing is treated."""
    treated = [each for each in history.diagnoses if each.treated]
    if not treated:
        return None
    doctor = family_doctor(person)
    title = Text("Lowering cardiovascular risk", "降低心血管风险干预计划").pick(person.chinese)
    finished = all(each.resolved for each in treated)
    period = {"start": min(each.recorded for each in treated).isoformat()}
    if finished:
        period["end"] = max(each.resolved for each in treated if each.resolved).isoformat()
    return resource(
        "CarePlan",
        f"{person.id}-plan",
        identifier=[identifier("care-plans", f"PLAN-{person.number:06d}")],
        status="completed" if finished else "active",
        intent="plan",
        category=[{"text": Text("Chronic disease management", "慢病管理").pick(person.chinese)}],
        title=title,
        subject=inside("Patient", person.id, person.name.written),
        period=period,
        created=period["start"],
        author=stored("Practitioner", doctor.id, doctor.name),
        addresses=[inside("Condition", f"{person.id}-{each.problem}") for each in treated],
        goal=[inside("Goal", f"{person.id}-{each.problem}-goal") for each in treated],
        activity=[
            {
                "detail": {
                    "kind": kind,
                    "goal": [inside("Goal", f"{person.id}-{each.problem}-goal") for each in treated],
                    "status": "completed" if finished else "in-progress",
                    "doNotPerform": False,
                    "description": words.pick(person.chinese),
                }
            }
            for kind, words in _ADVICE
        ],
    )
