"""Which patch a media type names: https://hl7.org/fhir/R4/http.html#patch."""

from typing import Any

import pytest

from fhirhub.errors import Failure, FhirError
from fhirhub.patch import MEDIA_TYPES, apply_patch

PATIENT = {"resourceType": "Patient", "active": True, "birthDate": "1930"}
INACTIVE = {"resourceType": "Patient", "active": False, "birthDate": "1930"}

BODIES: dict[str, Any] = {
    "application/json-patch+json": [{"op": "replace", "path": "/active", "value": False}],
    "application/merge-patch+json": {"active": False},
    "application/fhir+json": {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [
                    {"name": "type", "valueCode": "replace"},
                    {"name": "path", "valueString": "Patient.active"},
                    {"name": "value", "valueBoolean": False},
                ],
            }
        ],
    },
}


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_apply_patch_takes(media_type: str) -> None:
    assert apply_patch(PATIENT, media_type, BODIES[media_type]) == INACTIVE


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
@pytest.mark.parametrize("body", [None, "x", 1])
def test_apply_patch_refuses_bodies_of_no_kind(media_type: str, body: Any) -> None:
    with pytest.raises(FhirError) as caught:
        apply_patch(PATIENT, media_type, body)
    assert (caught.value.status, caught.value.issues[0].code) == (400, "value")


@pytest.mark.parametrize(
    "media_type", [None, "", "application/json", "application/xml", "application/xml-patch+xml", "text/plain"]
)
def test_apply_patch_refuses_other_media_types(media_type: str | None) -> None:
    with pytest.raises(FhirError) as caught:
        apply_patch(PATIENT, media_type, {"active": False})
    assert caught.value.failure is Failure.UNSUPPORTED_MEDIA_TYPE
    assert (media_type or "no media type") in caught.value.issues[0].diagnostics
    for known in MEDIA_TYPES:
        assert known in caught.value.headers["Accept-Patch"]
