"""What a checkup measures: LOINC codes, UCUM units, adult reference intervals by sex and age, limits for alarm.

https://hl7.org/fhir/R4/observation.html, https://hl7.org/fhir/R4/observation-vitalsigns.html

Intervals are those in use for Chinese adults (WS/T 404, WS/T 405, WS/T 428 and the national guidelines); both ends
belong to the interval.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from fhirhub.demo.codes import Text

PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/"


@dataclass(frozen=True, slots=True)
class Interval:
    """A reference interval for one sex (None: both), from an age in years on."""

    low: Decimal | None
    high: Decimal | None
    sex: str | None = None
    from_age: int = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """One quantity. `places` are the decimal places reported; beyond the alarm limits the result is LL or HH."""

    key: str
    loinc: str
    display: str
    name: Text
    unit: str
    ucum: str
    places: int
    category: str
    intervals: tuple[Interval, ...] = ()
    alarm_low: Decimal | None = None
    alarm_high: Decimal | None = None
    profile: str | None = None
    derived_from: tuple[str, ...] = ()

    def interval(self, sex: str, age: int) -> Interval | None:
        """The interval for this sex and age, or None when there is none; the last that fits is the narrowest."""
        fitting = [each for each in self.intervals if each.sex in (None, sex) and each.from_age <= age]
        return fitting[-1] if fitting else None


def _both(low: str | None, high: str | None) -> tuple[Interval, ...]:
    return (_interval(low, high),)


def _by_sex(male: tuple[str | None, str | None], female: tuple[str | None, str | None]) -> tuple[Interval, ...]:
    return (_interval(*male, sex="male"), _interval(*female, sex="female"))


def _interval(low: str | None, high: str | None, sex: str | None = None, from_age: int = 0) -> Interval:
    return Interval(None if low is None else Decimal(low), None if high is None else Decimal(high), sex, from_age)


_VITAL: Final = "vital-signs"
_LAB: Final = "laboratory"

MEASURES: Final[tuple[Measure, ...]] = (
    Measure(
        "height", "8302-2", "Body height", Text("Height", "身高"), "cm", "cm", 1, _VITAL, profile=PROFILE + "bodyheight"
    ),
    Measure(
        "weight",
        "29463-7",
        "Body weight",
        Text("Weight", "体重"),
        "kg",
        "kg",
        1,
        _VITAL,
        profile=PROFILE + "bodyweight",
    ),
    Measure(
        "bmi",
        "39156-5",
        "Body mass index (BMI) [Ratio]",
        Text("Body mass index", "体质指数"),
        "kg/m2",
        "kg/m2",
        1,
        _VITAL,
        _both("18.5", "23.9"),
        profile=PROFILE + "bmi",
        derived_from=("height", "weight"),
    ),
    Measure(
        "waist",
        "8280-0",
        "Waist Circumference at umbilicus by Tape measure",
        Text("Waist circumference", "腰围"),
        "cm",
        "cm",
        1,
        _VITAL,
        _by_sex((None, "84.9"), (None, "79.9")),
        profile=PROFILE + "vitalsigns",
    ),
    Measure(
        "heart-rate",
        "8867-4",
        "Heart rate",
        Text("Heart rate", "心率"),
        "beats/minute",
        "/min",
        0,
        _VITAL,
        _both("60", "100"),
        Decimal(45),
        Decimal(150),
        profile=PROFILE + "heartrate",
    ),
    Measure(
        "systolic",
        "8480-6",
        "Systolic blood pressure",
        Text("Systolic blood pressure", "收缩压"),
        "mmHg",
        "mm[Hg]",
        0,
        _VITAL,
        _both("90", "139"),
        alarm_high=Decimal(180),
    ),
    Measure(
        "diastolic",
        "8462-4",
        "Diastolic blood pressure",
        Text("Diastolic blood pressure", "舒张压"),
        "mmHg",
        "mm[Hg]",
        0,
        _VITAL,
        _both("60", "89"),
        alarm_high=Decimal(110),
    ),
    Measure(
        "cholesterol",
        "14647-2",
        "Cholesterol [Moles/volume] in Serum or Plasma",
        Text("Total cholesterol", "总胆固醇"),
        "mmol/L",
        "mmol/L",
        2,
        _LAB,
        _both(None, "5.19"),
    ),
    Measure(
        "hdl",
        "14646-4",
        "Cholesterol in HDL [Moles/volume] in Serum or Plasma",
        Text("HDL cholesterol", "高密度脂蛋白胆固醇"),
        "mmol/L",
        "mmol/L",
        2,
        _LAB,
        _both("1.00", None),
    ),
    Measure(
        "triglycerides",
        "14927-8",
        "Triglyceride [Moles/volume] in Serum or Plasma",
        Text("Triglycerides", "甘油三酯"),
        "mmol/L",
        "mmol/L",
        2,
        _LAB,
        _both(None, "1.69"),
    ),
    Measure(
        "ldl",
        "39469-2",
        "Cholesterol in LDL [Moles/volume] in Serum or Plasma by calculation",
        Text("LDL cholesterol (calculated)", "低密度脂蛋白胆固醇（计算）"),
        "mmol/L",
        "mmol/L",
        2,
        _LAB,
        _both(None, "3.39"),
        derived_from=("cholesterol", "hdl", "triglycerides"),
    ),
    Measure(
        "glucose",
        "14771-0",
        "Fasting glucose [Moles/volume] in Serum or Plasma",
        Text("Fasting glucose", "空腹血糖"),
        "mmol/L",
        "mmol/L",
        2,
        _LAB,
        _both("3.90", "6.10"),
        Decimal("2.80"),
        Decimal("16.70"),
    ),
    Measure(
        "hba1c",
        "4548-4",
        "Hemoglobin A1c/Hemoglobin.total in Blood",
        Text("Haemoglobin A1c", "糖化血红蛋白"),
        "%",
        "%",
        1,
        _LAB,
        _both("4.0", "6.0"),
    ),
    Measure(
        "creatinine",
        "14682-9",
        "Creatinine [Moles/volume] in Serum or Plasma",
        Text("Creatinine", "肌酐"),
        "μmol/L",
        "umol/L",
        0,
        _LAB,
        (*_by_sex(("57", "97"), ("41", "73")), _interval("57", "111", "male", 60), _interval("41", "81", "female", 60)),
        alarm_high=Decimal(707),
    ),
    Measure(
        "egfr",
        "98979-8",
        "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, Plasma or Blood by "
        "Creatinine-based formula (CKD-EPI 2021)",
        Text("Estimated GFR (CKD-EPI 2021)", "估算肾小球滤过率"),
        "mL/min/1.73m²",
        "mL/min/{1.73_m2}",
        0,
        _LAB,
        _both("90", None),
        derived_from=("creatinine",),
    ),
    Measure(
        "alt",
        "1742-6",
        "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma",
        Text("Alanine aminotransferase", "丙氨酸氨基转移酶"),
        "U/L",
        "U/L",
        0,
        _LAB,
        _by_sex(("9", "50"), ("7", "40")),
        alarm_high=Decimal(600),
    ),
    Measure(
        "ast",
        "1920-8",
        "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma",
        Text("Aspartate aminotransferase", "天冬氨酸氨基转移酶"),
        "U/L",
        "U/L",
        0,
        _LAB,
        _by_sex(("15", "40"), ("13", "35")),
        alarm_high=Decimal(600),
    ),
    Measure(
        "urate",
        "14933-6",
        "Urate [Moles/volume] in Serum or Plasma",
        Text("Uric acid", "尿酸"),
        "μmol/L",
        "umol/L",
        0,
        _LAB,
        _by_sex(("208", "428"), ("155", "357")),
    ),
    Measure(
        "haemoglobin",
        "718-7",
        "Hemoglobin [Mass/volume] in Blood",
        Text("Haemoglobin", "血红蛋白"),
        "g/L",
        "g/L",
        0,
        _LAB,
        _by_sex(("130", "175"), ("115", "150")),
        alarm_low=Decimal(60),
    ),
    Measure(
        "platelets",
        "777-3",
        "Platelets [#/volume] in Blood by Automated count",
        Text("Platelets", "血小板"),
        "10^9/L",
        "10*9/L",
        0,
        _LAB,
        _both("125", "350"),
        alarm_low=Decimal(30),
    ),
    Measure(
        "uacr",
        "9318-7",
        "Albumin/Creatinine [Mass Ratio] in Urine",
        Text("Urine albumin/creatinine", "尿白蛋白/肌酐比值"),
        "mg/g",
        "mg/g",
        1,
        _LAB,
        _both(None, "29.9"),
        derived_from=(),
    ),
)
BY_KEY: Final = {measure.key: measure for measure in MEASURES}
