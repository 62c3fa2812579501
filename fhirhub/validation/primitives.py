"""The checks of primitive values.

https://hl7.org/fhir/R4/datatypes.html#primitive, https://hl7.org/fhir/R4/json.html#primitive
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Final

from fhirhub.definitions import r4
from fhirhub.model.reference import ID_PATTERN
from fhirhub.validation.faults import Check, Faults, Scope, bad_value, shown, wrong_json_type
from fhirhub.validation.seen import Recognise, Seen, never

MAX_TEXT: Final = 1024 * 1024
"""Most characters of a string (https://hl7.org/fhir/R4/datatypes.html#string)."""

MAX_DIGITS: Final = 34
"""Most significant digits of a decimal: what the 128-bit decimals of indexes hold exactly."""

MAX_EXPONENT: Final = 307
"""Greatest power of ten of a decimal, either way: what a double can hold; the official examples use 245."""

MOST_SEEN: Final = 4096
"""How many strings of one type are remembered."""

_FEW_DIGITS: Final = 18
_BLANKS_BUT_SPACE: Final = re.compile(r"[\t\r\n]")

# The pattern of the definitions backtracks without end on long runs of blanks; this and the length say the same.
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*+={0,2}")
_BLANKS: Final = dict.fromkeys(map(ord, " \t\r\n"))

_INTEGERS: Final = {"integer": (-(2**31), 2**31 - 1), "unsignedInt": (0, 2**31 - 1), "positiveInt": (1, 2**31 - 1)}

# What XML 1.0 cannot carry, and so no exchange format of FHIR can: controls, halves of surrogate pairs, noncharacters.
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# What RFC 3986 leaves no place for and no writer means: blanks, and the signs that enclose a URI in text.
_NO_URI: Final = re.compile(r"[\s<>\"]")

_YEAR: Final = "([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"

# What nearly all strings of these types look like, quickly recognised; the others meet the definitions' own patterns.
_DAY: Final = "(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
_USUAL_DATE: Final = re.compile(_DAY)
_USUAL_TIME: Final = re.compile(
    _DAY + r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9])"
)

_EXPECTED: Final = {
    "date": "a date is YYYY, YYYY-MM or YYYY-MM-DD",
    "dateTime": "a dateTime is YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with a time zone (Z or +hh:mm)",
    "instant": "an instant is YYYY-MM-DDThh:mm:ss with a time zone (Z or +hh:mm)",
    "time": "a time is hh:mm:ss from 00:00:00 to 23:59:59, without a time zone",
    "code": "a code has no blanks at its ends and only single ones inside",
    "id": "an id has 1 to 64 letters (A-Z, a-z), digits, hyphens and dots",
    "oid": "an oid is urn:oid: and numbers with dots between them",
    "uuid": "a uuid is urn:uuid: and 36 lower-case hexadecimal digits and hyphens",
}


@cache
def primitive_check(name: str) -> Check:
    """Return the check of a primitive type (any but `xhtml`) as its definition says."""
    definition = r4().type(name)
    if name == "boolean":
        return _boolean
    if name == "decimal":
        return _decimal
    if name in _INTEGERS:
        return _integer(name, *_INTEGERS[name])
    if name == "base64Binary":
        return _base64
    if name in {"string", "markdown"}:
        return _text(name)
    if name in {"uri", "url", "canonical"}:
        return _uri(name)
    if name == "code":
        return _code(re.compile(definition.regex or "", re.ASCII))
    pattern = re.compile(_quicker(definition.regex or ""), re.ASCII)
    if name in {"date", "dateTime", "instant"}:
        return _calendar(name, pattern)
    return _pattern(name, pattern)


@cache
def _seen(name: str) -> Seen:
    return Seen(MOST_SEEN)


@cache
def usual_string(name: str) -> Recognise:
    """Return what recognises usual strings of a primitive type at once; none is recognised that its check refuses."""
    match name:
        case "string" | "uri" | "code":
            return _seen(name).recognise
        case "date":
            return _USUAL_DATE.fullmatch
        case "dateTime" | "instant":
            return _USUAL_TIME.fullmatch
        case "id":
            return ID_PATTERN.fullmatch
    return never


def _quicker(regex: str) -> str:
    """Return a regex for the same strings that takes half the time on dates: no captures, a simpler year."""
    return regex.replace(_YEAR, "(?!0000)[0-9]{4}").replace("(", "(?:").replace("(?:?", "(?")


def unwritable(value: str) -> str | None:
    """Say which character of a text no exchange format can carry; None when all can."""
    found = _UNWRITABLE.search(value)
    return f"it contains the character U+{ord(found[0]):04X} at position {found.start() + 1}" if found else None


def _boolean(value: Any, scope: Scope) -> Faults | None:
    if value is True or value is False:
        return None
    return wrong_json_type(value, "true or false")


