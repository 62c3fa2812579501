"""What FHIRPath sees of the types of R4: names of elements without `[x]`, the System types behind primitives, subtypes.

https://hl7.org/fhir/R4/fhirpath.html#types
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from fhirhub.definitions import Definitions, r4
from fhirhub.fhirpath.errors import FhirPathTypeError
from fhirhub.fhirpath.syntax import TypeSpecifier

SYSTEM_TYPES: Final = frozenset(
    f"System.{name}"
    for name in ("Any", "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity")
)

_SYSTEM_OF: Final = {
    "boolean": "System.Boolean",
    "integer": "System.Integer",
    "unsignedInt": "System.Integer",
    "positiveInt": "System.Integer",
    "decimal": "System.Decimal",
    "date": "System.Date",
    "dateTime": "System.DateTime",
    "instant": "System.DateTime",
    "time": "System.Time",
}

ABSTRACT: Final = frozenset({"Resource", "DomainResource", "Element", "BackboneElement"})
"""Types whose instances have elements that the type itself does not name."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One JSON property that an element name can lead to, with the type of what is there."""

    key: str
    type: str
    is_array: bool
    is_primitive: bool


NO_BRANCHES: Final[Mapping[str, tuple[Branch, ...]]] = MappingProxyType({})


class Schema:
    """The tables of one version of FHIR in the shape the engine walks; a row is made when it is first asked for."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self._resource_types = frozenset(t.name for t in definitions.types.values() if t.kind == "resource")
        self.steps: Mapping[str, Mapping[str, tuple[Branch, ...]]] = _Steps(definitions)
        """Type name to element name to branches; unknown types have no elements."""
        self.properties: Mapping[str, Mapping[str, tuple[str, Branch]]] = _Properties(self.steps)
        """Type name to JSON property to (element name, branch)."""
        self.supertypes: Mapping[str, frozenset[str]] = _Supertypes(definitions)
        """Type name to itself and all types it specialises."""
        self.system_of: Mapping[str, str | None] = _SystemTypes(definitions, self.supertypes)
        """Type name to the System type its values convert to implicitly; None for complex types."""

    def is_resource(self, name: str) -> bool:
        """Whether `name` is a resource type, abstract ones included."""
        return name in self._resource_types

    def resolve(self, specifier: TypeSpecifier) -> frozenset[str]:
        """Return the type names a specifier can mean: `Quantity` means that of FHIR and that of System.

        Raises:
            FhirPathTypeError: no type has that name.
        """
        name, namespace = specifier.name, specifier.namespace
        if namespace == "System":
            return frozenset({f"System.{name}"})
        fhir = {name} if name in self.definitions.types else set()
        if namespace == "FHIR":
            names = fhir
        elif namespace is None:
            system = f"System.{name}"
            names = fhir | ({system} if system in SYSTEM_TYPES else set())
        else:
            # A backbone element: `Observation.component`.
            path = f"{namespace}.{name}"
            names = {path} if path in self.definitions.types else set()
        if not names:
            raise FhirPathTypeError(f"There is no type {f'{namespace}.' if namespace else ''}{name}")
        return frozenset(names)

    def is_a(self, type_name: str, wanted: frozenset[str]) -> bool:
        """Whether `type_name` is one of `wanted` or a specialisation of one."""
        return not wanted.isdisjoint(self.supertypes[type_name])

    def casts_to(self, type_name: str, wanted: frozenset[str]) -> bool:
        """Whether `as` and `ofType` let a value of `type_name` through: for primitives the type itself only.

        That a `code` is a `string` holds for `is` alone, so that a choice of both types can be told apart.
        """
        if type_name in wanted:
            return True
        definition = self.definitions.types.get(type_name)
        return definition is not None and definition.kind != "primitive-type" and self.is_a(type_name, wanted)


class _Steps(dict[str, Mapping[str, tuple[Branch, ...]]]):
    def __init__(self, definitions: Definitions) -> None:
        super().__init__()
        self._definitions = definitions

    def __missing__(self, type_name: str) -> Mapping[str, tuple[Branch, ...]]:
        definition = self._definitions.types.get(type_name)
        found: dict[str, list[Branch]] = defaultdict(list)
        if definition is not None:
            for element in definition.elements.values():
                if definition.kind == "primitive-type" and element.name == "value":
                    continue
                target = self._definitions.types.get(element.type)
                primitive = target is not None and target.kind == "primitive-type"
                branch = Branch(element.name, element.type, element.is_array, primitive)
                found[element.choice or element.name].append(branch)
        row = MappingProxyType({name: tuple(branches) for name, branches in found.items()})
        self[type_name] = row
        return row


class _Properties(dict[str, Mapping[str, tuple[str, Branch]]]):
    def __init__(self, steps: Mapping[str, Mapping[str, tuple[Branch, ...]]]) -> None:
        super().__init__()
        self._steps = steps

    def __missing__(self, type_name: str) -> Mapping[str, tuple[str, Branch]]:
        steps = self._steps[type_name]
        row = MappingProxyType({b.key: (name, b) for name, branches in steps.items() for b in branches})
        self[type_name] = row
        return row


class _Supertypes(dict[str, frozenset[str]]):
    def __init__(self, definitions: Definitions) -> None:
        super().__init__()
        self._definitions = definitions

    def __missing__(self, type_name: str) -> frozenset[str]:
        names = {type_name}
        if type_name.startswith("System."):
            names.add("System.Any")
        definition = self._definitions.types.get(type_name)
        while definition is not None and definition.parent is not None and definition.parent not in names:
            names.add(definition.parent)
            definition = self._definitions.types.get(definition.parent)
        self[type_name] = frozenset(names)
        return self[type_name]


class _SystemTypes(dict[str, str | None]):
    def __init__(self, definitions: Definitions, supertypes: Mapping[str, frozenset[str]]) -> None:
        super().__init__()
        self._definitions = definitions
        self._supertypes = supertypes

    def __missing__(self, type_name: str) -> str | None:
        definition = self._definitions.types.get(type_name)
        system: str | None = None
        if type_name in SYSTEM_TYPES:
            system = type_name
        elif "Quantity" in self._supertypes[type_name]:
            system = "System.Quantity"
        elif definition is not None and definition.kind == "primitive-type":
            system = _SYSTEM_OF.get(type_name, "System.String")
        self[type_name] = system
        return system


@cache
def r4_schema() -> Schema:
    """Return the schema of FHIR R4."""
    return Schema(r4())
