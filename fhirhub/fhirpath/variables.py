"""What `%name` stands for.

http://hl7.org/fhirpath/N1/#environment-variables, https://hl7.org/fhir/R4/fhirpath.html#variables
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.node import Node, root_node
from fhirhub.fhirpath.scope import Run, resource_of, root_resource_of
from fhirhub.fhirpath.singleton import string

_CODE_SYSTEMS: Final[Mapping[str, str]] = MappingProxyType(
    {"ucum": "http://unitsofmeasure.org", "sct": "http://snomed.info/sct", "loinc": "http://loinc.org"}
)


def read_variable(name: str, run: Run) -> list[Node]:
    """Return the value of a variable.

    Raises:
        FhirPathError: there is no such variable.
    """
    if name in run.variables:
        return to_collection(run.variables[name])
    match name:
        case "context":
            return [run.context]
        case "resource":
            return [resource_of(run.context)]
        case "rootResource":
            return [root_resource_of(run.context)]
    if name in _CODE_SYSTEMS:
        return string(_CODE_SYSTEMS[name])
    if name.startswith("vs-"):
        return string("http://hl7.org/fhir/ValueSet/" + name.removeprefix("vs-"))
    if name.startswith("ext-"):
        return string("http://hl7.org/fhir/StructureDefinition/" + name.removeprefix("ext-"))
    raise FhirPathError(f"There is no variable %{name}")


def to_collection(value: Any) -> list[Node]:
    """Return a Python value as a collection: nodes stay, resources and scalars become nodes, a list is its items.

    Raises:
        FhirPathError: a value that is no JSON.
    """
    match value:
        case None:
            return []
        case Node():
            return [value]
        case list() | tuple():
            return [node for item in value for node in to_collection(item)]
        case dict():
            return [root_node(value)]
        case bool():
            return [Node(value, "System.Boolean")]
        case int():
            return [Node(value, "System.Integer")]
        case Decimal():
            return [Node(value, "System.Decimal")]
        case str():
            return [Node(value, "System.String")]
    raise FhirPathError(f"A {type(value).__name__} cannot be the value of a variable")
