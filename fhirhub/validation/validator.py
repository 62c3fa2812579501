"""All findings about one resource at once.

https://hl7.org/fhir/R4/validation.html
"""

from fhirhub.errors import Issue
from fhirhub.validation.faults import Faults, Scope, fault, shown
from fhirhub.validation.report import issues
from fhirhub.validation.resources import type_faults
from fhirhub.validation.structure import object_check


def validate_resource(
    resource: object,
    *,
    resource_type: str | None = None,
    source: bytes | None = None,
    allow_conditional_references: bool = False,
) -> list[Issue]:
    """Return what is wrong with a resource by the base specification: structure, values, required bindings, references.

    Arguments:
        resource: parsed JSON with numbers as `int` and `Decimal`.
        resource_type: the type it must have; None allows any.
        source: the bytes it was parsed from; with them each issue says line and column, without them a JSON Pointer.
        allow_conditional_references: accept `Patient?identifier=…` as a reference (entries of a transaction).

    The list is empty when nothing is wrong, and ends with a note when there were more findings than are listed.
    Nothing that can be parsed from JSON raises an error.
    """
    try:
        found = _faults(resource, resource_type, allow_conditional_references)
    except RecursionError:
        found = fault("depth", "too-costly", "The resource nests elements too deeply to be validated.")
    return issues(found, resource, source) if found else []


def _faults(resource: object, resource_type: str | None, allow_conditional_references: bool) -> Faults | None:
    wrong = type_faults(resource)
    if wrong is not None or not isinstance(resource, dict):
        return wrong
    actual = resource["resourceType"]
    if resource_type is not None and actual != resource_type:
        text = f"The resource is of type {shown(actual)}; {resource_type} is expected here."
        return fault("resource-type", "invalid", text, "resourceType")
    return object_check(actual)(resource, Scope(resource, allow_conditional_references))
