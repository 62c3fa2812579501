"""The difference of two resources, as a FHIRPath Patch that makes the second of the first.

https://hl7.org/fhir/R4/fhirpatch.html

What an operation empties disappears with it, so of every object what is new is added before what is gone is deleted.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, Final

from fhirhub.definitions import Element, TypeDefinition, r4
from fhirhub.model.json import Json, encode_canonical
from fhirhub.plugin.alignment import Move, aligned

_KEYWORDS: Final = re.compile(
    "and|as|contains|div|false|implies|in|is|mod|or|true|xor|(year|month|week|day|hour|minute|second|millisecond)s?"
)
"""Names that FHIRPath takes for its own unless they stand in back quotes."""

Item = tuple[Any, Json | None]
"""A value and, for a primitive, the object with its id and extensions."""


def difference(before: Json, after: Json) -> Json:
    """Return the Parameters of a FHIRPath Patch that makes `after` of `before`.

    Arguments:
        before, after: valid resources of one type.

    Raises ValueError: they are of different types.
    """
    name = before["resourceType"]
    if after["resourceType"] != name:
        raise ValueError(f"a {name} cannot become a {after['resourceType']}")
    operations = [{"name": "operation", "part": parts} for parts in _object(before, after, r4().type(name), name)]
    return {"resourceType": "Parameters"} | ({"parameter": operations} if operations else {})


Parts = list[Json]


def _object(before: Json, after: Json, definition: TypeDefinition, path: str) -> Iterator[Parts]:
    """Yield what makes one object of another one of the same type."""
    gone: list[Iterator[Parts]] = []
    for name in _names(before, after, definition):
        old, new = _held(before, definition, name), _held(after, definition, name)
        if old is None and new is not None:
            yield from _added(*new, path, name)
        elif new is None and old is not None:
            gone.append(_deleted(*old, path, name))
        elif old is not None and new is not None:
            yield from _changed(old, new, f"{path}.{_step(name)}")
    for each in gone:
        yield from each


def _names(before: Json, after: Json, definition: TypeDefinition) -> list[str]:
    """The names of the elements of two objects, a choice without its type."""
    elements = (definition.elements.get(key.removeprefix("_")) for key in (*before, *after))
    return list(dict.fromkeys(each.choice or each.name for each in elements if each is not None))


def _held(holder: Json, definition: TypeDefinition, name: str) -> tuple[Element, list[Item]] | None:
    """Return what an object holds of an element or choice, None for nothing."""
    for element in definition.choices.get(name) or (definition.elements[name],):
        values, companions = holder.get(element.name), holder.get(f"_{element.name}")
        if values is None and companions is None:
            continue
        if element.is_array:
            return element, list(zip_longest(values or (), companions or ()))
        return element, [(values, companions)]
    return None


def _changed(old: tuple[Element, list[Item]], new: tuple[Element, list[Item]], path: str) -> Iterator[Parts]:
    (element, before), (wanted, after) = old, new
    if element is not wanted:
        yield [*_head("replace", path), _value("value", wanted, after[0])]
    elif element.is_array:
        yield from _list(element, before, after, path)
    else:
        yield from _item(element, before[0], after[0], path)


def _item(element: Element, before: Item, after: Item, path: str) -> Iterator[Parts]:
    """Yield what makes one item of another one."""
    if _same(before, after):
        return
    definition = _definition(element, before)
    if definition.kind == "primitive-type" or definition is not _definition(element, after):
        yield [*_head("replace", path), _value("value", element, after)]
        return
    operations = list(_object(before[0], after[0], definition, path))
    whole = [*_head("replace", path), _value("value", element, after)]
    # Of what has little in common, the whole is told more shortly.
    yield from operations if _size(operations) < _size([whole]) else [whole]


def _list(element: Element, before: Sequence[Item], after: Sequence[Item], path: str) -> Iterator[Parts]:
    steps = aligned([_form(item) for item in before], [_form(item) for item in after])
    if not steps.kept:
        # Without its last item the list is gone, and with it maybe what holds it.
        for item in after:
            yield from _added(element, [item], *_split(path))
        yield from _removed(path, range(len(before)))
        return
    yield from _removed(path, steps.deleted)
    for move in steps.arranged:
        if isinstance(move, Move):
            yield [*_head("move", path), _whole("source", move.source), _whole("destination", move.destination)]
        else:
            yield [*_head("insert", path), _value("value", element, after[move]), _whole("index", move)]
    for index, old in steps.changed:
        yield from _item(element, before[old], after[index], f"{path}[{index}]")


def _split(path: str) -> tuple[str, str]:
    holder, _, step = path.rpartition(".")
    return holder, step.strip("`")


def _added(element: Element, items: Sequence[Item], path: str, name: str) -> Iterator[Parts]:
    for item in items:
        yield [*_head("add", path), {"name": "name", "valueString": name}, _value("value", element, item)]


def _deleted(element: Element, items: Sequence[Item], path: str, name: str) -> Iterator[Parts]:
    where = f"{path}.{_step(name)}"
    yield from _removed(where, range(len(items))) if element.is_array else [_head("delete", where)]


def _removed(path: str, indexes: Sequence[int]) -> Iterator[Parts]:
    """From the end: no deletion moves what another one is about."""
    for index in sorted(indexes, reverse=True):
        yield _head("delete", f"{path}[{index}]")


def _head(kind: str, path: str) -> Parts:
    return [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]


def _whole(name: str, number: int) -> Json:
    return {"name": name, "valueInteger": number}


def _step(name: str) -> str:
    return f"`{name}`" if _KEYWORDS.fullmatch(name) else name


def _definition(element: Element, item: Item) -> TypeDefinition:
    """The type of an item: of a resource the one it names."""
    return r4().type(item[0]["resourceType"] if element.type == "Resource" else element.type)


def _value(name: str, element: Element, item: Item) -> Json:
    """Return a part that holds an item: as `value[x]` where that allows its type, else in parts."""
    value, companion = item
    if element.type == "Resource":
        return {"name": name, "resource": value}
    definition = r4().type(element.type)
    # No value[x] can hold XHTML; its text is a string.
    kind = "String" if element.type == "xhtml" else f"{element.type[:1].upper()}{element.type[1:]}"
    if element.type == "xhtml" or f"value{kind}" in r4().type("Parameters.parameter").elements:
        part: Json = {"name": name}
        if value is not None:
            part[f"value{kind}"] = value
        if companion is not None:
            part[f"_value{kind}"] = companion
        return part
    return {"name": name, "part": list(_members(value, definition))}


def _members(value: Json, definition: TypeDefinition) -> Iterator[Json]:
    for name in _names(value, {}, definition):
        held = _held(value, definition, name)
        assert held is not None, "it is one of the names of the object"
        element, items = held
        for item in items:
            yield _value(name, element, item)


def _same(one: Item, other: Item) -> bool:
    return _form(one) == _form(other)


def _form(item: Item) -> bytes:
    """Return what is the same for equal items only: 1.50 is not 1.5."""
    return encode_canonical(list(item))


def _size(operations: Sequence[Parts]) -> int:
    return len(encode_canonical(list(operations)))
