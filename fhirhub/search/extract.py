"""From a resource to its index entries, by the expressions of the search parameters of its type.

https://hl7.org/fhir/R4/searchparameter.html#expression
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from fhirhub.definitions import r4
from fhirhub.fhirpath import FhirPathError
from fhirhub.model.json import Json
from fhirhub.search import keys
from fhirhub.search.collector import Collector, Converter, Pairs, Put
from fhirhub.search.convert import convert_all, converters_of, embedded, is_indexed, points_to, selection
from fhirhub.search.index_composite import composites
from fhirhub.search.index_texts import TEXTS, Texts, put_texts
from fhirhub.search.leading import put_leading
from fhirhub.search.parameters import SearchParameters
from fhirhub.search.paths import branches
from fhirhub.search.site import Site
from fhirhub.search.unions import is_union
from fhirhub.search.values import Contained, IndexEntries
from fhirhub.search.words import words

MAX_BESIDE: Final = 2_000
"""Most index entries that the contained resources of one resource may have as well for those beside them.

What they refer to is copied: without a limit, some hundred that all refer to a large one would fill the document.
"""


@dataclass(frozen=True, slots=True)
class _Target:
    """A parameter fed by an expression; `only` restricts it to references to one type."""

    code: str
    converters: Mapping[str, Converter]
    texts: Mapping[str, Texts]
    only: str | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to do for a resource type: `always`, and what is worth doing where a property is present."""

    always: tuple[Put, ...]
    by_property: Mapping[str, tuple[Put, ...]]


def extract(resource: Json, resource_type: str, site: Site) -> IndexEntries:
    """Return the index entries of a valid resource."""
    found = _found(resource, resource_type, resource, site)
    entries = found.entries()
    put_leading(entries, resource_type)
    if site.full_text:
        entries.words = words(resource)
    if "contained" in resource:
        entries.contained = _contained(resource, found, site)
    return entries


def _contained(resource: Json, outer: Collector, site: Site) -> list[Contained]:
    """Return what a resource contains; what that refers to among it stands in it once more, for chains to find."""
    found = [
        (inner["id"], inner["resourceType"], _found(inner, inner["resourceType"], resource, site))
        for inner in resource["contained"]
        if "id" in inner
    ]
    by_id: dict[str, list[tuple[str, Collector]]] = defaultdict(list)
    for logical_id, name, own in found:
        by_id[logical_id].append((name, own))
    contained, room = [], MAX_BESIDE
    for logical_id, name, own in found:
        entries = _held(own, outer.held.get(logical_id, ()))
        for other_id, codes in own.held.items():
            for other_name, other in by_id.get(other_id, ()):
                room -= other.size()
                if room >= 0:
                    entries.contained.append(Contained(other_name, other_id, _held(other, codes)))
                    entries.tokens += (key for key in map(keys.beside_key, codes) if key not in entries.tokens)
        contained.append(Contained(name, logical_id, entries))
    return contained


def _held(own: Collector, codes: Iterable[str]) -> IndexEntries:
    entries = own.entries()
    entries.tokens += map(keys.held_key, codes)
    entries.points = []
    return entries


def _found(resource: Json, resource_type: str, holder: Json, site: Site) -> Collector:
    plan = _plan(site.parameters, resource_type)
    into = Collector(site)
    for put in plan.always:
        put(resource, holder, into)
    by_property = plan.by_property
    for name in resource:
        for put in by_property.get(name, ()):
            put(resource, holder, into)
    return into


def _source(expression: str, resource_type: str, targets: tuple[_Target, ...]) -> Put:
    """An expression, evaluated once for all parameters that use it."""
    select = selection(expression, resource_type)

    def put(resource: Json, holder: Json, into: Collector) -> None:
        try:
            values = select(resource)
        except FhirPathError as error:
            for target in targets:
                into.site.failed(resource_type, target.code, error)
            return
        if not values:
            return
        for target in targets:
            meant = values if target.only is None else _pointing(values, target.only, holder)
            if not meant:
                continue
            convert_all(target.code, target.converters, meant, into)
            if target.texts:
                put_texts(target.code, target.texts, meant, into)

    return put


def _pointing(values: Pairs, only: str, holder: Json) -> Pairs:
    return [pair for pair in values if pair[0] == "Reference" and points_to(pair[1], holder) == only]


def _guarded(put: Put, resource_type: str, added: Sequence[str]) -> Put:
    """Keep what parameters that were added to R4 raise from doing harm to anything but themselves."""
    if not added:
        return put

    def guarded(resource: Json, holder: Json, into: Collector) -> None:
        try:
            put(resource, holder, into)
        except Exception as error:  # whatever somebody's expression comes upon
            for code in added:
                into.site.failed(resource_type, code, error)

    return guarded


@lru_cache(maxsize=1024)
def _plan(parameters: SearchParameters, resource_type: str) -> _Plan:
    targets: dict[str, list[_Target]] = defaultdict(list)
    properties: dict[str, frozenset[str]] = {}
    for parameter in parameters.of(resource_type).values():
        if parameter.type == "composite" or not is_indexed(parameter, resource_type):
            continue
        if is_union(parameter, resource_type):
            continue
        for branch in branches(parameter, resource_type):
            converters = converters_of(parameter)
            if any(element.type == "Resource" for element in branch.elements):
                converters = MappingProxyType(dict.fromkeys(parameter.target, embedded))
            target = _Target(parameter.code, converters, TEXTS.get(parameter.type, {}), branch.only)
            targets[branch.expression].append(target)
            properties[branch.expression] = branch.properties
    always: list[Put] = []
    by_property: dict[str, list[Put]] = defaultdict(list)

    def plan(needed: frozenset[str], put: Put) -> None:
        for name in needed:
            by_property[name].append(put)
        if not needed:
            always.append(put)

    known = r4().search_parameters(resource_type)
    for expression, fed in targets.items():
        put = _source(expression, resource_type, tuple(fed))
        added = [target.code for target in fed if target.code not in known]
        plan(properties[expression], _guarded(put, resource_type, added))
    every = parameters.of(resource_type).values()
    added = [each.code for each in every if each.type == "composite" and each.code not in known]
    for needed, put in composites(resource_type, parameters):
        plan(needed, _guarded(put, resource_type, added))
    return _Plan(tuple(always), MappingProxyType({name: tuple(found) for name, found in by_property.items()}))
