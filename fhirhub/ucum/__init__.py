"""UCUM, the Unified Code for Units of Measure: what a unit code means, exact conversion, canonical units.

https://ucum.org/ucum, as https://hl7.org/fhir/R4/ucum.html uses it. The units are those of UCUM 2.2 (2024-06-17),
copyright 1999-2024 Regenstrief Institute, Inc.; `units.tsv` holds the facts of its tables (codes, values, defining
units), the licence is at https://ucum.org/license.
"""

from fhirhub.ucum.conversion import canonical, convert, decimal_of, is_comparable, is_valid, parse_unit
from fhirhub.ucum.errors import UcumError
from fhirhub.ucum.unit import BASE_UNITS, Special, Unit

__all__ = [
    "BASE_UNITS",
    "Special",
    "UcumError",
    "Unit",
    "canonical",
    "convert",
    "decimal_of",
    "is_comparable",
    "is_valid",
    "parse_unit",
]
