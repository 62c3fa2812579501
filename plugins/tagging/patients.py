"""Whose record a change belongs to, and whose records are one since they have been merged.

https://hl7.org/fhir/R4/patient.html#links
"""

from collections.abc import Iterator
from typing import Final

from fhirhub.plugin import Change, Json, Reader

_LONGEST: Final = 20
"""Records that have been merged into one, at most."""


def concerned(change: Change, hub: Reader) -> tuple[str, ...]:
    """Return the patients whose tags a change can change: of this version and of the one before it."""
    return tuple(dict.fromkeys(patient for version in versions(change, hub) for patient in _patients_of(version)))


def versions(change: Change, hub: Reader) -> list[Json]:
    """Return the version and the one before it, those that are no deletions."""
    found = [] if change.resource is None else [change.resource]
    if change.version > 1:
        before = hub.read(change.resource_type, change.logical_id, str(change.version - 1))
        if before is not None:
            found.append(before)
    return found


def survivor(patient: str, hub: Reader) -> str:
    """Return the record that has taken a patient's place; the patient's own where none has."""
    for _ in range(_LONGEST):
        found = hub.read("Patient", patient.partition("/")[2])
        onward = next(_linked(found or {}, "replaced-by"), None)
        if onward is None:
            break
        patient = onward
    return patient


def merged(patient: str, hub: Reader) -> tuple[str, ...]:
    """Return the patient and all whose record this one has replaced, as references."""
    found = [patient]
    for each in found:
        for other in hub.search("Patient", (("link", each), ("_count", "50"))):
            reference = f"Patient/{other['id']}"
            if each in _linked(other, "replaced-by") and reference not in found and len(found) < _LONGEST:
                found.append(reference)
    return tuple(found)


def _patients_of(resource: Json) -> Iterator[str]:
    if resource["resourceType"] == "Patient":
        yield f"Patient/{resource['id']}"
        yield from _linked(resource, "replaced-by")
        return
    # Whom a Task is for is named as no other resource names it.
    owner: Json = next((resource[name] for name in ("subject", "patient", "for") if name in resource), {})
    reference = owner.get("reference", "")
    if reference.startswith("Patient/"):
        yield reference.partition("/_history/")[0]


def _linked(patient: Json, kind: str) -> Iterator[str]:
    for link in patient.get("link", ()):
        reference = link.get("other", {}).get("reference", "")
        if link.get("type") == kind and reference.startswith("Patient/"):
            yield reference.partition("/_history/")[0]
