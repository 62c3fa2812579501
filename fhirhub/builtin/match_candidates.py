"""Who could be meant: searches that an index answers, each for records that share something with the one asked for.

https://hl7.org/fhir/R4/patient.html#search
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from fhirhub.builtin.match_identity import birth_date, resident_number
from fhirhub.builtin.match_person import MAX_VALUES, Name, Person, is_han, phone
from fhirhub.plugin import Hub, Json

MAX_SHARING: Final = 100
"""Most records that one search may find: what more than these share tells too little about anybody."""
MAX_TEXT: Final = 60
"""Characters of a value that is searched for."""

_NAMES: Final = 4
"""Readings of the names that are searched for."""
_SPECIAL: Final = re.compile(r"[\\,|$]")
_DAY: Final = len("2000-01-01")

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Block:
    """What records share.

    Arguments:
        name: for a person.
        query: finds them.
        narrower: find some of them, where there are too many.
    """

    name: str
    query: Query
    narrower: tuple[Query, ...] = ()


@dataclass(slots=True)
class Candidates:
    """Patients by their id, and what so many share that it was not followed."""

    found: dict[str, Json] = field(default_factory=dict)
    too_common: list[str] = field(default_factory=list)


def candidates(patient: Json, asked: Person, hub: Hub) -> Candidates:
    """Return who shares something with a Patient. Raises FhirError: what a search would be refused with."""
    made = Candidates()
    for block in blocks(patient, asked):
        found = _sharing(block.query, hub)
        if found is None:
            several = [_sharing(query, hub) for query in block.narrower]
            if not several or None in several:
                made.too_common.append(block.name)
            found = [each for rows in several for each in rows or ()]
        made.found |= {each["id"]: each for each in found}
    return made


def blocks(patient: Json, asked: Person) -> Iterator[Block]:
    """Yield what is searched for; nothing: too little is told."""
    if tokens := list(dict.fromkeys(_identifiers(patient, asked))):
        yield Block("identifier", (("identifier", ",".join(tokens)),))
    if contacts := list(dict.fromkeys(_contacts(patient))):
        yield Block("telecom", (("telecom", ",".join(contacts)),))
    birth = (("birthdate", ",".join(_birth_dates(asked.birth_date))),) if asked.birth_date else ()
    sex = (("gender", asked.gender),) if asked.gender else ()
    narrowing = tuple(filter(None, (birth, sex)))
    for name in asked.names[:_NAMES]:
        if birth:
            yield from (Block(f"{what} and birth date", ((*part, *birth))) for what, part in _parts(name))
        if name.family and name.given and (narrowing or asked.addresses):
            parts = tuple(query for _, part in _parts(name) for query in part)
            for query in (parts, (("name", ",".join(_whole(name))),)):
                yield Block("family and given name", query, tuple((*query, *more) for more in narrowing[:1]))


def _parts(name: Name) -> Iterator[tuple[str, Query]]:
    if name.family:
        yield "family name", (("name", _text(name.family)),)
    if name.given:
        yield "given name", (("name", _text(name.given[0])),)


def _whole(name: Name) -> Iterator[str]:
    """Yield how a name can be written in one text."""
    given = " ".join(name.given)
    if is_han(name.family) and is_han(given):
        yield _text(f"{name.family}{given}")
    for text in (f"{name.family} {given}", f"{given} {name.family}", f"{name.family}, {given}"):
        yield _text(text)


def _identifiers(patient: Json, asked: Person) -> Iterator[str]:
    for each in patient.get("identifier", ())[:MAX_VALUES]:
        value = (each.get("value") or "").strip()
        if value and len(value) <= MAX_TEXT and each.get("system") and not resident_number(value):
            yield f"{_escaped(each['system'])}|{_escaped(value)}"
    for number in sorted(asked.residents):
        yield number
        yield number.lower()
        if birth_date(number) < "2000" and number[6:8] == "19":
            yield f"{number[:6]}{number[8:17]}"


def _contacts(patient: Json) -> Iterator[str]:
    for each in patient.get("telecom", ())[:MAX_VALUES]:
        value = (each.get("value") or "").strip()
        if not value or len(value) > MAX_TEXT:
            continue
        if each.get("system") == "email":
            yield _escaped(value)
            yield _escaped(value.lower())
        elif each.get("system", "phone") in ("phone", "sms") and (digits := phone(value)):
            yield _escaped(value)
            yield from map(_escaped, _phones(digits))


def _phones(digits: str) -> Iterator[str]:
    """Yield how a number is often written."""
    written = [digits]
    if len(digits) == 11 and digits[0] == "1":
        written += [f"{digits[:3]}{mark}{digits[3:7]}{mark}{digits[7:]}" for mark in " -"]
    elif digits[0] == "0":
        written += [f"{digits[:area]}-{digits[area:]}" for area in (3, 4)]
    yield from written
    for text in written:
        yield from (f"{prefix}{text}" for prefix in ("+86", "+86 ", "+86-", "86"))


def _birth_dates(text: str) -> Sequence[str]:
    """The date, and the one with day and month exchanged if that is one."""
    if len(text) == _DAY and text[8:] <= "12" and text[5:7] != text[8:]:
        return (text, f"{text[:4]}-{text[8:]}-{text[5:7]}")
    return (text,)


def _text(value: str) -> str:
    return _escaped(value[:MAX_TEXT].strip())


def _escaped(value: str) -> str:
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", value)


def _sharing(query: Query, hub: Hub) -> list[Json] | None:
    """Return those who match; None: too many."""
    page = hub.page("Patient", (*query, ("_count", str(MAX_SHARING + 1))))
    found = [row["resource"] for row in page.get("entry", ()) if row["search"]["mode"] == "match"]
    return None if len(found) > MAX_SHARING else found
