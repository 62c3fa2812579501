"""The registries of R4, read once from the compiled tables.

https://hl7.org/fhir/R4/resourcelist.html, https://hl7.org/fhir/R4/searchparameter-registry.html
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import msgspec

from fhirhub.definitions.compartments import Compartment
from fhirhub.definitions.elements import Element, TypeDefinition
from fhirhub.definitions.operations import OperationDefinition
from fhirhub.definitions.search_parameters import SearchParameter

FHIR_VERSION: Final = "4.0.1"
"""The version of FHIR the compiled tables are of."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """Everything the base specification defines, by name.

    `types` holds resources, data types, primitives and backbone elements (`Observation.component`).
    `value_sets` maps the canonical of a required binding to the codes it allows, or to None where the set is open
    (media types, currencies, UCUM) and only the syntax can be checked. `codings` holds the same codes by code system,
    None for a system that is open.
    """

    types: Mapping[str, TypeDefinition]
    resource_types: tuple[str, ...]
    value_sets: Mapping[str, frozenset[str] | None]
    codings: Mapping[str, Mapping[str, frozenset[str] | None]]
    compartments: Mapping[str, Compartment]
    operations: Mapping[str, OperationDefinition]
    _search_parameters: Mapping[str, Mapping[str, SearchParameter]]

    def type(self, name: str) -> TypeDefinition:
        """Return the definition of a type or backbone path; KeyError when R4 has none of that name."""
        return self.types[name]

    def is_resource_type(self, name: str) -> bool:
        """Whether `name` is one of the 146 concrete resource types."""
        return name in self._search_parameters

    def search_parameters(self, resource_type: str) -> Mapping[str, SearchParameter]:
        """Return the search parameters of a resource type by code, those of all resources included."""
        return self._search_parameters[resource_type]


def _lines(name: str) -> list[bytes]:
    return files("fhirhub.definitions").joinpath("data", name).read_bytes().splitlines()


def _types() -> dict[str, TypeDefinition]:
    decoder = msgspec.json.Decoder(dict[str, Any])
    types: dict[str, TypeDefinition] = {}
    for line in _lines("types.ndjson"):
        raw = decoder.decode(line)
        elements = [msgspec.convert(item, Element) for item in raw.pop("elements")]
        choices: dict[str, list[Element]] = defaultdict(list)
        for element in elements:
            if element.choice is not None:
                choices[element.choice].append(element)
        raw["elements"] = {}
        definition = msgspec.convert(raw, TypeDefinition)
        types[definition.name] = TypeDefinition(
            name=definition.name,
            kind=definition.kind,
            parent=definition.parent,
            abstract=definition.abstract,
            elements=MappingProxyType({element.name: element for element in elements}),
            choices=MappingProxyType({name: tuple(members) for name, members in choices.items()}),
            required_choices=definition.required_choices,
            regex=definition.regex,
            constraints=definition.constraints,
            url=definition.url,
        )
    return types


def _search_parameters(
    types: Mapping[str, TypeDefinition], resource_types: tuple[str, ...]
) -> Mapping[str, Mapping[str, SearchParameter]]:
    by_type: dict[str, dict[str, SearchParameter]] = {name: {} for name in resource_types}
    decoder = msgspec.json.Decoder(SearchParameter)
    for line in _lines("search_parameters.ndjson"):
        parameter = decoder.decode(line)
        for base in parameter.base:
            if base == "Resource":
                names = resource_types
            elif base == "DomainResource":
                names = tuple(name for name in resource_types if types[name].parent == base)
            else:
                names = (base,)
            for name in names:
                by_type[name][parameter.code] = parameter
    return MappingProxyType({name: MappingProxyType(found) for name, found in by_type.items()})


def _codings() -> dict[str, Mapping[str, frozenset[str] | None]]:
    decoder = msgspec.json.Decoder(tuple[str, dict[str, frozenset[str] | None]])
    return {url: MappingProxyType(by_system) for url, by_system in map(decoder.decode, _lines("value_sets.ndjson"))}


def _union(by_system: Mapping[str, frozenset[str] | None]) -> frozenset[str] | None:
    if len(by_system) == 1:
        return next(iter(by_system.values()))
    codes: set[str] = set()
    for members in by_system.values():
        if members is None:
            return None
        codes |= members
    return frozenset(codes) or None


@cache
def r4() -> Definitions:
    """Return the definitions of FHIR R4 (4.0.1). Read on first use, then shared; nothing in it can be changed."""
    types = _types()
    resource_types = tuple(sorted(t.name for t in types.values() if t.kind == "resource" and not t.abstract))
    codings = _codings()
    compartments = [msgspec.json.decode(line, type=Compartment) for line in _lines("compartments.ndjson")]
    operations = [msgspec.json.decode(line, type=OperationDefinition) for line in _lines("operations.ndjson")]
    return Definitions(
        types=MappingProxyType(types),
        resource_types=resource_types,
        value_sets=MappingProxyType({url: _union(by_system) for url, by_system in codings.items()}),
        codings=MappingProxyType(codings),
        compartments=MappingProxyType({c.code: c for c in compartments}),
        operations=MappingProxyType({f"{'/'.join(o.resource) or 'System'}-{o.code}": o for o in operations}),
        _search_parameters=_search_parameters(types, resource_types),
    )
