"""Chinese resident identity numbers: 17 digits and a check character, with the birth date and sex of the person.

GB 11643-1999. The older numbers of 15 digits have no check character and two digits of the year; they were given to
people born before 2000 and each has one successor of 18.
"""

import re
from datetime import date
from typing import Final, Literal

SYSTEM: Final = "urn:oid:2.16.156.10011.1.3"
"""The identifier system that Chinese health records use for it."""

_NUMBER: Final = re.compile(r"[1-9]\d{16}[\dX]", re.ASCII)
_OLD: Final = re.compile(r"[1-9]\d{14}", re.ASCII)
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"


def resident_number(text: str) -> str | None:
    """Return a number as its 18 characters, None where it is none: by form, birth date or check character."""
    plain = "".join(text.split()).replace("-", "").upper()
    if _OLD.fullmatch(plain):
        longer = f"{plain[:6]}19{plain[6:]}"
        plain = longer + _check(longer)
    elif not _NUMBER.fullmatch(plain) or _check(plain) != plain[17]:
        return None
    return None if _day(plain) is None else plain


def birth_date(number: str) -> str:
    """Return the birth date of a valid number, as FHIR writes it."""
    return f"{number[6:10]}-{number[10:12]}-{number[12:14]}"


def gender(number: str) -> Literal["male", "female"]:
    """Return the sex that a valid number tells."""
    return "male" if int(number[16]) % 2 else "female"


def _check(number: str) -> str:
    return _CHECKS[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number[:17], strict=True)) % 11]


def _day(number: str) -> date | None:
    try:
        found = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None
    return found if found.year >= 1800 else None
