"""A value with its type and its place in the resource, and the steps from one to its children.

https://hl7.org/fhir/R4/fhirpath.html#paths, https://hl7.org/fhir/R4/json.html#primitive
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fhirhub.fhirpath.schema import Branch, r4_schema

_SCHEMA = r4_schema()


@dataclass(slots=True, eq=False)
class Node:
    """One item of a collection.

    `type` names a FHIR type (`HumanName`, `code`, `Observation.component` for a backbone element, the concrete type of
    a contained resource) or, of literals and computed values, a System type (`System.String`).
    `value` is the JSON value as it stands in the resource; None for a primitive that has extensions only.
    `parent`, `key` and `index` say where it stands: `parent.value[key][index]`, without `[index]` where JSON has no
    array. Children of a primitive stand in its companion (see `companion`). All three are None for roots and computed
    values.
    Dates and times computed are ISO 8601 text, computed quantities JSON of a FHIR Quantity.
    """

    value: Any
    type: str
    parent: "Node | None" = field(default=None, repr=False)
    key: str | None = None
    index: int | None = None

    def path(self) -> str:
        """Return where the node stands, as FHIRPath: `Patient.name[0].given[1]`."""
        steps = []
        node = self
        while node.parent is not None:
            name = element_name(node)
            steps.append(name if node.index is None else f"{name}[{node.index}]")
            node = node.parent
        return ".".join([node.type, *reversed(steps)])


def element_name(node: Node) -> str:
    """Return the name of the element a child node is of (`value` for `valueQuantity`)."""
    key = node.key or ""
    found = _SCHEMA.properties[node.parent.type].get(key) if node.parent is not None else None
    return found[0] if found is not None else key


def root_node(resource: Any, context_type: str | None = None) -> Node:
    """Return the root of a resource, or of the value of a data type named by `context_type`."""
    resource_type = resource.get("resourceType") if isinstance(resource, dict) else None
    return Node(resource, resource_type if isinstance(resource_type, str) else context_type or "Element")


def companion(node: Node) -> dict[str, Any] | None:
    """Return the `_name` object that carries id and extensions of a primitive, None where there is none."""
    if node.parent is None or node.key is None:
        return None
    container = _container(node.parent)
    raw = container.get("_" + node.key) if container is not None else None
    if node.index is not None:
        raw = raw[node.index] if isinstance(raw, list) and node.index < len(raw) else None
    return raw if isinstance(raw, dict) else None


def _container(node: Node) -> dict[str, Any] | None:
    return node.value if isinstance(node.value, dict) else companion(node)


def children_named(node: Node, name: str, out: list[Node]) -> None:
    """Append the children of `node` with the element name `name` to `out`, in order."""
    branches = _SCHEMA.steps[node.type].get(name)
    if branches is None:
        if node.type.startswith("System."):
            _computed_child(node, name, out)
        return
    container = node.value
    if type(container) is not dict:
        container = companion(node)
        if container is None:
            return
    if len(branches) == 1:
        _append(node, container, branches[0], out)
        return
    # A choice of fifty types is found faster among the few properties there are.
    properties = _SCHEMA.properties[node.type]
    for key in container:
        plain = key[1:] if key[:1] == "_" else key
        if plain.startswith(name) and (plain is key or plain not in container):
            found = properties.get(plain)
            if found is not None and found[0] == name:
                _append(node, container, found[1], out)


def children(node: Node) -> list[Node]:
    """Return all children of `node`, in the order they are written."""
    out: list[Node] = []
    container = _container(node)
    if container is None:
        return out
    properties = _SCHEMA.properties[node.type]
    for key in container:
        found = properties.get(key)
        if found is None and key.startswith("_") and key[1:] not in container:
            found = properties.get(key[1:])
            if found is not None and not found[1].is_primitive:
                continue
        if found is not None:
            _append(node, container, found[1], out)
    return out


def descendants(node: Node) -> Iterator[Node]:
    """Yield everything below `node`, level by level."""
    level = children(node)
    while level:
        yield from level
        level = [below for node in level for below in children(node)]


def _append(node: Node, container: dict[str, Any], branch: Branch, out: list[Node]) -> None:
    key = branch.key
    raw = container.get(key)
    if not branch.is_primitive:
        if type(raw) is list:
            for index, value in enumerate(raw):
                if value is not None:
                    out.append(Node(value, actual_type(branch.type, value), node, key, index))
        elif raw is not None:
            out.append(Node(raw, actual_type(branch.type, raw), node, key))
        return
    beside = container.get("_" + key)
    if type(raw) is list or (raw is None and type(beside) is list):
        values = raw if type(raw) is list else []
        besides = beside if type(beside) is list else []
        for index in range(max(len(values), len(besides))):
            value = values[index] if index < len(values) else None
            if value is not None or (index < len(besides) and besides[index] is not None):
                out.append(Node(value, branch.type, node, key, index))
    elif raw is not None or beside is not None:
        out.append(Node(raw, branch.type, node, key))


def actual_type(declared: str, value: Any) -> str:
    """Return the type of a value: the declared one, but of a resource in a resource its own."""
    if declared == "Resource" and isinstance(value, dict):
        actual = value.get("resourceType")
        if isinstance(actual, str) and _SCHEMA.is_resource(actual):
            return actual
    return declared


def _computed_child(node: Node, name: str, out: list[Node]) -> None:
    # What `type()` returns has elements of its own (http://hl7.org/fhirpath/N1/#reflection).
    if node.type == "System.TypeInfo" and name in node.value:
        out.append(Node(node.value[name], "System.String"))
