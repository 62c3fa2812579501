"""FHIRPath: expressions over resources, compiled once and evaluated often.

https://hl7.org/fhir/R4/fhirpath.html, http://hl7.org/fhirpath/N1/
"""

from fhirhub.fhirpath.errors import FhirPathError, FhirPathSyntaxError, FhirPathTypeError
from fhirhub.fhirpath.expression import Expression, compile_expression
from fhirhub.fhirpath.node import Node, companion
from fhirhub.fhirpath.scope import Terminology

__all__ = [
    "Expression",
    "FhirPathError",
    "FhirPathSyntaxError",
    "FhirPathTypeError",
    "Node",
    "Terminology",
    "companion",
    "compile_expression",
]
