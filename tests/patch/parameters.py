"""The parameters of a FHIRPath Patch, built from what a case says: https://hl7.org/fhir/R4/fhirpatch.html."""

import copy
from typing import Any

import pytest

from fhirhub.errors import FhirError
from fhirhub.patch import fhirpath_patch

Json = dict[str, Any]

_TYPES = {"type": "valueCode", "index": "valueInteger", "source": "valueInteger", "destination": "valueInteger"}


def operation(kind: str, path: str, value: Json | None = None, **parts: Any) -> Json:
    """One `operation` parameter; `value` holds what stands beside the name of the value part."""
    rows: list[Json] = [
        {"name": name, _TYPES.get(name, "valueString"): content}
        for name, content in {"type": kind, "path": path, **parts}.items()
    ]
    if value is not None:
        rows.append({"name": "value", **value})
    return {"name": "operation", "part": rows}


def extension(url: str, **value: Any) -> Json:
    """The value of an Extension, which no value[x] can be, in parts."""
    rows: list[Json] = [{"name": "url", "valueUri": url}]
    return {"part": [*rows, {"name": "value", **value}] if value else rows}


def patched(resource: Json, *operations: Json) -> Json:
    parameters = {"resourceType": "Parameters", "parameter": list(operations)}
    before = copy.deepcopy((resource, parameters))
    try:
        return fhirpath_patch.apply(resource, parameters)
    finally:
        assert (resource, parameters) == before


def refused(resource: Json, *operations: Json) -> FhirError:
    with pytest.raises(FhirError) as caught:
        patched(resource, *operations)
    return caught.value


def patient(**content: Any) -> Json:
    return {"resourceType": "Patient", **content}


def observation(**content: Any) -> Json:
    return {"resourceType": "Observation", **content}


IDENTIFIERS = [{"value": "a"}, {"value": "b", "use": "official"}, {"value": "c"}]
