"""From a resource to its index entries, by the expressions of the search parameters of its type.

https://hl7.org/fhir/R4/searchparameter.html#expression
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from fhirhub.fhirpath import compile_expression
from fhirhub.model.json import Json
from fhirhub.search.convert import CONVERTERS, Collector, Converter, embedded, is_indexed, points_to
from fhirhub.search.leading import event, leading, listed
from fhirhub.search.parameters import SearchParameters
from fhirhub.search.paths import branches
from fhirhub.search.site import Site
from fhirhub.search.values import IndexEntries, RangeEntry


@dataclass(frozen=True, slots=True)
class _Target:
    """A parameter fed by a source; `only` restricts it to references to one type."""

    code: str
    converters: Mapping[str, Converter]
    only: str | None


@dataclass(frozen=True, slots=True)
class _Source:
    """An expression, evaluated once for all parameters that use it."""

    select: Callable[[Json], list[tuple[str, Any]]]
    targets: tuple[_Target, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to evaluate for a resource type: `always`, and what is worth evaluating where a property is present."""

    always: tuple[_Source, ...]
    by_property: Mapping[str, tuple[_Source, ...]]


def extract(resource: Json, resource_type: str, site: Site) -> IndexEntries:
    """Return the index entries of a valid resource."""
    plan = _plan(site.parameters, resource_type)
    into = Collector(site)
    for source in plan.always:
        _apply(source, resource, into)
    by_property = plan.by_property
    for name in resource:
        for source in by_property.get(name, ()):
            _apply(source, resource, into)
    entries = IndexEntries(
        tokens=list(into.tokens),
        dates=[RangeEntry(*fields) for fields in into.dates],
        numbers=[RangeEntry(*fields) for fields in into.numbers],
    )
    if leading(resource_type) is not None:
        entries.event = event(resource_type, entries.dates)
        entries.listed = listed(resource_type, entries.tokens)
    return entries


def _apply(source: _Source, resource: Json, into: Collector) -> None:
    values = source.select(resource)
    if not values:
        return
    for target in source.targets:
        present = found = False
        code, converters, only = target.code, target.converters, target.only
        for type_name, value in values:
            if only is not None and (type_name != "Reference" or points_to(value, resource) != only):
                continue
            present = True
            converter = converters.get(type_name)
            if converter is not None and converter(code, value, into):
                found = True
        if present and not found:
            # Not missing, although nothing in it can be searched for.
            into.tokens[f"{code}="] = None


@lru_cache(maxsize=1024)
def _plan(parameters: SearchParameters, resource_type: str) -> _Plan:
    targets: dict[str, list[_Target]] = defaultdict(list)
    properties: dict[str, frozenset[str]] = {}
    for parameter in parameters.of(resource_type).values():
        if not is_indexed(parameter, resource_type):
            continue
        for branch in branches(parameter, resource_type):
            converters = CONVERTERS[parameter.type]
            if any(element.type == "Resource" for element in branch.elements):
                converters = MappingProxyType(dict.fromkeys(parameter.target, embedded))
            targets[branch.expression].append(_Target(parameter.code, converters, branch.only))
            properties[branch.expression] = branch.properties
    always: list[_Source] = []
    by_property: dict[str, list[_Source]] = defaultdict(list)
    for expression, fed in targets.items():
        source = _Source(compile_expression(expression, resource_type).select, tuple(fed))
        if not properties[expression]:
            always.append(source)
        for name in properties[expression]:
            by_property[name].append(source)
    return _Plan(tuple(always), MappingProxyType({name: tuple(found) for name, found in by_property.items()}))
