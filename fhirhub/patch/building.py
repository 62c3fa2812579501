"""Putting a value of a FHIRPath Patch in its place: which property it becomes, and whether its type is right there.

https://hl7.org/fhir/R4/fhirpatch.html#anonymous, https://hl7.org/fhir/R4/formats.html#choice
"""

from fhirhub.definitions import Element, r4
from fhirhub.model.json import Json
from fhirhub.patch.items import DoesNotFit, Item, is_primitive, items_of, with_items
from fhirhub.patch.operations import Parts, TypedValue, Value


def element_for(owner: str, name: str, value: Value) -> Element:
    """Return the element of the type `owner` that `name` and the type of the value mean together.

    A choice is named without its type (`value`), as FHIRPath does, or as the JSON property (`valueQuantity`).

    Raises:
        DoesNotFit: the type has no such element, or the choice does not allow the value's type.
    """
    definition = r4().type(owner)
    if name in definition.choices:
        members = definition.choices[name]
        if isinstance(value, TypedValue):
            for member in members:
                if member.type == value.type:
                    return member
            raise DoesNotFit(f"'{name}' of {owner} cannot be a {value.type}")
        raise DoesNotFit(f"'{name}' of {owner} needs a value[x] that says which type is meant")
    element = definition.elements.get(name)
    if element is None or (definition.kind == "primitive-type" and name == "value"):
        raise DoesNotFit(f"{owner} has no element '{name[:80]}'")
    return element


def item_for(element: Element, value: Value) -> Item:
    """Return the JSON of a value as it stands in `element`.

    Raises:
        DoesNotFit: the type is another one.
    """
    if isinstance(value, Parts):
        return _built(element, value), None
    if not _is_a(value.type, element.type):
        raise DoesNotFit(f"'{element.name}' has to be a {element.type}, and a {value.type} is given")
    if value.value is None and value.companion is None:
        raise DoesNotFit(f"no value is given for '{element.name}'")
    if value.companion is not None and not is_primitive(element):
        raise DoesNotFit(f"'{element.name}' is no primitive that could have an id or extensions beside it")
    return value.value, value.companion


def added(container: Json, owner: str, name: str, value: Value) -> Json:
    """Return a copy of an object of type `owner` with the value added: behind those of a list, or where nothing is yet.

    Raises:
        DoesNotFit: no such element, the wrong type, or an element that does not repeat and is there already.
    """
    element = element_for(owner, name, value)
    item = item_for(element, value)
    items = items_of(container, element)
    if not element.is_array:
        rivals = r4().type(owner).choices[element.choice] if element.choice is not None else (element,)
        if any(items_of(container, rival) for rival in rivals):
            raise DoesNotFit(f"'{name}' is there already and does not repeat")
    return with_items(container, element, [*items, item])


def _built(element: Element, parts: Parts) -> Json:
    definition = r4().type(element.type)
    if definition.kind not in {"backbone", "complex-type"}:
        raise DoesNotFit(f"'{element.name}' is a {element.type} and cannot be given in parts")
    built: Json = {}
    for name, value in parts.members:
        built = added(built, element.type, name, value)
    return built


def _is_a(given: str, wanted: str) -> bool:
    """Whether a value of the type `given` is a `wanted`: the type itself or a specialisation (a code is a string)."""
    # No value[x] can hold XHTML; its text is the only way to say it.
    if wanted == "xhtml":
        return given == "string"
    name: str | None = given
    while name is not None:
        if name == wanted:
            return True
        name = r4().type(name).parent
    return False
