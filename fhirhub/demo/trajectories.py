"""The health of one person over the years, as the yearly checkups see it.

Underlying values move as correlated random walks: one metabolic propensity is shared by weight, blood pressure, lipids
and glucose; each has its own drift; weight pulls the others along. What persists over two checkups is diagnosed, a part
of the diagnosed is treated, and treatment lowers the value from then on. Measured values add biological and analytical
noise. Nothing here is a model of real risk; it only has to look like people's records.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from fhirhub.demo.codes import decimal
from fhirhub.demo.dice import Dice
from fhirhub.demo.lifestyle import EVERY_DAY, FORMER, NEVER, SOME_DAYS, Answer
from fhirhub.demo.people import Person

FRIEDEWALD_LIMIT: Final = Decimal("4.50")
"""Above this triglyceride value (mmol/L) LDL cholesterol cannot be calculated from the other lipids."""

HYPERTENSION, DIABETES, DYSLIPIDAEMIA, OBESITY = "hypertension", "diabetes", "dyslipidaemia", "obesity"
PROBLEMS: Final = (HYPERTENSION, DIABETES, DYSLIPIDAEMIA, OBESITY)
_TREATED_SHARE: Final = {HYPERTENSION: 0.75, DIABETES: 0.85, DYSLIPIDAEMIA: 0.5, OBESITY: 0.45}


@dataclass(frozen=True, slots=True)
class Checkup:
    """One visit: the measured values by measure key, and the answers of the lifestyle form by linkId."""

    day: date
    minute: int
    age: int
    values: dict[str, Decimal]
    answers: dict[str, Answer]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A problem that persisted. `resolved` is set when two later checkups in a row were free of it."""

    problem: str
    onset: date
    recorded: date
    treated: bool
    resolved: date | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Everything the years brought."""

    checkups: tuple[Checkup, ...]
    diagnoses: tuple[Diagnosis, ...]

    def diagnosis(self, problem: str) -> Diagnosis | None:
        """The diagnosis of this problem, if it was made."""
        return next((each for each in self.diagnoses if each.problem == problem), None)


def found_problems(values: dict[str, Decimal]) -> tuple[str, ...]:
    """The problems whose thresholds the values of one checkup reach (units of the measures)."""
    reached = {
        HYPERTENSION: values["systolic"] >= 140 or values["diastolic"] >= 90,
        DIABETES: values["glucose"] >= 7 or values["hba1c"] >= Decimal("6.5"),
        DYSLIPIDAEMIA: values["cholesterol"] >= Decimal("6.2")
        or values.get("ldl", Decimal(0)) >= Decimal("4.1")
        or values["triglycerides"] >= Decimal("2.3"),
        OBESITY: values["bmi"] >= 28,
    }
    return tuple(problem for problem in PROBLEMS if reached[problem])


def live(person: Person, seed: int, until: date, years: int) -> History:
    """The checkups of the given number of years before `until`; at least one, and never one before the age of 18."""
    dice = Dice(seed, person.number, purpose=2)
    body = _Body(person, dice)
    anchor, attends = dice.whole(20, 335), dice.uniform(0.72, 1.0)
    joins = dice.whole(0, years // 2) if dice.chance(0.4) else 0
    earliest = until - timedelta(days=round(365.25 * years))
    record, missed = _Record(dice), None
    for year in range(until.year - years, until.year + 1):
        day = _working_day(date(year, 1, 1) + timedelta(days=anchor + dice.whole(-14, 14)))
        body.one_year(record.treated)
        attended = dice.chance(attends) and year >= until.year - years + joins
        checkup = body.measure(day, bool(record.diagnoses))
        if earliest < day <= until and checkup.age >= 18:
            missed = checkup
            if attended:
                record.add(checkup)
    if not record.checkups:
        record.add(missed or body.measure(until, False))
    return History(tuple(record.checkups), tuple(record.diagnoses.values()))


def _working_day(day: date) -> date:
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= 5 else 0)


class _Record:
    """Checkups so far and what they led to."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self.checkups: list[Checkup] = []
        self.diagnoses: dict[str, Diagnosis] = {}
        self.treated: set[str] = set()

    def add(self, checkup: Checkup) -> None:
        found = found_problems(checkup.values)
        before = found_problems(self.checkups[-1].values) if self.checkups else ()
        for problem in PROBLEMS:
            known = self.diagnoses.get(problem)
            if known is None and problem in found and problem in before:
                treated = self._dice.chance(_TREATED_SHARE[problem])
                self.diagnoses[problem] = Diagnosis(problem, self.checkups[-1].day, checkup.day, treated)
                if treated:
                    self.treated.add(problem)
            elif known and problem == OBESITY and known.resolved is None and problem not in (*found, *before):
                self.diagnoses[problem] = Diagnosis(problem, known.onset, known.recorded, known.treated, checkup.day)
        self.checkups.append(checkup)


