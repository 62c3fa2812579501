"""Read-only registries of what FHIR R4 defines, compiled from the official package.

https://hl7.org/fhir/R4/downloads.html (package `hl7.fhir.r4.core` 4.0.1, licence CC0)
"""

from fhirhub.definitions.code_systems import CodeSystem, ValueSet, parents_of, r4_code_systems, r4_value_sets
from fhirhub.definitions.compartments import Compartment
from fhirhub.definitions.elements import Constraint, Element, TypeDefinition, TypeKind
from fhirhub.definitions.operations import OperationDefinition, OperationParameter
from fhirhub.definitions.registry import Definitions, r4
from fhirhub.definitions.search_parameters import SearchComponent, SearchParameter, SearchParameterType

__all__ = [
    "CodeSystem",
    "Compartment",
    "Constraint",
    "Definitions",
    "Element",
    "OperationDefinition",
    "OperationParameter",
    "SearchComponent",
    "SearchParameter",
    "SearchParameterType",
    "TypeDefinition",
    "TypeKind",
    "ValueSet",
    "parents_of",
    "r4",
    "r4_code_systems",
    "r4_value_sets",
]
