"""The items of one element as JSON holds them: values, and beside those of primitives their ids and extensions.

https://hl7.org/fhir/R4/json.html#primitive
"""

from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from fhirhub.definitions import Element, r4
from fhirhub.model.json import Json


class DoesNotFit(ValueError):
    """What is given, or what is there already, has no place in that element; the message is a clause."""


Item = tuple[Any, Json | None]
"""A value and, for a primitive, the object with its id and extensions."""


def is_primitive(element: Element) -> bool:
    """Whether the values of an element can have a companion `_x`."""
    return r4().type(element.type).kind == "primitive-type"


def items_of(container: Json, element: Element) -> list[Item]:
    """Return what an object holds of an element; values and companions of a primitive in pairs.

    Raises:
        DoesNotFit: an array where the element does not repeat, or none where it does.
    """
    values = container.get(element.name)
    companions = container.get("_" + element.name) if is_primitive(element) else None
    for content in (values, companions):
        if content is not None and isinstance(content, list) is not element.is_array:
            raise DoesNotFit(f"'{element.name}' of this resource is {'no' if element.is_array else 'an'} array")
    if element.is_array:
        return list(zip_longest(values or [], companions or []))
    return [(values, companions)] if values is not None or companions is not None else []


def with_items(container: Json, element: Element, items: Iterable[Item]) -> Json:
    """Return a copy of an object with exactly these items of an element; without items the element is gone."""
    items = list(items)
    values = [value for value, _ in items]
    companions = [companion for _, companion in items]
    copied = dict(container)
    for key, content in ((element.name, values), ("_" + element.name, companions)):
        if all(entry is None for entry in content):
            copied.pop(key, None)
        else:
            copied[key] = content if element.is_array else content[0]
    return copied