class _Body:
    """The underlying values, one step a year."""

    def __init__(self, person: Person, dice: Dice) -> None:
        self._person, self._dice = person, dice
        self._male = person.sex == "male"
        shared = dice.normal()
        propensity = [0.6 * shared + 0.8 * dice.normal() for _ in range(4)]
        self._pressure_bent, self._lipid_bent, self._glucose_bent, weight_bent = propensity
        self._height = dice.normal(171.5 if self._male else 159.5, 6.0)
        self._bmi = min(max((24.4 if self._male else 23.2) + 3.1 * weight_bent, 16.8), 39.0)
        self._bmi_drift = dice.normal(0.12, 0.22)
        self._pressure_walk = self._glucose_walk = self._lipid_walk = 0.0
        self._glucose_drift = max(0.0, 0.15 * _stretched(self._glucose_bent) - 0.04)
        self._kidney_loss = 0.05 if dice.chance(0.05) else 0.004
        self._creatinine = dice.normal(76.0 if self._male else 58.0, 8.0)
        self._waist_bent, self._liver_bent, self._urate_bent, self._blood_bent = (dice.normal() for _ in range(4))
        self._platelets = dice.normal(232.0, 42.0)
        self._effect = dict.fromkeys(PROBLEMS, 0.0)
        self._smoking = self._first_smoking()
        self._drinking = dice.pick(
            ("never", "occasional", "weekly", "daily") if self._male else ("never", "never", "occasional")
        )

    def _first_smoking(self) -> str:
        draw = self._dice.uniform(0.0, 1.0) * (1.0 if self._male else 6.0)
        return EVERY_DAY if draw < 0.3 else SOME_DAYS if draw < 0.4 else FORMER if draw < 0.52 else NEVER

    def one_year(self, treated: set[str]) -> None:
        """Everything drifts; treatment takes two years to its full effect; some smokers stop."""
        dice = self._dice
        for problem in PROBLEMS:
            if problem in treated:
                self._effect[problem] = min(1.0, self._effect[problem] + 0.6)
        losing = 0.9 * self._effect[OBESITY] if self._bmi > 25.5 else 0.0
        self._bmi = min(max(self._bmi + self._bmi_drift - losing + dice.normal(0.0, 0.35), 16.5), 42.0)
        self._pressure_walk += dice.normal(0.45, 1.9)
        self._lipid_walk += dice.normal(0.01, 0.09)
        self._glucose_walk += self._glucose_drift * (1.0 - 0.6 * self._effect[DIABETES]) + dice.normal(0.0, 0.09)
        self._creatinine *= 1.0 + self._kidney_loss
        if self._smoking in (SOME_DAYS, EVERY_DAY) and dice.chance(0.08):
            self._smoking = FORMER

    def measure(self, day: date, takes_medicines: bool) -> Checkup:
        """The visit of this day. Derived values are computed from the rounded measured ones, as a laboratory does."""
        age = self._person.age_on(day)
        values = self._anthropometry() | self._circulation(age) | self._blood(age)
        return Checkup(day, self._dice.whole(0, 17) * 10, age, values, self._answers(takes_medicines))

    def _anthropometry(self) -> dict[str, Decimal]:
        dice = self._dice
        height = decimal(self._height + dice.normal(0.0, 0.2), 1)
        weight = decimal(self._bmi * self._height * self._height / 10000 + dice.normal(0.0, 0.5), 1)
        start, slope, centre = (85.5, 2.35, 24.4) if self._male else (77.5, 2.1, 23.2)
        waist = start + slope * (self._bmi - centre) + 2.5 * self._waist_bent + dice.normal(0.0, 1.2)
        return {"height": height, "weight": weight, "bmi": body_mass_index(weight, height), "waist": decimal(waist, 1)}

    def _circulation(self, age: int) -> dict[str, Decimal]:
        dice = self._dice
        load = 1.15 * (self._bmi - 23.5) + 8.5 * _stretched(self._pressure_bent) + self._pressure_walk
        treated = self._effect[HYPERTENSION]
        systolic = 114.5 + 0.42 * (age - 35) + load - 19.0 * treated + dice.normal(0.0, 5.0)
        diastolic = (
            73.0
            + 0.28 * (min(age, 58) - 35)
            - 0.2 * max(0, age - 58)
            + 0.5 * load
            - 10.0 * treated
            + dice.normal(0.0, 3.5)
        )
        systolic = min(max(systolic, 84.0), 212.0)
        diastolic = min(max(diastolic, 48.0), 124.0, systolic - 22.0)
        rate = 71.0 + 0.35 * (self._bmi - 23.5) - 0.06 * (age - 45) + 3.5 * self._waist_bent + dice.normal(0.0, 5.0)
        return {"heart-rate": decimal(rate, 0), "systolic": decimal(systolic, 0), "diastolic": decimal(diastolic, 0)}

    def _blood(self, age: int) -> dict[str, Decimal]:
        dice, over = self._dice, self._bmi - 23.5
        statin = self._effect[DYSLIPIDAEMIA]
        hdl = decimal(
            max(0.62, (1.22 if self._male else 1.45) - 0.024 * over + 0.12 * self._waist_bent + dice.normal(0.0, 0.07)),
            2,
        )
        triglycerides = decimal(
            1.22 * 1.065**over * 1.33**self._lipid_bent * 1.2 ** dice.normal() * (1.0 - 0.2 * statin), 2
        )
        ldl = 2.75 + 0.012 * (age - 45) + 0.035 * over + 0.62 * self._lipid_bent + self._lipid_walk
        ldl = max(0.9, ldl * (1.0 - 0.36 * statin) + dice.normal(0.0, 0.18))
        cholesterol = decimal(ldl + float(hdl) + float(triglycerides) / 2.2, 2)
        glucose = 5.15 + 0.011 * (age - 45) + 0.045 * over + 0.3 * _stretched(self._glucose_bent) + self._glucose_walk
        glucose -= self._effect[DIABETES] * 0.75 * max(0.0, glucose - 6.1)
        hba1c = 2.65 + 0.53 * glucose + dice.normal(0.0, 0.12)
        creatinine = decimal(max(34.0, self._creatinine + dice.normal(0.0, 2.6)), 0)
        alt = 19.0 * 1.055**over * 1.4**self._liver_bent * 1.2 ** dice.normal()
        values = {
            "cholesterol": cholesterol,
            "hdl": hdl,
            "triglycerides": triglycerides,
            "glucose": decimal(max(3.4, glucose + dice.normal(0.0, 0.22)), 2),
            "hba1c": decimal(max(4.2, hba1c), 1),
            "creatinine": creatinine,
            "egfr": estimated_filtration(creatinine, age, self._male),
            "alt": decimal(max(6.0, alt), 0),
            "ast": decimal(max(9.0, 11.0 + 0.46 * alt + dice.normal(0.0, 2.0)), 0),
            "urate": decimal(
                max(
                    120.0,
                    (352.0 if self._male else 272.0) + 7.5 * over + 42.0 * self._urate_bent + dice.normal(0.0, 18.0),
                ),
                0,
            ),
            "haemoglobin": decimal(
                (153.0 if self._male else 132.0) + 7.5 * self._blood_bent + dice.normal(0.0, 3.2), 0
            ),
            "platelets": decimal(max(70.0, self._platelets + dice.normal(0.0, 16.0)), 0),
            "uacr": decimal(
                max(1.2, 7.0 * 1.7 ** (self._urate_bent + max(0.0, glucose - 6.5)) * 1.25 ** dice.normal()), 1
            ),
        }
        if triglycerides <= FRIEDEWALD_LIMIT:
            values["ldl"] = calculated_ldl(cholesterol, hdl, triglycerides)
        return values

    def _answers(self, takes_medicines: bool) -> dict[str, Answer]:
        dice = self._dice
        answers: dict[str, Answer] = {"smoking": self._smoking}
        if self._smoking in (SOME_DAYS, EVERY_DAY):
            answers["cigarettes"] = dice.whole(1, 4) if self._smoking == SOME_DAYS else dice.whole(5, 25)
        answers["alcohol"] = self._drinking
        if self._drinking != "never":
            answers["drinks"] = decimal(dice.whole(1, 10) / 2, 1)
        answers["activity"] = max(0, dice.whole(0, 30) * 10 - max(0, int(self._bmi - 24) * 10))
        answers["sleep"] = decimal(dice.whole(10, 17) / 2, 1)
        answers["salt"] = dice.pick(("light", "medium", "medium", "salty"))
        answers["vegetables"] = dice.whole(1, 7)
        answers["stress"] = dice.pick(("seldom", "sometimes", "sometimes", "often"))
        answers["medicines"] = takes_medicines or dice.chance(0.1)
        return answers


def _stretched(bent: float) -> float:
    """Lengthens the upper tail: a few people are far out, as in every real population."""
    return bent + 0.3 * bent * bent if bent > 0 else bent


def body_mass_index(weight: Decimal, height: Decimal) -> Decimal:
    """kg/m2 to one decimal place, from kg and cm."""
    return decimal(float(weight) / (float(height) / 100) ** 2, 1)


def calculated_ldl(cholesterol: Decimal, hdl: Decimal, triglycerides: Decimal) -> Decimal:
    """LDL cholesterol after Friedewald, all in mmol/L, to two decimal places."""
    return decimal(float(cholesterol - hdl) - float(triglycerides) / 2.2, 2)


def estimated_filtration(creatinine: Decimal, age: int, male: bool) -> Decimal:
    """eGFR by the CKD-EPI 2021 equation in mL/min/1.73 m2, from serum creatinine in umol/L and age in years."""
    kappa, alpha, factor = (0.9, -0.302, 1.0) if male else (0.7, -0.241, 1.012)
    ratio = float(creatinine) / 88.4 / kappa
    return decimal(142 * min(ratio, 1.0) ** alpha * max(ratio, 1.0) ** -1.2 * 0.9938**age * factor, 0)
