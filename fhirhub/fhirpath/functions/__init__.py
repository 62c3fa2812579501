"""All functions by name. `is`, `as`, `ofType` and `sort`, whose arguments are no plain expressions, are the compiler's.

http://hl7.org/fhirpath/N1/#functions, https://hl7.org/fhir/R4/fhirpath.html#functions
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fhirhub.fhirpath.functions.boundaries import BOUNDARIES
from fhirhub.fhirpath.functions.conversion import CONVERSION
from fhirhub.fhirpath.functions.existence import EXISTENCE
from fhirhub.fhirpath.functions.filtering import FILTERING
from fhirhub.fhirpath.functions.mathematics import MATHEMATICS
from fhirhub.fhirpath.functions.resource import RESOURCE
from fhirhub.fhirpath.functions.signature import SAME, Function
from fhirhub.fhirpath.functions.strings import STRINGS
from fhirhub.fhirpath.functions.subsetting import SUBSETTING
from fhirhub.fhirpath.functions.tree import TREE

FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {**EXISTENCE, **FILTERING, **SUBSETTING, **CONVERSION, **STRINGS, **MATHEMATICS, **BOUNDARIES, **TREE, **RESOURCE}
)

__all__ = ["FUNCTIONS", "SAME", "Function"]
