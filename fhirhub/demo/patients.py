"""Patient, RelatedPerson and Coverage (the checkup card) of one person.

https://hl7.org/fhir/R4/patient.html, https://hl7.org/fhir/R4/relatedperson.html, https://hl7.org/fhir/R4/coverage.html
"""

from datetime import date, timedelta
from html import escape
from typing import Final

from fhirhub.demo.codes import CHINESE_IDENTITY_CARD, HL7, Json, Text, concept, identifier, inside, resource, stored
from fhirhub.demo.dice import Dice
from fhirhub.demo.facility import CHECKUP_CENTRE, CHECKUP_CENTRE_NAME, DOCTORS, HOSPITAL, HOSPITAL_NAME, Employee
from fhirhub.demo.people import Person, PersonName, draw_name, phone_number
from fhirhub.demo.scripts import pinyin_name, spoken_language, written_name

_TIERS: Final = (
    ("basic", Text("Basic card", "基础卡")),
    ("plus", Text("Plus card", "优享卡")),
    ("gold", Text("Gold card", "金卡")),
)


def family_doctor(person: Person) -> Employee:
    """The doctor responsible for this person."""
    return DOCTORS[person.number % len(DOCTORS)]


def patient(person: Person) -> Json:
    """The Patient, with a generated narrative."""
    doctor = family_doctor(person)
    return resource(
        "Patient",
        person.id,
        text=_narrative(person),
        identifier=_identifiers(person),
        active=True,
        name=human_names(person.name),
        telecom=[
            {"system": "phone", "value": person.phone, "use": "mobile", "rank": 1},
            {"system": "email", "value": person.email, "use": "home"},
        ],
        gender=person.sex,
        birthDate=person.born.isoformat(),
        address=[_address(person)],
        maritalStatus=concept(f"{HL7}v3-MaritalStatus", "M", "Married") if person.married else None,
        communication=[{"language": spoken_language(person.chinese), "preferred": True}],
        generalPractitioner=[stored("Practitioner", doctor.id, doctor.name)],
        managingOrganization=stored("Organization", HOSPITAL, HOSPITAL_NAME.pick(person.chinese)),
    )


def human_names(name: PersonName) -> list[Json]:
    """The HumanNames: as written and, for a Chinese name, in pinyin."""
    chinese = bool(name.pinyin_family)
    names = [written_name(name.written, name.family, name.given, chinese)]
    if chinese:
        names.append(pinyin_name(name.pinyin_family, name.pinyin_given))
    return names


def record_number(person: Person) -> str:
    """The hospital's record number of this person."""
    return f"MR{person.number:07d}"


def _identifiers(person: Person) -> list[Json]:
    record = identifier("record-numbers", record_number(person), "usual")
    kind, name, system = (
        ("NI", "National unique individual identifier", CHINESE_IDENTITY_CARD)
        if person.chinese
        else ("PPN", "Passport number", f"{identifier('passports', '')['system']}")
    )
    return [
        {"use": "usual", "type": concept(f"{HL7}v2-0203", "MR", "Medical record number"), **record},
        {
            "use": "official",
            "type": concept(f"{HL7}v2-0203", kind, name),
            "system": system,
            "value": person.national_id,
        },
    ]


def _address(person: Person) -> Json:
    if person.chinese:
        line = f"{person.road}{person.house}号"
        place = {"line": [line], "city": "示例市", "district": person.district, "state": "示例省", "country": "CN"}
        return {"use": "home", "text": f"示例省示例市{person.district}{line}", **place}
    line = f"{person.house} {person.road}"
    return {"use": "home", "text": f"{line}, Exampleton", "line": [line], "city": "Exampleton", "country": "GB"}


def _narrative(person: Person) -> Json:
    """https://hl7.org/fhir/R4/narrative.html"""
    sex = Text("female", "女") if person.sex == "female" else Text("male", "男")
    born = Text(f"born {person.born}", f"{person.born}出生")
    words = (person.name.written, sex.pick(person.chinese), born.pick(person.chinese), record_number(person))
    line = escape(", ".join(words))
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{line}</p></div>'}


def related_person(person: Person, dice: Dice) -> Json | None:
    """For about a third of the population: a spouse, sister or brother to call in an emergency."""
    if not dice.chance(0.33):
        return None
    if person.married and dice.chance(0.8):
        relation = concept(f"{HL7}v3-RoleCode", "SPS", "spouse")
        sex = "male" if person.sex == "female" else "female"
        name = draw_name(dice, sex, person.chinese)
    else:
        sex = dice.pick(("male", "female"))
        code, display = ("NSIS", "natural sister") if sex == "female" else ("NBRO", "natural brother")
        relation = concept(f"{HL7}v3-RoleCode", code, display)
        drawn = draw_name(dice, sex, person.chinese)
        name = PersonName(person.name.family, drawn.given, person.name.pinyin_family, drawn.pinyin_given)
    return resource(
        "RelatedPerson",
        f"{person.id}-contact",
        active=True,
        patient=inside("Patient", person.id),
        relationship=[relation, concept(f"{HL7}v2-0131", "C", "Emergency Contact")],
        name=human_names(name),
        telecom=[{"system": "phone", "value": phone_number(dice, person.chinese), "use": "mobile"}],
        gender=sex,
    )


def coverage(person: Person, dice: Dice, first: date, last: date, until: date) -> Json:
    """The checkup card, bought at the first checkup; cancelled when its holder stayed away for two years."""
    code, tier = dice.pick(_TIERS)
    number = f"CARD-{person.number:06d}"
    lapsed = (until - last).days > 730
    period = {"start": first.isoformat()}
    if lapsed:
        period["end"] = (last + timedelta(days=365)).isoformat()
    card = resource(
        "Coverage",
        f"{person.id}-card",
        identifier=[identifier("cards", number)],
        status="cancelled" if lapsed else "active",
        type=concept(f"{HL7}coverage-selfpay", "pay", "Pay", Text("Checkup card", "体检卡").pick(person.chinese)),
        subscriber=inside("Patient", person.id),
        subscriberId=number,
        beneficiary=inside("Patient", person.id, person.name.written),
        relationship=concept(f"{HL7}subscriber-relationship", "self", "Self"),
        period=period,
        payor=[stored("Organization", CHECKUP_CENTRE, CHECKUP_CENTRE_NAME.pick(person.chinese))],
    )
    card["class"] = [
        {"type": concept(f"{HL7}coverage-class", "plan", "Plan"), "value": code, "name": tier.pick(person.chinese)}
    ]
    return card
