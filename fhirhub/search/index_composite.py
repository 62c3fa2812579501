"""Composite parameters: the values that belong together because they stand in one element.

https://hl7.org/fhir/R4/search.html#composite
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Final

from fhirhub.definitions import SearchParameterType
from fhirhub.errors import Failure, FhirError
from fhirhub.fhirpath import FhirPathError, compile_expression
from fhirhub.model.json import Json
from fhirhub.search.collector import Collector, Pairs, Put
from fhirhub.search.components import Component, components
from fhirhub.search.convert import CONVERTERS, convert_all, selection
from fhirhub.search.parameters import SearchParameters
from fhirhub.search.paths import branches
from fhirhub.search.unions import is_union

MAX_ENTRIES: Final = 1_000_000
"""Most entries in the groups of one composite; a document of 16 MiB has no room for more.

A component that asks for `%resource` is the same in every element, so there can be the square of what the resource has.
"""


Parts = tuple[tuple[SearchParameterType, str], ...]
"""Of each component the type of its parameter and its expression."""


def composites(resource_type: str, parameters: SearchParameters) -> Iterator[tuple[frozenset[str], Put]]:
    """Return functions that add the groups of a resource of the type, each with the properties it looks for.

    Where the resource has none of the properties, the function has nothing to add; no properties: none is known.
    Composites about the same values share a function. It raises FhirError (413) for more than `MAX_ENTRIES`.
    """
    codes: dict[tuple[str, Parts], list[str]] = defaultdict(list)
    properties: dict[tuple[str, Parts], frozenset[str]] = {}
    for composite in parameters.of(resource_type).values():
        if composite.type != "composite" or is_union(composite, resource_type):
            continue
        found = components(composite, resource_type, parameters)
        for branch in branches(composite, resource_type) if found else ():
            about = branch.expression, tuple((each.parameter.type, each.expression) for each in found)
            codes[about].append(composite.code)
            properties[about] = branch.properties
            if branch.expression == resource_type:
                properties[about] = _properties(found, resource_type)
    for (expression, parts), of_codes in codes.items():
        yield properties[expression, parts], _put(tuple(of_codes), expression, parts, resource_type)


def _properties(found: tuple[Component, ...], resource_type: str) -> frozenset[str]:
    """Of an element that is the resource itself: the properties the last component needs, which are the rarest."""
    alternatives = branches(replace(found[-1].parameter, expression=found[-1].expression), resource_type)
    if not all(branch.properties for branch in alternatives):
        return frozenset()
    return frozenset(name for branch in alternatives for name in branch.properties)


def _put(codes: tuple[str, ...], expression: str, parts: Parts, resource_type: str) -> Put:
    find = _by_place if any("%" in part for _, part in parts) else _by_value
    elements, readers = find(expression, parts, resource_type)
    converters = tuple((str(number), CONVERTERS[kind]) for number, (kind, _) in enumerate(parts, 1))

    def put(resource: Json, holder: Json, into: Collector) -> None:
        room = MAX_ENTRIES
        try:
            for type_name, element in elements(resource):
                inner = Collector(into.site)
                for (name, of_type), read in zip(converters, readers(type_name), strict=True):
                    values = read(element)
                    if not values:
                        break
                    convert_all(name, of_type, values, inner)
                else:
                    room -= inner.size()
                    if room < 0:
                        raise FhirError(Failure.TOO_LARGE, f"There are too many values to index for {codes[0]}.")
                    for code in codes:
                        into.put_group(code, inner)
        except FhirPathError as error:
            for code in codes:
                into.site.failed(resource_type, code, error)

    return put


_Reader = Callable[[Any], Pairs]
_Finders = tuple[Callable[[Json], Pairs], Callable[[str], tuple[_Reader, ...]]]


def _by_value(expression: str, parts: Parts, resource_type: str) -> _Finders:
    @cache
    def readers(type_name: str) -> tuple[_Reader, ...]:
        return tuple(selection(part, type_name) for _, part in parts)

    return selection(expression, resource_type), readers


def _by_place(expression: str, parts: Parts, resource_type: str) -> _Finders:
    """For components that ask for `%resource`: only a node knows what it stands in."""

    @cache
    def readers(type_name: str) -> tuple[_Reader, ...]:
        return tuple(_at_node(part, type_name) for _, part in parts)

    def elements(resource: Json) -> Pairs:
        return [(node.type, node) for node in compile_expression(expression, resource_type).evaluate(resource)]

    return elements, readers


def _at_node(part: str, type_name: str) -> _Reader:
    def read(node: Any) -> Pairs:
        found = compile_expression(part, type_name).evaluate(node)
        return [(each.type, each.value) for each in found if each.value is not None]

    return read
