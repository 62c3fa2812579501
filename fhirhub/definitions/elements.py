"""What a type is made of: its elements, choices, bindings and invariants.

https://hl7.org/fhir/R4/elementdefinition.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

TypeKind = Literal["resource", "complex-type", "primitive-type", "backbone"]


@dataclass(frozen=True, slots=True)
class Constraint:
    """An invariant of a type or an element (https://hl7.org/fhir/R4/conformance-rules.html#constraints)."""

    key: str
    severity: Literal["error", "warning"]
    human: str
    expression: str
    best_practice: bool = False


@dataclass(frozen=True, slots=True)
class Element:
    """One JSON property of a type. A choice element `value[x]` is one `Element` per allowed type.

    `type` names the type of each item: a data type, `Resource` for contained and Bundle resources, or the path of a
    backbone element (`Observation.component`), which is itself a `TypeDefinition`. `is_attribute` tells the few that
    XML writes as attributes (`id` of an element, `url` of an extension): they carry no extensions, JSON has no `_id`.
    """

    name: str
    path: str
    type: str
    min: int
    max: int | None
    order: int
    choice: str | None = None
    targets: tuple[str, ...] = ()
    binding: str | None = None
    is_modifier: bool = False
    is_summary: bool = False
    is_attribute: bool = False
    profiles: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()

    @property
    def is_array(self) -> bool:
        """Whether JSON carries the element as an array (https://hl7.org/fhir/R4/json.html#repeat)."""
        return self.max is None or self.max > 1


@dataclass(frozen=True, slots=True)
class TypeDefinition:
    """A resource, data type, primitive or backbone element with its own elements in the order of the specification."""

    name: str
    kind: TypeKind
    parent: str | None
    abstract: bool
    elements: Mapping[str, Element]
    choices: Mapping[str, tuple[Element, ...]] = field(default_factory=dict)
    required_choices: tuple[str, ...] = ()
    regex: str | None = None
    constraints: tuple[Constraint, ...] = ()
    url: str | None = None
