"""Observations of a checkup, and single ones for benchmarks.

https://hl7.org/fhir/R4/observation.html, https://hl7.org/fhir/R4/observation-vitalsigns.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from fhirhub.demo.codes import (
    HL7,
    LOINC,
    ZONE,
    Json,
    Text,
    coding,
    concept,
    decimal,
    identifier,
    inside,
    quantity,
    resource,
    stored,
)
from fhirhub.demo.dice import Dice
from fhirhub.demo.facility import LABORATORY, LABORATORY_NAME, STAFF, Employee
from fhirhub.demo.lifestyle import SMOKING
from fhirhub.demo.measures import BY_KEY, MEASURES, PROFILE, Interval, Measure
from fhirhub.demo.people import Person, patient_id
from fhirhub.demo.trajectories import Checkup

_CATEGORIES: Final = {"vital-signs": "Vital Signs", "laboratory": "Laboratory", "social-history": "Social History"}
_FLAGS: Final = {"LL": "Critical low", "L": "Low", "N": "Normal", "H": "High", "HH": "Critical high"}
_PANEL_PARTS: Final = ("systolic", "diastolic")
_MALE_OR_FEMALE: Final = {"male": "Male", "female": "Female"}


@dataclass(frozen=True, slots=True)
class Visit:
    """One checkup of one person, with the people who worked on it."""

    person: Person
    checkup: Checkup
    doctor: Employee
    nurse: Employee

    @property
    def id(self) -> str:
        """The id of the Encounter; everything of the visit has an id that begins with it."""
        return f"{self.person.id}-{self.checkup.day.year}"

    def at(self, minutes: int) -> str:
        """The instant so many minutes after the doors opened (08:00) for this visit, in China's time."""
        return moment(self.checkup.day, 480 + self.checkup.minute + minutes)


def moment(day: date, minute: int) -> str:
    """The dateTime of a minute of a day in China's time."""
    return f"{day.isoformat()}T{minute // 60:02d}:{minute % 60:02d}:00{ZONE}"


def observation_id(visit: Visit, key: str) -> str:
    """The logical id of the Observation of this measure."""
    return f"{visit.id}-{key}"


def checkup_observations(visit: Visit, with_urine: bool) -> list[Json]:
    """Every Observation of the visit. Urine albumin is measured only where `with_urine` says so."""
    values = visit.checkup.values
    found = []
    for measure in MEASURES:
        if measure.key == "diastolic" or (measure.key == "uacr" and not with_urine):
            continue
        found.append(
            _blood_pressure(visit) if measure.key == "systolic" else _single(visit, measure, values.get(measure.key))
        )
    return [*found, _smoking(visit), _alcohol(visit)]


def flag(measure: Measure, value: Decimal, interval: Interval) -> str:
    """The interpretation code: LL, L, N, H or HH."""
    if measure.alarm_low is not None and value <= measure.alarm_low:
        return "LL"
    if measure.alarm_high is not None and value >= measure.alarm_high:
        return "HH"
    if interval.low is not None and value < interval.low:
        return "L"
    return "H" if interval.high is not None and value > interval.high else "N"


def _judged(measure: Measure, value: Decimal, sex: str, age: int) -> Json:
    """valueQuantity, interpretation and referenceRange of a value."""
    result: Json = {"valueQuantity": quantity(value, measure.unit, measure.ucum)}
    interval = measure.interval(sex, age)
    if interval is not None:
        code = flag(measure, value, interval)
        result["interpretation"] = [concept(f"{HL7}v3-ObservationInterpretation", code, _FLAGS[code])]
        result["referenceRange"] = [_range(measure, interval)]
    return result


def _range(measure: Measure, interval: Interval) -> Json:
    bounds: Json = {
        name: quantity(limit, measure.unit, measure.ucum)
        for name, limit in (("low", interval.low), ("high", interval.high))
        if limit is not None
    }
    bounds["type"] = concept(f"{HL7}referencerange-meaning", "normal", "Normal Range")
    if interval.sex is not None:
        sex = coding("http://hl7.org/fhir/administrative-gender", interval.sex, _MALE_OR_FEMALE[interval.sex])
        bounds["appliesTo"] = [{"coding": [sex]}]
    if interval.from_age:
        bounds["age"] = {"low": quantity(Decimal(interval.from_age), "years", "a")}
    if interval.low is not None and interval.high is not None:
        bounds["text"] = f"{interval.low}–{interval.high} {measure.unit}"
    else:
        bounds["text"] = (
            f"≤ {interval.high} {measure.unit}" if interval.low is None else f"≥ {interval.low} {measure.unit}"
        )
    return bounds


def _category(code: str) -> list[Json]:
    return [concept(f"{HL7}observation-category", code, _CATEGORIES[code])]


def _single(visit: Visit, measure: Measure, value: Decimal | None) -> Json:
    """One measure; without a value (LDL at high triglycerides) the reason is given instead."""
    person, laboratory = visit.person, measure.category == "laboratory"
    key = measure.key
    if value is None:
        reason = Text("Not calculated: triglycerides above 4.50 mmol/L", "甘油三酯高于4.50 mmol/L，不作计算")
        result: Json = {
            "dataAbsentReason": concept(f"{HL7}data-absent-reason", "not-applicable", "Not Applicable"),
            "note": [{"text": reason.pick(person.chinese)}],
        }
    else:
        result = _judged(measure, value, person.sex, visit.checkup.age)
    return resource(
        "Observation",
        observation_id(visit, key),
        measure.profile,
        identifier=[identifier("results", f"{person.number:06d}-{visit.checkup.day:%Y%m%d}-{measure.loinc}")]
        if laboratory
        else None,
        status="final",
        category=_category(measure.category),
        code=concept(LOINC, measure.loinc, measure.display, measure.name.pick(person.chinese)),
        subject=inside("Patient", person.id),
        encounter=inside("Encounter", visit.id),
        effectiveDateTime=visit.at(25 if laboratory else 10),
        issued=moment(visit.checkup.day, 930) if laboratory else visit.at(12),
        performer=[_performer(visit, laboratory)],
        **result,
        derivedFrom=[inside("Observation", observation_id(visit, source)) for source in measure.derived_from] or None,
    )


