"""The text of a search value: alternatives, parts and escapes.

https://hl7.org/fhir/R4/search.html#escaping
"""

from typing import Final

from fhirhub.errors import Failure, FhirError

ESCAPABLE: Final = "\\,|$"
MAX_ALTERNATIVES: Final = 1_000
"""Most alternatives of one value."""


def bad_value(parameter: str, text: str) -> FhirError:
    """Return the error that a value of `parameter` cannot be understood, for the reason `text` gives."""
    return FhirError(Failure.BAD_VALUE, f"Search parameter {parameter}: {text}", expression=[f"http.{parameter}"])


def too_costly(parameter: str, text: str) -> FhirError:
    """Return the error that answering would take more than a client may ask for."""
    return FhirError(Failure.TOO_COSTLY, f"Search parameter {parameter}: {text}", expression=[f"http.{parameter}"])


def alternatives(parameter: str, value: str) -> list[str]:
    """Split a raw value at the commas that mean OR; the parts keep their escapes.

    Raises FhirError: an empty alternative, too many of them, a backslash that escapes nothing, text that is no Unicode.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise bad_value(parameter, "the value contains a surrogate code point, which is no character.") from None
    parts = split(parameter, value, ",")
    if len(parts) > MAX_ALTERNATIVES:
        raise too_costly(parameter, f"{len(parts)} alternatives are too many; at most {MAX_ALTERNATIVES} are allowed.")
    if any(not part or part.isspace() for part in parts):
        raise bad_value(parameter, f"{'an alternative in ' + repr(value) if value else 'the value'} is empty.")
    return parts


def split(parameter: str, value: str, separator: str) -> list[str]:
    """Split at each separator that no backslash escapes; the parts keep their escapes."""
    if "\\" not in value:
        return value.split(separator)
    parts, start, position = [], 0, 0
    while position < len(value):
        if value[position] == "\\":
            _check_escape(parameter, value, position)
            position += 1
        elif value[position] == separator:
            parts.append(value[start:position])
            start = position + 1
        position += 1
    return [*parts, value[start:]]


def unescape(value: str) -> str:
    """Return the text that an escaped part stands for; its escapes were checked when it was split off."""
    if "\\" not in value:
        return value
    plain, escaped = [], False
    for char in value:
        escaped = not escaped and char == "\\"
        if not escaped:
            plain.append(char)
    return "".join(plain)


def escape(value: str) -> str:
    """Return `value` so that it means itself where a search value stands."""
    return "".join(f"\\{char}" if char in ESCAPABLE else char for char in value)


def _check_escape(parameter: str, value: str, position: int) -> None:
    if value[position + 1 : position + 2] not in tuple(ESCAPABLE):
        raise bad_value(parameter, f"in {value!r} a backslash escapes nothing; write \\\\ for a backslash itself.")
