"""Records for the rules, without a server, and on which side of each threshold they are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ..record import Record, codes_of
from ..rule import LOINC

NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
Measured = tuple[str, str, str] | tuple[str, str, str, int]
"""LOINC code, number with an optional comparator, unit, and how many days ago (1)."""


@dataclass(frozen=True)
class Case:
    """What a rule has to say of some measurements: whether its condition holds, None: unknown."""

    rule: str
    measured: tuple[Measured, ...]
    holds: bool | None
    sex: str = "male"
    birth_date: str | None = "1980-05-17"
    more: tuple[Mapping[str, Any], ...] = ()

    def record(self) -> Record:
        """The record of a patient with these measurements."""
        return record_of(self.sex, self.birth_date, [*map(measured, self.measured), *self.more])


def record_of(sex: str | None, birth_date: str | None, resources: list[Any]) -> Record:
    patient = {"resourceType": "Patient", "id": "p", "gender": sex, "birthDate": birth_date}
    observations: dict[tuple[str, str], list[Any]] = {}
    found: dict[tuple[str, str], list[Any]] = {}
    for resource in resources:
        if resource["resourceType"] != "Observation":
            bare = {key: value for key, value in resource.items() if key != "query"}
            found.setdefault((resource["resourceType"], resource["query"]), []).append(bare)
            continue
        for code in {code for part in (resource, *resource.get("component", ())) for code in codes_of(part)}:
            observations.setdefault(code, []).append(resource)
    return Record({key: value for key, value in patient.items() if value}, observations, found)


def quantity(text: str, unit: str) -> Mapping[str, Any]:
    number = text.lstrip("<>=")
    comparator = text[: len(text) - len(number)]
    said = {"value": Decimal(number), "system": "http://unitsofmeasure.org", "code": unit}
    return {**said, "comparator": comparator} if comparator else said


def observation(code: str, days_ago: int = 1, system: str = LOINC, **more: Any) -> Any:
    return {
        "resourceType": "Observation",
        "id": f"{code}-{days_ago}",
        "status": "final",
        "code": {"coding": [{"system": system, "code": code}]},
        "effectiveDateTime": f"{NOW - timedelta(days=days_ago):%Y-%m-%d}",
        **more,
    }


def measured(row: Measured) -> Any:
    code, text, unit, *days = row
    system = CONSTITUTION if code[0].isalpha() else "http://snomed.info/sct" if "-" not in code else LOINC
    return observation(code, days[0] if days else 1, system, valueQuantity=quantity(text, unit))


def coded(code: str, answer: str) -> Any:
    return observation(code, valueCodeableConcept={"coding": [{"system": LOINC, "code": answer}]})


def _at(rule: str, code: str, unit: str, *sides: tuple[str, bool], **more: Any) -> Iterator[Case]:
    for text, holds in sides:
        yield Case(rule, ((code, text, unit),), holds, **more)


def pair(rule: str, first: tuple[str, str], unit: str, *rows: tuple[str, str, bool | None]) -> Iterator[Case]:
    for one, other, holds in rows:
        both = [(code, text, unit) for code, text in zip(first, (one, other), strict=True) if text]
        yield Case(rule, tuple(both), holds)


CONSTITUTION = "https://fhirhub.example/questionnaires/CodeSystem/tcm-constitution"
BP = ("8480-6", "8462-4")
ADULT_BORN = "2008-01-30"  # eighteen on the day before the measurements
MINOR_BORN = "2008-01-31"


def cases() -> Iterator[Case]:
    yield from _at("overweight", "39156-5", "kg/m2", ("23.9", False), ("24", True), ("27.9", True), ("28", False))
    yield Case("overweight", (("39156-5", "25", "kg/m2"),), True, birth_date=ADULT_BORN)
    yield Case("overweight", (("39156-5", "25", "kg/m2"),), False, birth_date=MINOR_BORN)
    yield Case("overweight", (("39156-5", "25", "kg/m2"),), None, birth_date=None)
    yield from _at("obesity", "39156-5", "kg/m2", ("27.99", False), ("28", True))
    yield Case("obesity", (("39156-5", "30", "kg/m2"),), True, birth_date=ADULT_BORN)
    yield Case("obesity", (("39156-5", "30", "kg/m2"),), False, birth_date=MINOR_BORN)
    waists: dict[str, dict[str, tuple[str, ...]]] = {
        "central-obesity-pre": {"male": ("84.9", "85", "89.9", "90"), "female": ("79.9", "80", "84.9", "85")},
        "central-obesity": {"male": ("89.9", "90"), "female": ("84.9", "85")},
    }
    for rule, by_sex in waists.items():
        for sex, values in by_sex.items():
            sides = zip(values, (False, True, True, False) if len(values) == 4 else (False, True), strict=True)
            yield from _at(rule, "8280-0", "cm", *sides, sex=sex)
        for born, holds in ((ADULT_BORN, True), (MINOR_BORN, False)):
            waist = "86" if rule.endswith("pre") else "95"
            yield Case(rule, (("8280-0", waist, "cm"),), holds, birth_date=born)
        yield Case(rule, (("8280-0", "100", "cm"),), False if rule.endswith("pre") else None, sex="other")
    yield from _at("central-obesity", "56086-2", "m", ("0.899", False), ("0.9", True))
    rows: tuple[tuple[str, str, bool | None], ...]
    rows = (("119", "79", False), ("120", "79", True), ("119", "80", True), ("139", "89", True), ("140", "70", False))
    yield from pair("bp-high-normal", BP, "mm[Hg]", *rows, ("130", "90", False), ("130", "", None))
    rows = (("139", "89", False), ("140", "89", True), ("139", "90", True), ("150", "", True), ("130", "", None))
    yield from pair("bp-recheck", BP, "mm[Hg]", *rows)
    for rule, pressure in (("bp-high-normal", "130"), ("bp-recheck", "150")):
        for born, holds in ((ADULT_BORN, True), (MINOR_BORN, False)):
            both = (("8480-6", pressure, "mm[Hg]"), ("8462-4", "75", "mm[Hg]"))
            yield Case(rule, both, holds, birth_date=born)
    yield from _at("ifg", "14771-0", "mmol/L", ("6.09", False), ("6.1", True), ("6.99", True), ("7.0", False))
    yield from _at("ifg", "1558-6", "mg/dL", ("109", False), ("110", True), ("126", True), ("126.2", False))
    yield from _at("diabetes-suspected", "14771-0", "mmol/L", ("7.0", True))
    yield from _at("diabetes-suspected", "4548-4", "%", ("6.5", True))
    yield from _at("diabetes-suspected", "14995-5", "mmol/L", ("11.1", True))
    below = (("14771-0", "6.99", "mmol/L"), ("4548-4", "6.49", "%"), ("14995-5", "11.09", "mmol/L"))
    yield Case("diabetes-suspected", below, False)
    yield Case("diabetes-suspected", below[:2], None)
    for code, low, high, unit in (
        ("14771-0", "6.99", "7.0", "mmol/L"),
        ("4548-4", "6.49", "6.5", "%"),
        ("14995-5", "11.09", "11.1", "mmol/L"),
    ):
        others = tuple((other, text, kind) for other, text, kind in below if other != code)
        yield Case("diabetes-criteria", ((code, high, unit, 1), (code, high, unit, 40)), True)
        yield Case("diabetes-criteria", ((code, low, unit, 1), (code, high, unit, 40), *others), False)
        yield Case("diabetes-criteria", ((code, high, unit, 1), (code, high, unit, 1), *others), False)
    yield from _lipids()
    yield from _laboratory()
    yield from _lifestyle()
    yield from _metabolic()
    yield from _critical()
    yield from _trends()


def _lipids() -> Iterator[Case]:
    for rule, code, low, high in (
        ("high-cholesterol", "14647-2", "6.2", None),
        ("borderline-cholesterol", "14647-2", "5.2", "6.2"),
        ("high-ldl", "39469-2", "4.1", None),
        ("borderline-ldl", "39469-2", "3.4", "4.1"),
        ("high-triglycerides", "14927-8", "2.3", None),
        ("borderline-triglycerides", "14927-8", "1.7", "2.3"),
    ):
        just_below = str(Decimal(low) - Decimal("0.01"))
        yield from _at(rule, code, "mmol/L", (just_below, False), (low, True))
        if high is not None:
            yield from _at(rule, code, "mmol/L", (str(Decimal(high) - Decimal("0.01")), True), (high, False))
    yield from _at("low-hdl", "14646-4", "mmol/L", ("0.99", True), ("1.0", False))
    yield from _at("low-hdl", "2085-9", "mg/dL", ("38.6", True), ("38.7", False))
    yield from _at("high-cholesterol", "2093-3", "mg/dL", ("239", False), ("240", True))
    yield from _at("high-triglycerides", "2571-8", "mg/dL", ("203", False), ("204", True))
    yield Case("high-cholesterol", (("14647-2", "<6.2", "mmol/L"),), False)
    yield Case("high-cholesterol", (("14647-2", "<=6.2", "mmol/L"),), None)
    yield Case("high-cholesterol", (("14647-2", ">6.2", "mmol/L"),), True)
    yield Case("high-cholesterol", (("14647-2", ">5", "mmol/L"),), None)
    yield Case("high-cholesterol", (("14647-2", "9", "furlong"),), None)


def _laboratory() -> Iterator[Case]:
    for low, high, unit in (("420", "421", "umol/L"), ("7.06", "7.07", "mg/dL")):
        yield Case("hyperuricemia", (("14933-6", high, unit, 1), ("14933-6", high, unit, 30)), True)
        yield Case("hyperuricemia", (("14933-6", low, unit, 1), ("14933-6", high, unit, 30)), False)
        yield Case("hyperuricemia", (("14933-6", high, unit, 1),), False)
    liver = (("39156-5", "24", "kg/m2"), ("14927-8", "1.7", "mmol/L"))
    for sex, low, high in (("male", "50", "51"), ("female", "40", "41")):
        yield Case("fatty-liver-clue", (("1742-6", high, "U/L"), *liver), True, sex=sex)
        yield Case("fatty-liver-clue", (("1742-6", low, "U/L"), *liver), False, sex=sex)
    yield Case("fatty-liver-clue", (("1742-6", "60", "U/L"), ("39156-5", "23.9", "kg/m2"), liver[1]), False)
    yield Case("fatty-liver-clue", (("1742-6", "60", "U/L"), liver[0], ("14927-8", "1.69", "mmol/L")), False)
    yield Case("fatty-liver-clue", (("1742-6", "60", "U/L"), *liver), None, sex="unknown")
    gfr = "mL/min/{1.73_m2}"
    yield Case("ckd-suspected", (("98979-8", "59", gfr),), True)
    yield Case("ckd-suspected", (("98979-8", "60", gfr), ("9318-7", "29", "mg/g")), False)
    yield Case("ckd-suspected", (("98979-8", "60", gfr), ("9318-7", "30", "mg/g")), True)
    yield Case("ckd-suspected", (("98979-8", "60", gfr), ("14585-4", "3.39", "mg/mmol")), False)
    yield Case("ckd-suspected", (("14585-4", "3.4", "mg/mmol"),), True)
    yield Case("ckd-suspected", (("98979-8", "90", gfr),), None)
    for code, bad, good, unit in (("98979-8", "59", "60", gfr), ("9318-7", "30", "29", "mg/g")):
        other = ("9318-7", "5", "mg/g") if code == "98979-8" else ("98979-8", "90", gfr)
        yield Case("ckd-confirmed", ((code, bad, unit, 1), (code, bad, unit, 91)), True)
        yield Case("ckd-confirmed", ((code, bad, unit, 1), (code, bad, unit, 90), other), False)
        yield Case(
            "ckd-confirmed", ((code, good, unit, 1), (code, bad, unit, 91), (code, bad, unit, 300), other), False
        )
        yield Case("ckd-confirmed", ((code, bad, unit, 1), (code, good, unit, 91), other), False)
    for sex, low, high in (("male", "129", "130"), ("female", "114", "115")):
        yield from _at("anemia", "718-7", "g/L", (low, True), (high, False), sex=sex)
    yield from _at("anemia", "718-7", "g/dL", ("12.9", True), ("13.0", False))
    yield from _at("anemia", "59260-0", "mmol/L", ("8.0", True), ("8.1", False))
    yield Case("anemia", (("718-7", "100", "g/L"),), True, birth_date=ADULT_BORN)
    yield Case("anemia", (("718-7", "100", "g/L"),), False, birth_date=MINOR_BORN)
    yield Case("anemia", (("718-7", "100", "g/L"),), None, sex="unknown")


def _lifestyle() -> Iterator[Case]:
    holds: bool | None
    for answer, holds in (("LA18976-3", True), ("LA18977-1", True), ("LA15920-4", False), ("LA18978-9", False)):
        yield Case("smoker", (), holds, more=(coded("72166-2", answer),))
    weekly: tuple[tuple[str, str, bool | None], ...]
    weekly = (("5", "30", None), ("5", "29.9", True), ("2.9", "50", True), (">6", "30", None))
    for days, minutes, holds in weekly:
        yield Case("sedentary", (("89555-7", days, "d/wk"), ("68516-4", minutes, "min/d")), holds)
    for minutes_a_week, holds in ((149, True), (150, None)):
        yield Case("sedentary", (), holds, more=(_response(minutes_a_week),))
    yield Case("sedentary", (("89555-7", "5", "d/wk"), ("68516-4", "30", "min/d")), False, more=(_response(150),))
    yield from _at("alcohol-excess", "160573003", "g/d", ("15", False), ("15.1", True))
    yield from _at("alcohol-excess", "160573003", "g/wk", ("105", False), ("106", True))
    yield from _at("depression-screen", "44261-6", "{score}", ("9", False), ("10", True))
    yield from _at("anxiety-screen", "70274-6", "{score}", ("9", False), ("10", True))
    yield Case("self-harm-thoughts", (), True, more=(coded("44260-8", "LA6569-3"),))
    yield Case("self-harm-thoughts", (), None, more=(coded("44260-8", "LA6568-5"),))
    yield Case("self-harm-thoughts", (("44260-8", "1", "{score}"),), True)
    yield Case("self-harm-thoughts", (("44260-8", "0", "{score}"),), None)
    both = (coded("44260-8", "LA6568-5"),)
    yield Case("self-harm-thoughts", (("44260-8", "0", "{score}"),), False, more=both)
    for percent, medium, high in (("4.9", False, False), ("5", True, False), ("9.9", True, False), ("10", False, True)):
        yield Case("ascvd-medium", (), medium, more=(_risk(percent),))
        yield Case("ascvd-high", (), high, more=(_risk(percent),))


LIFESTYLE = "questionnaire=https://fhirhub.example/demo/Questionnaire/lifestyle&status=completed,amended"
CHINA_PAR = "method=https://fhirhub.example/risk/CodeSystem/methods|china-par"


def _response(minutes: int) -> Mapping[str, Any]:
    item = {"linkId": "group", "item": [{"linkId": "activity", "answer": [{"valueInteger": minutes}]}]}
    return {
        "resourceType": "QuestionnaireResponse",
        "query": LIFESTYLE,
        "status": "completed",
        "authored": "2026-01-30",
        "item": [item],
    }


def _risk(percent: str) -> Mapping[str, Any]:
    return {
        "resourceType": "RiskAssessment",
        "query": CHINA_PAR,
        "status": "final",
        "occurrenceDateTime": "2026-01-30",
        "prediction": [{"probabilityDecimal": Decimal(percent)}],
    }


def _metabolic() -> Iterator[Case]:
    """Of the five criteria each stands once on either side of its threshold, with as many others as make it count."""
    codes = {"waist": "8280-0", "fpg": "14771-0", "sbp": "8480-6", "dbp": "8462-4", "tg": "14927-8", "hdl": "14646-4"}
    units = {"waist": "cm", "sbp": "mm[Hg]", "dbp": "mm[Hg]"}
    codes["ogtt"] = "14995-5"
    calm = {"waist": "70", "fpg": "5", "sbp": "110", "dbp": "70", "tg": "1", "hdl": "1.6", "ogtt": "5"}

    def case(rule: str, sex: str, holds: bool, **values: str) -> Case:
        rows = {**calm, **values}
        return Case(rule, tuple((codes[key], text, units.get(key, "mmol/L")) for key, text in rows.items()), holds, sex)

    for rule, waists, sugar, hdls in (
        ("metabolic-syndrome-cds", {"male": "90", "female": "85"}, "6.1", {"male": "1.04", "female": "1.04"}),
        ("metabolic-syndrome-idf", {"male": "90", "female": "80"}, "5.6", {"male": "1.03", "female": "1.29"}),
        ("metabolic-syndrome-jis", {"male": "90", "female": "80"}, "5.6", {"male": "1.03", "female": "1.29"}),
    ):
        for sex in ("male", "female"):
            wide = waists[sex]
            under = str(Decimal(wide) - Decimal("0.1"))
            two = {"tg": "1.7", "fpg": sugar}
            yield case(rule, sex, True, waist=wide, **two)
            yield case(rule, sex, False, waist=under, **two)
            yield case(rule, sex, False, waist=wide, tg="1.69", fpg=sugar)
            yield case(rule, sex, False, waist=wide, tg="1.7", fpg=str(Decimal(sugar) - Decimal("0.01")))
            low = str(Decimal(hdls[sex]) - Decimal("0.01"))
            yield case(rule, sex, True, waist=wide, tg="1.7", hdl=low)
            yield case(rule, sex, False, waist=wide, tg="1.7", hdl=hdls[sex])
            yield case(rule, sex, True, waist=wide, tg="1.7", sbp="130")
            yield case(rule, sex, False, waist=wide, tg="1.7", sbp="129")
            yield case(rule, sex, True, waist=wide, tg="1.7", dbp="85")
            yield case(rule, sex, False, waist=wide, tg="1.7", dbp="84")
        for born, holds in ((ADULT_BORN, True), (MINOR_BORN, False)):
            rows = {**calm, "waist": "95", "tg": "2", "fpg": "7"}
            measures = tuple((codes[key], text, units.get(key, "mmol/L")) for key, text in rows.items())
            yield Case(rule, measures, holds, birth_date=born)
    yield case("metabolic-syndrome-cds", "male", True, waist="90", tg="1.7", ogtt="7.8")
    yield case("metabolic-syndrome-cds", "male", False, waist="90", tg="1.7", ogtt="7.79")
    unknown = (("8280-0", "95", "cm"), ("14927-8", "2", "mmol/L"))
    yield Case("metabolic-syndrome-cds", unknown, None)


def _critical() -> Iterator[Case]:
    cells = "10*9/L"
    yield from _at("critical-heart-rate", "8867-4", "/min", ("45", True), ("46", False), ("149", False), ("150", True))
    yield from _at("critical-hemoglobin", "718-7", "g/L", ("60", True), ("61", False))
    yield from _at("critical-platelets", "777-3", cells, ("30", True), ("31", False))
    yield from _at("critical-leukocytes", "6690-2", cells, ("1.0", True), ("1.1", False), ("29.9", False), ("30", True))
    sides = (("2.8", True), ("2.9", False), ("16.6", False), ("16.7", True))
    yield from _at("critical-glucose", "14749-6", "mmol/L", *sides)
    yield from _at(
        "critical-potassium", "2823-3", "mmol/L", ("2.5", True), ("2.6", False), ("6.4", False), ("6.5", True)
    )
    yield from _at("critical-sodium", "2951-2", "mmol/L", ("120", True), ("121", False), ("159", False), ("160", True))
    yield from _at("critical-creatinine", "14682-9", "umol/L", ("706", False), ("707", True))
    yield from _at("critical-creatinine", "2160-0", "mg/dL", ("7.99", False), ("8.0", True))
    yield from _at("critical-bilirubin", "14631-6", "umol/L", ("170", False), ("171", True))
    yield from pair("critical-bp", BP, "mm[Hg]", ("179", "109", False), ("180", "80", True), ("150", "110", True))
    liver = ("1742-6", "1920-8")
    yield from pair(
        "critical-transaminases", liver, "U/L", ("599", "599", False), ("600", "50", True), ("50", "600", True)
    )
    own = [{"high": quantity("34", "ng/L")}]
    for text, ranges, holds in (("34", own, False), ("35", own, True), ("35", [], None)):
        tested = observation("89579-7", valueQuantity=quantity(text, "ng/L"), referenceRange=ranges)
        yield Case("critical-troponin", (), holds, more=(tested,))


def _trends() -> Iterator[Case]:
    analytes = {
        "creatinine": ("14682-9", "umol/L", "14.6", "12.7"),
        "glucose": ("14771-0", "mmol/L", "15.7", "13.5"),
        "cholesterol": ("14647-2", "mmol/L", "17.4", "14.8"),
        "ldl": ("39469-2", "mmol/L", "29.9", "23.0"),
        "hdl": ("14646-4", "mmol/L", "19.2", "16.1"),
        "triglycerides": ("14927-8", "mmol/L", "83.4", "45.5"),
        "alt": ("1742-6", "U/L", "28.8", "28.8"),
        "ast": ("1920-8", "U/L", "29.4", "29.4"),
        "hba1c": ("4548-4", "%", "3.7", "3.7"),
        "uric-acid": ("14933-6", "umol/L", "26.7", "26.7"),
        "hemoglobin": ("718-7", "g/L", "8.8", "8.8"),
        "platelets": ("777-3", "10*9/L", "28.2", "28.2"),
        "leukocytes": ("6690-2", "10*9/L", "31.0", "31.0"),
    }
    for name, (code, unit, up, down) in analytes.items():
        for percent, beyond in ((Decimal(up), False), (-Decimal(down), False)):
            yield Case(f"change-{name}", _two(code, unit, percent), beyond)
        for percent in (Decimal(up) + Decimal("0.1"), -Decimal(down) - Decimal("0.1")):
            yield Case(f"change-{name}", _two(code, unit, percent), True)
        yield Case(f"change-{name}", ((code, "100", unit),), None)
    for name, code, unit in (
        ("systolic", "8480-6", "mm[Hg]"),
        ("weight", "29463-7", "kg"),
        ("ldl", "39469-2", "mmol/L"),
    ):
        rule = f"rising-{name}"
        yield Case(rule, _many(code, unit, "1", "2", "3", "4"), True)
        yield Case(rule, _many(code, unit, "1", "2", "4", "3"), False)
        yield Case(rule, _many(code, unit, "1", "2", "3"), None)
        yield Case(rule, _many(code, unit, "1", "2", "3", "5", "4"), True)
    gfr = "mL/min/{1.73_m2}"
    yield Case("falling-egfr", _many("98979-8", gfr, "90", "80", "70", "60"), True)
    yield Case("falling-egfr", _many("98979-8", gfr, "90", "80", "60", "70"), False)


def _two(code: str, unit: str, percent: Decimal) -> tuple[Measured, ...]:
    return (code, "100", unit, 200), (code, str(100 + percent), unit, 1)


def _many(code: str, unit: str, *texts: str) -> tuple[Measured, ...]:
    return tuple((code, text, unit, 365 * (len(texts) - place)) for place, text in enumerate(texts))
