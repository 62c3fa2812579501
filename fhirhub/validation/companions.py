"""The companions `_x` of primitives, and the nulls they pair with.

https://hl7.org/fhir/R4/json.html#primitive
"""

from typing import Any

from fhirhub.definitions import Element, r4
from fhirhub.validation.faults import (
    LIMIT,
    Check,
    Faults,
    Scope,
    bad_value,
    below,
    fault,
    json_type,
    not_an_array,
    wrong_json_type,
)
from fhirhub.validation.primitives import primitive_check


def id_faults(value: Any, scope: Scope) -> Faults | None:
    """Check the id of an element: any text without blanks (https://hl7.org/fhir/R4/element.html)."""
    found = primitive_check("string")(value, scope)
    return bad_value(value, "string for an id", "it contains blanks") if found is None and " " in value else found


def has_companion(element: Element) -> bool:
    """Whether JSON can hold `_x` beside the element `x`: a primitive that may have extensions."""
    definition = r4().type(element.type)
    return definition.kind == "primitive-type" and "extension" in definition.elements and not element.is_attribute


def without_paired_nulls(found: Faults, companion: Any) -> Faults | None:
    """Return `found` without the nulls of a primitive array that stand for items which have only extensions."""
    if not isinstance(companion, list):
        return found
    paired = {index for index, item in enumerate(companion) if item is not None}
    return [each for each in found if each.rule != "null" or each.steps[1:] or each.steps[0] not in paired] or None


def companion(element: Element, parent: dict[str, Any], structure: Check, scope: Scope) -> Faults | None:
    """Check the property `_x` that carries id and extensions of the primitive element `x` of `parent`.

    Arguments:
        element: the primitive element.
        parent: the object that holds both.
        structure: the check of an object of the element's type.
    """
    value, own = parent.get(element.name), parent["_" + element.name]
    if not element.is_array:
        return _one(own, value, structure, scope)
    if not isinstance(own, list) or not own:
        return not_an_array(own)
    if value is not None and isinstance(value, list) and len(value) != len(own):
        text = (
            f"{element.name} has {len(value)} items, _{element.name} has {len(own)}; they pair one to one, with nulls."
        )
        return fault("companion", "structure", text)
    values = value if isinstance(value, list) else [None] * len(own)
    found: Faults | None = None
    for index, (item, beside) in enumerate(zip(own, values, strict=True)):
        if item is None and beside is not None:
            continue
        wrong = _one(item, beside, structure, scope)
        if wrong is not None:
            found = below(index, wrong, found)
            if len(found) > LIMIT:
                break
    return found


def _one(own: Any, value: Any, structure: Check, scope: Scope) -> Faults | None:
    if type(own) is not dict:
        if own is None:
            return wrong_json_type(own, "an object with the extensions of the value beside")
        text = f"The companion of a primitive value is an object with its id and extensions, not {json_type(own)}."
        return fault("companion", "structure", text)
    if "value" in own:
        return fault("companion", "structure", "The value itself stands under the name without underscore.", "value")
    if value is not None and own.keys() == {"id"}:
        wrong = id_faults(own["id"], scope)
        return below("id", wrong, None) if wrong is not None else None
    return structure(own, scope)
