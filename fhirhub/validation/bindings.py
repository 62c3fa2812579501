"""The checks of required bindings.

https://hl7.org/fhir/R4/terminologies.html#required
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from fhirhub.definitions import r4
from fhirhub.validation.faults import Check, Faults, Scope, fault, not_allowed_code, shown, suggestion

CURRENCIES: Final = "http://hl7.org/fhir/ValueSet/currencies"
MEDIA_TYPES: Final = "http://hl7.org/fhir/ValueSet/mimetypes"

# https://www.rfc-editor.org/rfc/rfc6838#section-4.2, with parameters; the words are R4's names of its own formats.
_MEDIA_TYPE: Final = re.compile(
    r"xml|json|ttl|[A-Za-z0-9][\w!#$&^.+\-]{0,126}/[A-Za-z0-9*][\w!#$&^.+\-]{0,126}(\s*;.*)?", re.ASCII
)
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_SYNTAX: Final = {
    CURRENCIES: (_CURRENCY, "three capital letters (ISO 4217)"),
    MEDIA_TYPES: (_MEDIA_TYPE, "type/subtype"),
}


def bound_code(value_set: str, code: Check) -> Check:
    """Return the check of a `code` that must come from `value_set`; `code` is the check of its type."""
    codes = r4().value_sets[value_set]
    if codes is None:
        return _bound_by_syntax(*_SYNTAX[value_set], code) if value_set in _SYNTAX else code

    def check(value: Any, scope: Scope) -> Faults | None:
        if type(value) is str and value in codes:
            return None
        return code(value, scope) or not_allowed_code(value, value_set, codes)

    return check


def _bound_by_syntax(pattern: re.Pattern[str], form: str, code: Check) -> Check:
    def check(value: Any, scope: Scope) -> Faults | None:
        faults = code(value, scope)
        if faults is None and not pattern.fullmatch(value):
            return fault("binding", "code-invalid", f"{shown(value)} is not of the form this code has: {form}.")
        return faults

    return check


def bound_concept(value_set: str, concept: Check) -> Check:
    """Return the check of a CodeableConcept one of whose codings must come from `value_set`."""
    systems = r4().codings[value_set]

    def check(value: Any, scope: Scope) -> Faults | None:
        faults = concept(value, scope)
        # With neither codings nor text there are only extensions, which say why there is no concept.
        if faults is not None or not systems or not value.keys() & {"coding", "text"}:
            return faults
        codings = value.get("coding", ())
        for coding in codings:
            system = coding.get("system")
            if system in systems and "code" in coding:
                codes = systems[system]
                if codes is None or coding["code"] in codes:
                    return None
        allowed = [code for codes in systems.values() for code in codes or ()]
        first = codings[0].get("code") if codings else None
        lead = f"No coding of this concept is from the value set {value_set}, which is required here"
        text = f"{lead}: a code of {' or '.join(systems)} is needed.{suggestion(first, allowed)}"
        return fault("binding", "code-invalid", text)

    return check


BOUND: Final[Mapping[str, Callable[[str, Check], Check]]] = {"code": bound_code, "CodeableConcept": bound_concept}
"""How the types that R4 binds are bound: from value set and check of the type to the check with the binding."""
