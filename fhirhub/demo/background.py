"""What people tell about themselves: AllergyIntolerance, FamilyMemberHistory, Immunization.

https://hl7.org/fhir/R4/allergyintolerance.html, https://hl7.org/fhir/R4/familymemberhistory.html,
https://hl7.org/fhir/R4/immunization.html
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from fhirhub.demo.codes import ATC, CVX, HL7, ICD10, Json, Text, concept, inside, quantity, resource, stored
from fhirhub.demo.dice import Dice
from fhirhub.demo.facility import CHECKUP_CENTRE, CHECKUP_CENTRE_NAME, NURSES
from fhirhub.demo.people import Person
from fhirhub.demo.problems import PROBLEM_CODES
from fhirhub.demo.trajectories import DIABETES, HYPERTENSION, History


@dataclass(frozen=True, slots=True)
class _Allergy:
    atc: tuple[str, str] | None
    name: Text
    category: str
    criticality: str
    sign: Text


_ALLERGIES: Final = (
    _Allergy(
        ("J01C", "Beta-lactam antibacterials, penicillins"),
        Text("Penicillin", "青霉素"),
        "medication",
        "high",
        Text("Hives", "荨麻疹"),
    ),
    _Allergy(
        ("J01MA", "Fluoroquinolones"), Text("Fluoroquinolones", "氟喹诺酮类"), "medication", "low", Text("Rash", "皮疹")
    ),
    _Allergy(
        ("N02BA01", "acetylsalicylic acid"), Text("Aspirin", "阿司匹林"), "medication", "high", Text("Wheezing", "哮鸣")
    ),
    _Allergy(None, Text("Shrimp", "虾"), "food", "low", Text("Itching", "瘙痒")),
    _Allergy(None, Text("Peanut", "花生"), "food", "high", Text("Swelling of the lips", "口唇肿胀")),
    _Allergy(None, Text("House dust mite", "尘螨"), "environment", "low", Text("Sneezing", "打喷嚏")),
)
_RELATIVES: Final = (
    ("FTH", "father", "male"),
    ("MTH", "mother", "female"),
    ("NBRO", "natural brother", "male"),
    ("NSIS", "natural sister", "female"),
)
_FAMILY_PROBLEMS: Final = (
    (PROBLEM_CODES[HYPERTENSION].code, PROBLEM_CODES[HYPERTENSION].name),
    (PROBLEM_CODES[DIABETES].code, PROBLEM_CODES[DIABETES].name),
    (("I21.9", "Acute myocardial infarction, unspecified"), Text("Heart attack", "心肌梗死")),
    (("I64", "Stroke, not specified as haemorrhage or infarction"), Text("Stroke", "脑卒中")),
)
_INFLUENZA: Final = ("141", "Influenza, seasonal, injectable", Text("Influenza vaccine", "流感疫苗"))
_PNEUMOCOCCAL: Final = (
    "33",
    "pneumococcal polysaccharide vaccine, 23 valent",
    Text("Pneumococcal vaccine", "23价肺炎球菌疫苗"),
)


def background(person: Person, history: History, dice: Dice) -> list[Json]:
    """What is known of this person, dated by the checkup at which it was asked or done."""
    known = []
    if dice.chance(0.16):
        known.append(_allergy(person, history, dice))
    risk = 0.35 + 0.3 * bool(history.diagnoses)
    relatives = [relative for relative in _RELATIVES if dice.chance(risk * 0.4)]
    known += [_family_member(person, history, dice, *relative) for relative in relatives]
    if dice.chance(0.35):
        known += [
            _immunization(person, history, index, _INFLUENZA)
            for index, checkup in enumerate(history.checkups)
            if checkup.day.month >= 9 or dice.chance(0.25)
        ]
    if history.checkups[-1].age >= 65 and dice.chance(0.5):
        known.append(_immunization(person, history, len(history.checkups) - 1, _PNEUMOCOCCAL))
    return known


def _allergy(person: Person, history: History, dice: Dice) -> Json:
    allergy = dice.pick(_ALLERGIES)
    name = allergy.name.pick(person.chinese)
    return resource(
        "AllergyIntolerance",
        f"{person.id}-allergy",
        clinicalStatus=concept(f"{HL7}allergyintolerance-clinical", "active", "Active"),
        verificationStatus=concept(f"{HL7}allergyintolerance-verification", "confirmed", "Confirmed"),
        type="allergy",
        category=[allergy.category],
        criticality=allergy.criticality,
        code=concept(ATC, *allergy.atc, name) if allergy.atc else {"text": name},
        patient=inside("Patient", person.id),
        encounter=inside("Encounter", f"{person.id}-{history.checkups[0].day.year}"),
        recordedDate=history.checkups[0].day.isoformat(),
        asserter=inside("Patient", person.id),
        reaction=[{"manifestation": [{"text": allergy.sign.pick(person.chinese)}], "severity": "moderate"}],
    )


def _family_member(person: Person, history: History, dice: Dice, code: str, display: str, sex: str) -> Json:
    first = dice.whole(0, len(_FAMILY_PROBLEMS) - 1)
    second = dice.whole(0, len(_FAMILY_PROBLEMS) - 1)
    problems = [_FAMILY_PROBLEMS[index] for index in sorted({first, second})]
    return resource(
        "FamilyMemberHistory",
        f"{person.id}-family-{code.lower()}",
        status="completed",
        patient=inside("Patient", person.id),
        date=history.checkups[0].day.isoformat(),
        relationship=concept(f"{HL7}v3-RoleCode", code, display),
        sex={
            "coding": [
                {"system": "http://hl7.org/fhir/administrative-gender", "code": sex, "display": sex.capitalize()}
            ]
        },
        condition=[
            {
                "code": concept(ICD10, *icd, name.pick(person.chinese)),
                "onsetAge": quantity(Decimal(dice.whole(42, 74)), "years", "a"),
            }
            for icd, name in problems
        ],
    )


def _immunization(person: Person, history: History, index: int, vaccine: tuple[str, str, Text]) -> Json:
    code, display, name = vaccine
    day = history.checkups[index].day
    nurse = NURSES[person.number % len(NURSES)]
    return resource(
        "Immunization",
        f"{person.id}-{day.year}-vaccine-{code}",
        status="completed",
        vaccineCode=concept(CVX, code, display, name.pick(person.chinese)),
        patient=inside("Patient", person.id),
        encounter=inside("Encounter", f"{person.id}-{day.year}"),
        occurrenceDateTime=day.isoformat(),
        primarySource=True,
        lotNumber=f"DEMO{day.year}{code}",
        expirationDate=(day + timedelta(days=300)).isoformat(),
        site=concept(f"{HL7}v3-ActSite", "LA", "left arm"),
        route=concept(f"{HL7}v3-RouteOfAdministration", "IM", "Injection, intramuscular"),
        doseQuantity=quantity(Decimal("0.5"), "mL", "mL"),
        performer=[
            {
                "function": concept(f"{HL7}v2-0443", "AP", "Administering Provider"),
                "actor": stored("Practitioner", nurse.id, nurse.name),
            },
            {"actor": stored("Organization", CHECKUP_CENTRE, CHECKUP_CENTRE_NAME.pick(person.chinese))},
        ],
    )
