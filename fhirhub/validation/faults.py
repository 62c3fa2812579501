"""What is wrong and where: faults, and the sentences that tell them. Nothing here runs while a resource is valid.

https://hl7.org/fhir/R4/valueset-issue-type.html
"""

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final

from fhirhub.definitions import TypeDefinition

LIMIT: Final = 200
"""How many faults of one resource are told."""

_LONGEST_SHOWN: Final = 60
_MOST_LISTED: Final = 8


@dataclass(slots=True)
class Scope:
    """The resource a check works inside: what `#id` can point at, and whether search references are allowed."""

    resource: dict[str, Any]
    conditional_references: bool
    _contained: dict[str, object] | None = None

    @property
    def contained(self) -> dict[str, object]:
        """The `resourceType` of each contained resource by its id."""
        if self._contained is None:
            listed = self.resource.get("contained")
            resources = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
            ids = [(each.get("id"), each.get("resourceType")) for each in resources]
            self._contained = {logical_id: kind for logical_id, kind in ids if isinstance(logical_id, str)}
        return self._contained


@dataclass(slots=True)
class Fault:
    """One finding.

    `rule` is its stable key, `code` the issue type, `steps` the JSON names and indexes that lead to it, innermost first
    (each enclosing check appends its own).
    """

    rule: str
    code: str
    text: str
    steps: list[str | int] = field(default_factory=list)


Faults = list[Fault]
Check = Callable[[Any, Scope], Faults | None]
"""Looks at one JSON value; None means that nothing is wrong with it."""


def fault(rule: str, code: str, text: str, *steps: str | int) -> Faults:
    """Return one fault as the list that checks return."""
    return [Fault(rule, code, text, list(steps))]


def below(step: str | int, found: Faults, faults: Faults | None) -> Faults:
    """Return `faults` with those `found` at `step` added."""
    for each in found:
        each.steps.append(step)
    if faults is None:
        return found
    faults += found
    return faults


def shown(value: object) -> str:
    """Return a value for a sentence: shortened, strings in quotes, control characters escaped."""
    match value:
        case dict():
            return "an object"
        case list():
            return "an array"
        case Decimal():
            text = str(value)
        case str():
            text = json.dumps(value[: _LONGEST_SHOWN + 1], ensure_ascii=not value.isprintable())
        case int() if abs(value) > 10**_LONGEST_SHOWN:
            text = f"{'-' if value < 0 else ''}1e{_LONGEST_SHOWN} or more"
        case _:
            text = json.dumps(value, default=repr)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def suggestion(wrong: object, right: Collection[str]) -> str:
    """Return ` Allowed: …` when few are right, ` Did you mean …?` when one is near, else nothing."""
    if 0 < len(right) <= _MOST_LISTED:
        return f" Allowed: {', '.join(sorted(right))}."
    if isinstance(wrong, str):
        known = {name.lower(): name for name in right}
        near = get_close_matches(wrong[:_LONGEST_SHOWN].lower(), known, n=3, cutoff=0.7)
        if near:
            return f" Did you mean {' or '.join(known[name] for name in near)}?"
    return ""


def a(noun: str) -> str:
    """Return the noun with its article."""
    return f"an {noun}" if noun.startswith(("a", "e", "i", "o", "un")) else f"a {noun}"


def either(names: Iterable[str]) -> str:
    """Return `A, B or C`."""
    *head, last = names
    return f"{', '.join(head)} or {last}" if head else last


def json_type(value: object) -> str:
    """Return what JSON calls the type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float() | Decimal():
            return "a number"
        case str():
            return "a string"
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return f"a Python {type(value).__name__}"


def wrong_json_type(value: object, expected: str) -> Faults:
    """A value of another JSON type than its FHIR type is written as."""
    if value is None:
        return fault("null", "structure", f"null is not allowed here; leave the element out, or give {expected}.")
    if isinstance(value, list):
        return fault("array", "structure", f"This element does not repeat: give {expected} itself, not an array.")
    was = "" if isinstance(value, dict | list) else f" {shown(value)}"
    return fault("type", "structure", f"Expected {expected}, found {json_type(value)}{was}.")


def bad_value(value: object, type_name: str, why: str) -> Faults:
    """A primitive value that breaks the rules of its type."""
    return fault("value", "value", f"{shown(value)} is not {a(type_name)}: {why}.")


def not_allowed_code(value: object, value_set: str, codes: Collection[str]) -> Faults:
    """A code outside its required value set."""
    text = f"{shown(value)} is not a code of the value set {value_set}, which is required here."
    return fault("binding", "code-invalid", text + suggestion(value, codes))


def not_an_array(value: object) -> Faults:
    """Anything but an array with items where an element repeats."""
    if value == []:
        return fault("empty", "structure", "An array cannot be empty; leave the element out.")
    if value is None:
        return wrong_json_type(value, "an array")
    return fault("array", "structure", f"This element repeats: give an array, not {json_type(value)}.")


def empty_object() -> Faults:
    """An object without properties."""
    return fault("empty", "structure", "An object cannot be empty; leave the element out.")


def only_an_id() -> Faults:
    """An element with nothing but an id."""
    return fault("ele-1", "invariant", "An element needs a value or children; this one has only an id.")


def unknown_element(definition: TypeDefinition, name: str) -> Faults:
    """A property the type does not define."""
    choice = definition.choices.get(name)
    if choice is not None:
        text = f" {definition.name}.{name}[x] names its type: {either(element.name for element in choice)}."
    else:
        text = suggestion(name, definition.elements.keys())
    return fault("unknown-element", "structure", f"{definition.name} has no element {shown(name)}.{text}")


def missing(definition: TypeDefinition, name: str) -> Faults:
    """A required element that is not there."""
    return fault("required", "required", f"{definition.name}.{name} is required and missing.", name)


def missing_choice(definition: TypeDefinition, choice: str) -> Faults:
    """A required choice of which no member is there."""
    given = either(element.name for element in definition.choices[choice])
    text = f"{definition.name}.{choice}[x] is required and missing: give {given}."
    return fault("required", "required", text, choice)
