"""What identifies a person, taken from a Patient in a form that can be compared.

https://hl7.org/fhir/R4/patient-definitions.html
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from fhirhub.builtin.match_identity import birth_date, gender, resident_number
from fhirhub.builtin.match_likeness import folded
from fhirhub.plugin import Json

MAX_VALUES: Final = 20
"""Names, identifiers, phones, ... of a Patient that count; of more, the first ones."""

MAX_READINGS: Final = 12
"""Readings of all names together that are compared."""

_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]+")
_COMPOUND: Final = re.compile(
    "欧阳|歐陽|司马|司馬|上官|诸葛|諸葛|皇甫|尉迟|尉遲|公孙|公孫|慕容|令狐|宇文|长孙|長孫|司徒|夏侯|东方|東方|独孤|獨孤|南宫|南宮"
)
"""Chinese family names of two characters."""
_SEXES: Final = frozenset({"male", "female", "other"})
_TOLL: Final = re.compile(r"^(?:00|\+)?86(?=1\d{10}$|0?[1-9]\d{8,10}$)")


@dataclass(frozen=True, slots=True)
class Name:
    """One way to read a name: folded, a Chinese given name as one word."""

    family: str = ""
    given: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """What can be compared; empty where it is not told.

    Arguments:
        residents: valid resident numbers.
        identifiers: pairs of system and value; those without a system identify nobody.
        names: all readings of all names.
        birth_date: as FHIR writes it, perhaps without day or month.
        implied: whether birth date or sex come from the resident number alone, by element.
        phones: digits alone, without the prefix of China.
        addresses: pairs of the whole text, and of postal code and city.
    """

    residents: frozenset[str] = frozenset()
    identifiers: frozenset[tuple[str, str]] = frozenset()
    names: tuple[Name, ...] = ()
    birth_date: str = ""
    gender: str = ""
    implied: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    addresses: frozenset[tuple[str, str, str]] = frozenset()
    multiple_birth: int | None = None


def person(patient: Json) -> Person:
    """Return what identifies the person of a valid Patient."""
    identifiers = [each for each in _rows(patient, "identifier") if each.get("value")]
    residents = sorted({found for each in identifiers if (found := resident_number(each["value"]))})
    birth, sex = patient.get("birthDate", ""), patient.get("gender", "")
    implied = set()
    if residents and not birth:
        birth = birth_date(residents[0])
        implied.add("birthDate")
    if residents and sex not in _SEXES:
        sex = gender(residents[0])
        implied.add("gender")
    telecom = [each for each in _rows(patient, "telecom") if each.get("value")]
    order = patient.get("multipleBirthInteger")
    return Person(
        residents=frozenset(residents),
        identifiers=frozenset(
            (each["system"], identifier_value(each["value"]))
            for each in identifiers
            if each.get("system") and not resident_number(each["value"])
        ),
        names=tuple(dict.fromkeys(name for each in _rows(patient, "name") for name in readings(each)))[:MAX_READINGS],
        birth_date=birth,
        gender=sex if sex in _SEXES else "",
        implied=frozenset(implied),
        phones=frozenset(filter(None, (phone(each["value"]) for each in telecom if _is_phone(each)))),
        emails=frozenset(each["value"].strip().casefold() for each in telecom if each.get("system") == "email"),
        addresses=frozenset(filter(any, map(_address, _rows(patient, "address")))),
        multiple_birth=order if isinstance(order, int) else None,
    )


def readings(name: Json) -> Iterator[Name]:
    """Yield the ways to read a HumanName; what was entered into the wrong field is among them."""
    family = folded(name.get("family") or "")
    given = tuple(filter(None, (folded(each) for each in name.get("given", ()) if each)))
    if family or given:
        yield from _structured(family, given)
    yield from _of_text(name.get("text") or "")


def phone(text: str) -> str:
    """Return the digits of a phone number, without the prefix of China; nothing where they are too few to tell."""
    digits = re.sub(r"[^\d+]", "", text.partition(";")[0].partition("x")[0], flags=re.ASCII)
    plain = _TOLL.sub("", digits).lstrip("+")
    return plain if len(plain) >= 7 else ""


def identifier_value(text: str) -> str:
    """Return a value of an identifier without what people write differently: case and white space."""
    return "".join(text.split()).casefold()


def is_han(text: str) -> bool:
    """Whether a text is Chinese characters alone."""
    return _HAN.fullmatch(text.replace(" ", "")) is not None


def _rows(patient: Json, name: str) -> list[Any]:
    return [each for each in patient.get(name, ())[:MAX_VALUES] if isinstance(each, dict)]


def _is_phone(contact: Json) -> bool:
    return contact.get("system", "phone") in ("phone", "sms")


def _structured(family: str, given: tuple[str, ...]) -> Iterator[Name]:
    if not all(map(is_han, filter(None, (family, *given)))):
        yield Name(family, given)
        return
    joined = "".join(given).replace(" ", "")
    plain = family.replace(" ", "")
    yield Name(plain, (joined,) if joined else ())
    if not plain and len(joined) > 1:
        yield from _divided(joined)
    elif not joined and len(plain) > 1:
        yield from _divided(plain)
    elif joined and plain in joined[: len(plain)] and len(joined) > len(plain):
        # The whole name was entered as the given name.
        yield Name(plain, (joined[len(plain) :],))


def _of_text(text: str) -> Iterator[Name]:
    first, comma, rest = text.partition(",")
    if comma and folded(first) and folded(rest):
        yield Name(folded(first), tuple(folded(rest).split()))
        return
    whole = folded(text)
    if is_han(whole):
        yield from _divided(whole.replace(" ", ""))
    elif " " in whole:
        words = whole.split()
        yield Name(words[-1], tuple(words[:-1]))
        yield Name(words[0], tuple(words[1:]))


def _divided(whole: str) -> Iterator[Name]:
    """Yield the readings of a Chinese name in one word: the family name is its first character, or its first two."""
    if len(whole) > 2 and _COMPOUND.match(whole):
        yield Name(whole[:2], (whole[2:],))
    if len(whole) > 1:
        yield Name(whole[:1], (whole[1:],))


def _address(address: Json) -> tuple[str, str, str]:
    parts: Iterable[str] = [
        *(address.get(name) or "" for name in ("state", "city", "district")),
        *(each for each in address.get("line", ()) if each),
    ]
    whole = "".join(map(folded, parts)).replace(" ", "") or folded(address.get("text") or "").replace(" ", "")
    return whole, folded(address.get("postalCode") or "").replace(" ", ""), folded(address.get("city") or "")
