"""Which invariants of R4 a resource breaks, by the FHIRPath of their definitions.

https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from collections.abc import Iterator
from typing import Any

from fhirhub.definitions import Constraint, r4
from fhirhub.fhirpath import Node, compile_expression
from fhirhub.model.json import Json


def broken_invariants(resource: Json) -> list[str]:
    """Name each invariant of severity error that does not hold, with where and why."""
    resource_type = resource["resourceType"]
    return [
        f"{type_name} {constraint.key}: {constraint.human}"
        for value, type_name, constraints, owner in _objects(resource, resource_type, resource)
        for constraint in constraints
        if constraint.severity == "error"
        # Where the expression says nothing nothing is broken: bdl-8 of an entry without fullUrl.
        and compile_expression(constraint.expression).is_true(
            Node(value, type_name), variables={"resource": owner, "rootResource": resource}
        )
        is False
    ]


def _objects(value: Json, type_name: str, owner: Json) -> Iterator[tuple[Json, str, tuple[Constraint, ...], Json]]:
    """Every object of a resource with its type, the invariants it has to obey, and the resource it is part of."""
    definition = r4().type(type_name)
    yield value, type_name, definition.constraints, owner
    for name, element in definition.elements.items():
        found: Any = value.get(name, ())
        for item in found if isinstance(found, list) else [found]:
            if isinstance(item, dict) and element.type == "Resource":
                yield from _objects(item, item["resourceType"], item)
            elif isinstance(item, dict):
                yield item, element.type, element.constraints, owner
                yield from _objects(item, element.type, owner)
