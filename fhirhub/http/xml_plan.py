"""What a type looks like in XML: the order of its children, and which properties are attributes.

https://hl7.org/fhir/R4/xml.html, compiled from the definition tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import Final

from fhirhub.definitions import Element, TypeDefinition, r4

FHIR: Final = "http://hl7.org/fhir"
XHTML: Final = "http://www.w3.org/1999/xhtml"


class Form(Enum):
    """How the content of an element is written."""

    TEXT = auto()
    """`@value`, every character as it is."""
    TOKEN = auto()
    """`@value`, a text in which no type allows outer whitespace."""
    NUMBER = auto()
    BOOLEAN = auto()
    COMPLEX = auto()
    """Children of its own."""
    RESOURCE = auto()
    """One child, named after the type of the resource."""
    XHTML = auto()


@dataclass(frozen=True, slots=True)
class Property:
    """One JSON property of a type; `slot` grows in document order and is shared by the members of a choice.

    `step` is how FHIRPath names it.
    """

    name: str
    step: str
    companion: str
    tag: str
    slot: int
    form: Form
    type: str
    is_array: bool
    is_attribute: bool
    levels: int
    """How many levels deeper than its owner JSON nests what is in it, the array included."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All properties of one type, by JSON name and qualified XML tag; `attributes` are those that are no elements."""

    type: str
    is_resource: bool
    by_name: Mapping[str, Property]
    by_tag: Mapping[str, Property]
    attributes: tuple[Property, ...]


_VERBATIM: Final = frozenset({"string", "markdown", "base64Binary"})
_NUMBERS: Final = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})


def _form(type_name: str) -> Form:
    definition = r4().type(type_name)
    if definition.kind == "resource":
        return Form.RESOURCE
    if definition.kind != "primitive-type":
        return Form.COMPLEX
    if type_name in _VERBATIM:
        return Form.TEXT
    if type_name in _NUMBERS:
        return Form.NUMBER
    if type_name == "xhtml":
        return Form.XHTML
    return Form.BOOLEAN if type_name == "boolean" else Form.TOKEN


def _is_attribute(owner: TypeDefinition, element: Element) -> bool:
    # Ids of resources are child elements; ids of everything else, and the URL of an extension, are attributes.
    if owner.kind == "resource":
        return False
    return element.name == "id" or (owner.name == "Extension" and element.name == "url")


@cache
def plan(type_name: str) -> Plan:
    """Return the plan of a resource type, data type or backbone path; KeyError when R4 has none of that name."""
    definition = r4().type(type_name)
    properties = [
        Property(
            name=element.name,
            step=element.name if element.choice is None else f"{element.choice}.ofType({element.type})",
            companion="_" + element.name,
            tag=f"{{{XHTML if element.type == 'xhtml' else FHIR}}}{element.name}",
            slot=element.order if element.choice is None else definition.choices[element.choice][0].order,
            form=_form(element.type),
            type=element.type,
            is_array=element.is_array,
            is_attribute=_is_attribute(definition, element),
            levels=2 if element.is_array else 1,
        )
        for element in definition.elements.values()
    ]
    return Plan(
        type=type_name,
        is_resource=definition.kind == "resource",
        by_name={p.name: p for p in properties},
        by_tag={p.tag: p for p in properties if not p.is_attribute},
        attributes=tuple(p for p in properties if p.is_attribute),
    )


PRIMITIVE: Final = "Element"
"""The type whose plan serves the id and the extensions of a primitive."""