def _integer(name: str, low: int, high: int) -> Check:
    def check(value: Any, scope: Scope) -> Faults | None:
        if type(value) is not int:
            return wrong_json_type(value, "a whole number without decimal point or exponent")
        if low <= value <= high:
            return None
        return bad_value(value, name, f"it must be between {low} and {high}")

    return check


def _decimal(value: Any, scope: Scope) -> Faults | None:
    if type(value) is Decimal:
        text = str(value)
        if len(text) <= _FEW_DIGITS and "E" not in text and value.is_finite():
            return None
        return _unusual_decimal(value)
    if type(value) is int:
        if -(10**MAX_DIGITS) < value < 10**MAX_DIGITS:
            return None
        return bad_value(value, "decimal", f"it has more than {MAX_DIGITS} significant digits")
    if type(value) is float:
        return bad_value(value, "decimal", "a binary float does not keep its digits; use decimal.Decimal")
    return wrong_json_type(value, "a number")


def _unusual_decimal(value: Decimal) -> Faults | None:
    if not value.is_finite():
        return bad_value(value, "decimal", "it must be a number")
    digits = value.as_tuple().digits
    if len(digits) > MAX_DIGITS:
        return bad_value(value, "decimal", f"it has {len(digits)} significant digits, at most {MAX_DIGITS} are kept")
    if abs(value.adjusted()) > MAX_EXPONENT:
        return bad_value(value, "decimal", f"its exponent is beyond {MAX_EXPONENT}")
    return None


def _text(name: str) -> Check:
    remember = _seen(name).remember

    def check(value: Any, scope: Scope) -> Faults | None:
        if type(value) is str and value and value.isprintable() and len(value) <= MAX_TEXT:
            remember(value)
            return None
        return _refuse_text(name, value)

    return check


def _refuse_text(name: str, value: Any) -> Faults | None:
    if type(value) is not str:
        return wrong_json_type(value, "a string")
    if not value:
        return bad_value(value, name, "a text cannot be empty; leave the element out")
    if len(value) > MAX_TEXT:
        return bad_value(value, name, f"it has {len(value)} characters, at most {MAX_TEXT} are allowed")
    character = unwritable(value)
    return bad_value(value, name, character) if character else None


def _uri(name: str) -> Check:
    is_wrong = _NO_URI.search
    remember = _seen(name).remember

    def check(value: Any, scope: Scope) -> Faults | None:
        if type(value) is str and value and value.isprintable() and not is_wrong(value):
            remember(value)
            return None
        return _refuse_uri(name, value)

    return check


def _refuse_uri(name: str, value: Any) -> Faults | None:
    found = _refuse_text(name, value)
    wrong = _NO_URI.search(value) if found is None else None
    if wrong is None:
        return found
    what = "a blank" if wrong[0].isspace() else shown(wrong[0])
    return bad_value(value, name, f"it contains {what} at position {wrong.start() + 1}, which must be percent-encoded")


def _code(pattern: re.Pattern[str]) -> Check:
    fullmatch = pattern.fullmatch
    remember = _seen("code").remember

    def check(value: Any, scope: Scope) -> Faults | None:
        if type(value) is str and value and value.isprintable() and " " not in value:
            remember(value)
            return None
        return _refuse_pattern("code", value, fullmatch)

    return check


def _pattern(name: str, pattern: re.Pattern[str]) -> Check:
    fullmatch = pattern.fullmatch

    def check(value: Any, scope: Scope) -> Faults | None:
        if type(value) is str and fullmatch(value) and value.isprintable():
            return None
        return _refuse_pattern(name, value, fullmatch)

    return check


def _refuse_pattern(name: str, value: Any, matches: Callable[[str], object]) -> Faults | None:
    faults = _refuse_text(name, value)
    if faults is None and (not matches(value) or _BLANKS_BUT_SPACE.search(value)):
        faults = bad_value(value, name, _EXPECTED.get(name, f"it does not have the form of {name}"))
    return faults


def _calendar(name: str, pattern: re.Pattern[str]) -> Check:
    fullmatch = pattern.fullmatch

    def check(value: Any, scope: Scope) -> Faults | None:
        if type(value) is not str or not fullmatch(value):
            return _refuse_pattern(name, value, fullmatch)
        # Every month has 28 days.
        if value[8:10] > "28" and not _is_day(value[:10]):
            return bad_value(value, name, f"the calendar has no {shown(value[:10])}")
        return None

    return check


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _base64(value: Any, scope: Scope) -> Faults | None:
    if type(value) is not str or not value:
        return _refuse_text("base64Binary", value)
    packed = value if _BASE64.fullmatch(value) else value.translate(_BLANKS)
    if packed and len(packed) % 4 == 0 and _BASE64.fullmatch(packed):
        return None
    return bad_value(
        value, "base64Binary", "it takes letters, digits, + and / in groups of four, the last filled with ="
    )