def _performer(visit: Visit, laboratory: bool) -> Json:
    if laboratory:
        return stored("Organization", LABORATORY, LABORATORY_NAME.pick(visit.person.chinese))
    return stored("Practitioner", visit.nurse.id, visit.nurse.name)


def _blood_pressure(visit: Visit) -> Json:
    person, values = visit.person, visit.checkup.values
    return resource(
        "Observation",
        observation_id(visit, "blood-pressure"),
        PROFILE + "bp",
        status="final",
        category=_category("vital-signs"),
        code=concept(
            LOINC,
            "85354-9",
            "Blood pressure panel with all children optional",
            Text("Blood pressure", "血压").pick(person.chinese),
        ),
        subject=inside("Patient", person.id),
        encounter=inside("Encounter", visit.id),
        effectiveDateTime=visit.at(15),
        issued=visit.at(16),
        performer=[_performer(visit, laboratory=False)],
        component=[
            {
                "code": concept(LOINC, measure.loinc, measure.display, measure.name.pick(person.chinese)),
                **_judged(measure, values[measure.key], person.sex, visit.checkup.age),
            }
            for measure in (BY_KEY[key] for key in _PANEL_PARTS)
        ],
    )


def _smoking(visit: Visit) -> Json:
    chosen = next(choice for choice in SMOKING if choice.code == visit.checkup.answers["smoking"])
    value = {"coding": [chosen.coded()], "text": chosen.text.pick(visit.person.chinese)}
    return _habit(
        visit,
        "smoking",
        ("72166-2", "Tobacco smoking status"),
        Text("Smoking status", "吸烟状况"),
        {"valueCodeableConcept": value},
    )


def _alcohol(visit: Visit) -> Json:
    said = visit.checkup.answers.get("drinks")
    drinks = said if isinstance(said, Decimal) else Decimal("0.0")
    code = ("74013-4", "Alcoholic drinks per drinking day")
    value = {"valueQuantity": quantity(drinks, "drinks/day", "{drinks}/d")}
    return _habit(visit, "alcohol", code, Text("Drinks per drinking day", "饮酒日饮酒量"), value)


def _habit(visit: Visit, key: str, code: tuple[str, str], name: Text, value: Json) -> Json:
    """What the person said in the lifestyle form, as an Observation derived from it."""
    return resource(
        "Observation",
        observation_id(visit, key),
        status="final",
        category=_category("social-history"),
        code=concept(LOINC, *code, name.pick(visit.person.chinese)),
        subject=inside("Patient", visit.person.id),
        encounter=inside("Encounter", visit.id),
        effectiveDateTime=visit.at(0),
        issued=visit.at(5),
        performer=[inside("Patient", visit.person.id)],
        **value,
        derivedFrom=[inside("QuestionnaireResponse", f"{visit.id}-lifestyle")],
    )


def observations(count: int, patients: int, seed: int) -> Iterator[Json]:
    """Single Observations without an id, about 1.5 KB of JSON each, for benchmarks.

    They belong to the patients `demo-p0001` up to the number given and name encounters of 2018 to 2025; neither has to
    exist on a server that does not check references. Each has an identifier of its own: seed and running number.
    """
    dice = Dice(seed, 0, purpose=9)
    judged = [measure for measure in MEASURES if measure.intervals]
    start = date(2018, 1, 1)
    for index in range(count):
        number, measure = dice.whole(1, patients), dice.pick(judged)
        sex, age = dice.pick(("male", "female")), dice.whole(25, 80)
        day = start + timedelta(days=dice.whole(0, 2900))
        yield _benchmark_observation(dice, f"bench-{seed}-{index:08d}", patient_id(number), measure, (sex, age), day)


def _likely_value(dice: Dice, measure: Measure, who: tuple[str, int]) -> float:
    """A value mostly within, sometimes outside the reference interval."""
    interval = measure.interval(*who)
    low = float(interval.low) if interval and interval.low is not None else None
    high = float(interval.high) if interval and interval.high is not None else None
    low = (high or 100.0) / 2 if low is None else low
    return dice.uniform(low * 0.9, (low * 2 if high is None else high) * 1.15)


def _benchmark_observation(
    dice: Dice, name: str, subject: str, measure: Measure, who: tuple[str, int], day: date
) -> Json:
    value = decimal(_likely_value(dice, measure, who), measure.places)
    author = dice.pick(STAFF)
    minute = dice.whole(480, 700)
    observation = resource(
        "Observation",
        name,
        identifier=[
            identifier("benchmark", name),
            identifier("accessions", f"{day:%Y%m%d}-{name[-8:]}", "secondary"),
        ],
        status="final",
        category=_category(measure.category),
        code=concept(LOINC, measure.loinc, measure.display, measure.name.en),
        subject=stored("Patient", subject),
        encounter=stored("Encounter", f"{subject}-{day.year}"),
        effectiveDateTime=moment(day, minute),
        issued=moment(day, minute + 180),
        performer=[stored("Practitioner", author.id, author.name)],
        **_judged(measure, value, *who),
    )
    del observation["id"]
    return observation
