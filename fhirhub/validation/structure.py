"""From the definition of a type to the check of a JSON object: elements, cardinality, choices, inner resources.

https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/elementdefinition.html
"""

from functools import cache
from typing import Any, Final

from fhirhub.definitions import Element, TypeDefinition, r4
from fhirhub.validation import bindings, companions, completeness, extensions, faults, narrative, references, resources
from fhirhub.validation.faults import LIMIT, Check, Faults, Scope, below
from fhirhub.validation.primitives import primitive_check, usual_string
from fhirhub.validation.seen import Recognise, never

MOST_SHAPES: Final = 256
"""How many sequences of names of one type are remembered as complete."""


class Elements(dict[str, Check | None]):
    """The check of each element of a type by its JSON name, compiled when the name is first met.

    None stands for names that cannot be checked by their value alone: what the type does not define, companions, and
    elements that depend on those beside them. This laziness is what lets types contain themselves, and what keeps the
    start of the server fast: only what is used is ever compiled.
    """

    def __init__(self, definition: TypeDefinition, targets: tuple[str, ...]) -> None:
        super().__init__()
        self._definition = definition
        self._targets = targets

    def __missing__(self, name: str) -> Check | None:
        definition = self._definition
        if name == "resourceType" and definition.kind == "resource":
            check: Check = _accept
        elif name in definition.elements and not _needs_siblings(definition, name):
            check = _element_check(definition.elements[name], definition, self._targets)
        else:
            return None
        self[name] = check
        return check


class UsualStrings(dict[str, Recognise]):
    """What recognises nearly every right string of an element without a call of Python code; others are checked."""

    def __init__(self, definition: TypeDefinition, targets: tuple[str, ...]) -> None:
        super().__init__()
        self._definition = definition
        self._targets = targets

    def __missing__(self, name: str) -> Recognise:
        element = self._definition.elements.get(name)
        if element is None or element.is_array or _needs_siblings(self._definition, name):
            return never
        codes = r4().value_sets[element.binding] if element.binding else None
        if codes is not None and element.type == "code":
            recognise: Recognise = codes.__contains__
        elif self._definition.name == "Reference" and name == "reference":
            recognise = references.usual_literal(self._targets)
        else:
            recognise = usual_string(element.type) if element.binding is None else never
        self[name] = recognise
        return recognise


def _needs_siblings(definition: TypeDefinition, name: str) -> bool:
    # An id is nothing without something beside it; the type of a reference must agree with the reference.
    return (name == "id" and definition.kind != "resource") or (name == "type" and definition.name == "Reference")


def _accept(value: Any, scope: Scope) -> Faults | None:
    # Who chose this type by the resourceType has looked at it.
    return None


def _element_check(element: Element, owner: TypeDefinition, targets: tuple[str, ...]) -> Check:
    check = _item_check(element, owner, targets)
    return _array_check(check) if element.is_array else check


def _item_check(element: Element, owner: TypeDefinition, targets: tuple[str, ...]) -> Check:
    match element.type:
        case "Resource":
            return _contained_check if element.name == "contained" else _inner_check
        case "Reference":
            return object_check("Reference", element.targets)
        case "Extension":
            return extensions.extension_check(object_check("Extension"), nested=owner.name == "Extension")
        case "xhtml":
            return narrative.check
    if owner.name == "Reference" and element.name == "reference":
        return references.literal_check(targets)
    definition = r4().type(element.type)
    check = primitive_check(element.type) if definition.kind == "primitive-type" else object_check(element.type)
    if element.binding is None:
        return check
    return bindings.BOUND[element.type](element.binding, check)


def _array_check(item_check: Check) -> Check:
    def check(value: Any, scope: Scope) -> Faults | None:
        if type(value) is not list or not value:
            return faults.not_an_array(value)
        found: Faults | None = None
        for index, item in enumerate(value):
            wrong = item_check(item, scope)
            if wrong is not None:
                found = below(index, wrong, found)
                if len(found) > LIMIT:
                    break
        return found

    return check


@cache
def object_check(type_name: str, targets: tuple[str, ...] = ()) -> Check:
    """Return the check of a JSON object of a complex type, backbone element or resource type.

    Arguments:
        type_name: the type.
        targets: for `Reference` only, the resource types it may point at.
    """
    definition = r4().type(type_name)
    elements = Elements(definition, targets)
    usual = UsualStrings(definition, targets)
    demands = bool(definition.choices) or any(element.min for element in definition.elements.values())
    # Whether all is there that must be, and no choice twice, depends on the names alone, and these repeat.
    complete: set[tuple[str, ...]] = set()

    def check(value: Any, scope: Scope) -> Faults | None:
        if type(value) is not dict:
            return faults.wrong_json_type(value, "an object")
        found: Faults | None = None
        for name, item in value.items():
            if type(item) is str and usual[name](item):
                continue
            element = elements[name]
            if element is not None:
                wrong = element(item, scope)
            else:
                wrong = _among_siblings(definition, targets, name, value, scope)
            if wrong is not None and (wrong := companions.without_paired_nulls(wrong, value.get("_" + name))):
                found = below(name, wrong, found)
                if len(found) > LIMIT:
                    return found
        if demands and (names := tuple(value)) not in complete:
            lacking = completeness.lacking(definition, names)
            if lacking:
                return (found or []) + lacking
            if found is None and len(complete) < MOST_SHAPES:
                complete.add(names)
        return found if value else faults.empty_object()

    return check


def _among_siblings(
    definition: TypeDefinition, targets: tuple[str, ...], name: str, value: dict[str, Any], scope: Scope
) -> Faults | None:
    """Check a property for which the object around it counts; it may be a mistake."""
    if name in definition.elements:
        if name == "type":
            return references.type_faults(value, targets, scope)
        return faults.only_an_id() if len(value) == 1 else companions.id_faults(value[name], scope)
    element = definition.elements.get(name[1:]) if name[:1] == "_" else None
    if element is None or not companions.has_companion(element):
        return faults.unknown_element(definition, name)
    return companions.companion(element, value, object_check(element.type), scope)


def _inner_check(value: Any, scope: Scope) -> Faults | None:
    """Check a resource that stands on its own inside another, as in `Bundle.entry.resource`."""
    wrong = resources.type_faults(value)
    if wrong is not None:
        return wrong
    return object_check(value["resourceType"])(value, Scope(value, scope.conditional_references))


def _contained_check(value: Any, scope: Scope) -> Faults | None:
    """Check a contained resource: its references point into the resource around it."""
    wrong = resources.type_faults(value)
    if wrong is not None:
        return wrong
    found = object_check(value["resourceType"])(value, scope)
    return resources.contained_faults(value, found)
