"""FHIRPath Patch: operations on elements that FHIRPath expressions select.

https://hl7.org/fhir/R4/fhirpatch.html
"""

from collections.abc import Callable
from typing import Any

from fhirhub.definitions import Element, r4
from fhirhub.errors import Failure, FhirError
from fhirhub.fhirpath import FhirPathError, Node, compile_expression
from fhirhub.model.json import Json
from fhirhub.patch.building import added, element_for, item_for
from fhirhub.patch.items import DoesNotFit, Item, items_of, with_items
from fhirhub.patch.limits import refuse_depth
from fhirhub.patch.operations import Operation, Value, read_operations


def apply(resource: Json, parameters: Any) -> Json:
    """Return `resource` with all operations applied, each to the result of the one before.

    Elements and objects that an operation empties disappear with it.

    Raises:
        FhirError: BAD_VALUE when the Parameters are malformed or a path is no FHIRPath; UNPROCESSABLE when a path does
            not select exactly one element (for delete: at most one; for insert and move: one list), a value does not
            fit its place, or an index is outside the list; TOO_COSTLY for too many operations.
    """
    patched = resource
    for operation in read_operations(parameters):
        patched = _applied(patched, operation)
    refuse_depth(patched)
    return patched


def _applied(resource: Json, operation: Operation) -> Json:
    nodes = _selected(resource, operation)
    try:
        match operation.kind:
            case "add":
                return _add(_single(nodes, operation), operation)
            case "insert":
                return _insert(nodes, operation)
            case "delete":
                return _delete(_single(nodes, operation), operation) if nodes else resource
            case "replace":
                return _replace(_single(nodes, operation), operation)
            case "move":
                return _move(nodes, operation)
    except DoesNotFit as error:
        raise operation.refused(str(error)) from None


def _selected(resource: Json, operation: Operation) -> list[Node]:
    expression = f"Parameters.parameter[{operation.number}]"
    try:
        nodes = compile_expression(operation.path, str(resource["resourceType"])).evaluate(resource)
    except FhirPathError as error:
        sentence = f"The path of operation {operation.number} of the patch, {operation.path[:200]!r}, fails: {error}."
        raise FhirError(Failure.BAD_VALUE, sentence, expression=(expression,)) from None
    for node in nodes:
        if _root(node).value is not resource:
            raise operation.refused("the path selects something that is no element of the resource")
    return nodes


def _single(nodes: list[Node], operation: Operation) -> Node:
    if len(nodes) != 1:
        found = f"{len(nodes)} elements" if nodes else "nothing"
        raise operation.refused(f"the path has to select one element and selects {found}")
    return nodes[0]


def _add(node: Node, operation: Operation) -> Json:
    container = added(_object(node), node.type, operation.name, _given(operation))
    return _with_object(node, container)


def _delete(node: Node, operation: Operation) -> Json:
    if node.parent is None:
        raise operation.refused("the resource itself cannot be deleted by a patch")
    return _edited(node, lambda items: [*items[: node.index or 0], *items[(node.index or 0) + 1 :]])


def _replace(node: Node, operation: Operation) -> Json:
    value = _given(operation)
    parent = node.parent
    if parent is None:
        raise operation.refused("the resource itself cannot be replaced by a patch")
    old = _element(node)
    element = old if old.choice is None else element_for(parent.type, old.choice, value)
    item = item_for(element, value)
    if element is old:
        return _edited(node, lambda items: [*items[: node.index or 0], item, *items[(node.index or 0) + 1 :]])
    container = with_items(_object(parent), old, [])
    return _with_object(parent, with_items(container, element, [item]))


def _insert(nodes: list[Node], operation: Operation) -> Json:
    first, items = _list(nodes, operation)
    if not 0 <= operation.index <= len(items):
        raise operation.refused(f"the index {operation.index} is outside the list of {len(items)}")
    item = item_for(_element(first), _given(operation))
    return _edited(first, lambda items: [*items[: operation.index], item, *items[operation.index :]])


def _move(nodes: list[Node], operation: Operation) -> Json:
    first, items = _list(nodes, operation)
    for index in (operation.source, operation.destination):
        if not 0 <= index < len(items):
            raise operation.refused(f"the index {index} is outside the list of {len(items)}")
    moved = items.pop(operation.source)
    items.insert(operation.destination, moved)
    return _edited(first, lambda _: items)


def _list(nodes: list[Node], operation: Operation) -> tuple[Node, list[Item]]:
    """Return the first node and all items of the list the path selects."""
    if not nodes:
        raise operation.refused("the path has to select a list and selects nothing")
    first = nodes[0]
    if first.parent is None or not _element(first).is_array:
        raise operation.refused("the path selects something that is no list")
    items = items_of(_object(first.parent), _element(first))
    if len(nodes) != len(items) or len({(_place(node.parent), node.key) for node in nodes}) != 1:
        raise operation.refused("the path has to select all items of one list")
    return first, items


def _given(operation: Operation) -> Value:
    assert operation.value is not None, "operations that need a value are read with one"
    return operation.value


def _element(node: Node) -> Element:
    assert node.parent is not None and node.key is not None, "only the root stands in nothing"
    return r4().type(node.parent.type).elements[node.key]


def _root(node: Node) -> Node:
    while node.parent is not None:
        node = node.parent
    return node


def _place(node: Node | None) -> tuple[tuple[str | None, int | None], ...]:
    steps = []
    while node is not None:
        steps.append((node.key, node.index))
        node = node.parent
    return tuple(steps)


def _object(node: Node) -> Json:
    """Return the object that holds the children of a node: its value or, for a primitive, its companion."""
    if node.parent is None or r4().type(node.type).kind != "primitive-type":
        found = node.value
    else:
        found = items_of(_object(node.parent), _element(node))[node.index or 0][1] or {}
    if not isinstance(found, dict):
        raise DoesNotFit(f"{node.path()} is no JSON object in this resource")
    return found


def _edited(node: Node, edit: Callable[[list[Item]], list[Item]]) -> Json:
    """Return the resource with the items of the element that `node` stands in changed."""
    assert node.parent is not None, "only the root stands in nothing"
    element = _element(node)
    container = _object(node.parent)
    return _with_object(node.parent, with_items(container, element, edit(items_of(container, element))))


def _with_object(node: Node, container: Json) -> Json:
    """Return the resource with the object of `node` replaced; emptied, it goes, and what that empties with it."""
    if node.parent is None:
        return container

    def replace(items: list[Item]) -> list[Item]:
        index = node.index or 0
        value, _ = items[index]
        is_primitive = r4().type(node.type).kind == "primitive-type"
        item: Item = (value, container or None) if is_primitive else (container or None, None)
        return [*items[:index], *([] if item == (None, None) else [item]), *items[index + 1 :]]

    return _edited(node, replace)
