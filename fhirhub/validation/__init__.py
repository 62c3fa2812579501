"""Validation against the base specification, on for everything that is written.

https://hl7.org/fhir/R4/validation.html
"""

from fhirhub.validation.validator import validate_resource

__all__ = ["validate_resource"]
