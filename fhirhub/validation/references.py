"""The checks of what a Reference points with: literal references, their target types, fragments.

https://hl7.org/fhir/R4/references.html#literal
"""

import re
from functools import cache
from typing import Any, Final

from fhirhub.definitions import r4
from fhirhub.model.reference import ID_PATTERN, parse_reference
from fhirhub.validation.faults import Check, Faults, Scope, a, either, fault, shown, suggestion
from fhirhub.validation.primitives import primitive_check
from fhirhub.validation.seen import Recognise, Seen

ANY: Final = "Resource"

MOST_SEEN: Final = 256
"""How many references are remembered for each set of target types (there are some three hundred such sets)."""

_CONTENT: Final = frozenset({"reference", "_reference", "identifier", "display", "_display", "extension"})
_BLANK: Final = re.compile(r"\s")
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_UUID: Final = re.compile(r"urn:uuid:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_OID: Final = re.compile(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+")
_CONDITIONAL: Final = re.compile(r"(?P<type>[A-Z][A-Za-z]+)\?[^\s=]+=\S*")


def usual_literal(targets: tuple[str, ...]) -> Recognise:
    """Return what recognises literal references to `targets` that were right wherever they stood."""
    return _seen(targets).recognise


@cache
def _seen(targets: tuple[str, ...]) -> Seen:
    return Seen(MOST_SEEN)


def literal_check(targets: tuple[str, ...]) -> Check:
    """Return the check of `Reference.reference` where references to `targets` are allowed (empty: to anything)."""
    definitions = r4()
    open_ended = not targets or ANY in targets
    allowed = frozenset(definitions.resource_types if open_ended else targets)
    is_id = ID_PATTERN.fullmatch
    text = primitive_check("string")
    remember = _seen(targets).remember

    def check(value: Any, scope: Scope) -> Faults | None:
        if type(value) is str:
            head, _, tail = value.partition("/")
            if (head in allowed and is_id(tail)) or _UUID.fullmatch(value):
                remember(value)
                return None
        return text(value, scope) or _examine(value, scope, allowed)

    return check


def _examine(value: str, scope: Scope, allowed: frozenset[str]) -> Faults | None:
    """Check every literal reference that is not simply `Type/id`."""
    if value.startswith("#"):
        return _examine_fragment(value, scope, allowed)
    conditional = _CONDITIONAL.fullmatch(value)
    if conditional:
        if not scope.conditional_references:
            return _malformed(value, "a search in place of an id is for entries of a transaction only")
        return _examine_type(conditional["type"], value, allowed)
    if _BLANK.search(value):
        return _malformed(value, "it contains blanks")
    restful = parse_reference(value)
    if restful is not None:
        # What stands on another server may be no FHIR at all: its path need not name a resource type.
        if restful.base is not None and not r4().is_resource_type(restful.resource_type):
            return None
        return _examine_type(restful.resource_type, value, allowed)
    if value.startswith(("urn:uuid:", "urn:oid:")):
        kind = value[4 : value.index(":", 4)]
        return None if _OID.fullmatch(value) else _malformed(value, f"what follows urn:{kind}: is not {a(kind)}")
    if _ABSOLUTE.fullmatch(value):
        return primitive_check("uri")(value, scope)
    return _malformed(
        value, "it must be Type/id, an absolute URL, a urn:uuid or urn:oid, or #id of a contained resource"
    )


def _examine_fragment(value: str, scope: Scope, allowed: frozenset[str]) -> Faults | None:
    if value == "#":
        return None
    if value[1:] in scope.contained:
        resource_type = scope.contained[value[1:]]
        return _examine_type(resource_type, value, allowed) if isinstance(resource_type, str) else None
    return fault("ref-1", "invariant", f"No contained resource has the id that {shown(value)} points at.")


def _examine_type(resource_type: str, value: str, allowed: frozenset[str]) -> Faults | None:
    if resource_type in allowed:
        return None
    if not r4().is_resource_type(resource_type):
        near = suggestion(resource_type, r4().resource_types)
        return _malformed(value, f"{shown(resource_type)} is not a resource type of R4.{near}".rstrip("."))
    return fault(
        "reference-target",
        "value",
        f"{shown(value)} points at a resource of type {resource_type}; here only {either(sorted(allowed))} can stand.",
    )


def _malformed(value: str, why: str) -> Faults:
    return fault("reference", "value", f"{shown(value)} is not a reference: {why}.")


def type_faults(value: dict[str, Any], targets: tuple[str, ...], scope: Scope) -> Faults | None:
    """Check `Reference.type`, and that it agrees with the literal reference beside it and with the allowed types."""
    stated = value["type"]
    wrong = primitive_check("uri")(stated, scope)
    if wrong is None and not value.keys() & _CONTENT:
        return fault("reference-content", "required", "A Reference needs a reference, an identifier or a display.")
    if wrong is not None or not r4().is_resource_type(stated):
        return wrong
    if targets and ANY not in targets and stated not in targets:
        text = f"References to {stated} are not allowed here, only to {either(sorted(targets))}."
        return fault("reference-target", "value", text)
    reference = value.get("reference")
    restful = parse_reference(reference) if isinstance(reference, str) else None
    if restful is not None and r4().is_resource_type(restful.resource_type) and restful.resource_type != stated:
        text = f"The type says {stated}, the reference {shown(reference)} points at a {restful.resource_type}."
        return fault("reference-type", "value", text)
    return None
