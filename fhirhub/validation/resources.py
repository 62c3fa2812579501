"""What holds for every resource as a whole: its type, and what a contained one may not have.

https://hl7.org/fhir/R4/resource.html, https://hl7.org/fhir/R4/references.html#contained
"""

from typing import Any, Final

from fhirhub.definitions import r4
from fhirhub.validation.faults import Faults, fault, shown, suggestion, wrong_json_type

_UNMANAGED: Final = {"versionId": "dom-4", "lastUpdated": "dom-4", "security": "dom-5"}


def type_faults(value: Any) -> Faults | None:
    """Check that a value is an object with the `resourceType` of a concrete R4 type."""
    if type(value) is not dict:
        return wrong_json_type(value, "a resource (an object)")
    resource_type = value.get("resourceType")
    if type(resource_type) is str and r4().is_resource_type(resource_type):
        return None
    if "resourceType" not in value:
        text = "A resource says its type in `resourceType`; it is missing."
        return fault("resource-type", "required", text, "resourceType")
    if not isinstance(resource_type, str):
        return fault("resource-type", "structure", "`resourceType` must be a string.", "resourceType")
    definition = r4().types.get(resource_type)
    if definition is not None and definition.abstract and definition.kind == "resource":
        text = f"{resource_type} is abstract: no resource is just that."
    else:
        text = f"{shown(resource_type)} is not a resource type of R4.{suggestion(resource_type, r4().resource_types)}"
    return fault("resource-type", "value", text, "resourceType")


def contained_faults(value: dict[str, Any], found: Faults | None) -> Faults | None:
    """Add to `found` what a contained resource may not have or must have."""
    if "id" not in value:
        text = "A contained resource needs an id: nothing could refer to it."
        found = (found or []) + fault("contained-id", "required", text, "id")
    if "contained" in value:
        text = "A contained resource cannot contain resources itself."
        found = (found or []) + fault("dom-2", "invariant", text, "contained")
    meta = value.get("meta")
    if isinstance(meta, dict):
        for name in meta.keys() & _UNMANAGED.keys():
            text = f"A contained resource has no {name} of its own."
            found = (found or []) + fault(_UNMANAGED[name], "invariant", text, name, "meta")
    return found
