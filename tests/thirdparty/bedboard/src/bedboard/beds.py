"""Beds are Locations, and an Encounter that is in progress holds those it names."""

from collections.abc import Iterator
from typing import Any, Final

from fhirhub.plugin import Issue, Json, OperationCall, Reader

DEFINITION: Final[Json] = {
    "resourceType": "OperationDefinition",
    "id": "occupancy",
    "url": "http://bedboard.example/OperationDefinition/occupancy",
    "name": "Occupancy",
    "status": "active",
    "kind": "operation",
    "code": "occupancy",
    "affectsState": False,
    "resource": ["Location"],
    "system": False,
    "type": False,
    "instance": True,
    "parameter": [
        {"name": "occupied", "use": "out", "min": 1, "max": "1", "type": "boolean"},
        {"name": "patient", "use": "out", "min": 0, "max": "*", "type": "Reference"},
    ],
}


def held(encounter: Json) -> Iterator[tuple[int, str]]:
    """Yield position and reference of the beds that an Encounter holds now."""
    if encounter.get("status") == "in-progress":
        for index, row in enumerate(encounter.get("location", ())):
            reference = row["location"].get("reference", "")
            if row.get("status", "active") == "active" and reference.startswith("Location/"):
                yield index, reference


def holders(bed: str, reader: Reader) -> list[Json]:
    """Return the Encounters that hold a bed (`Location/1`)."""
    found = reader.search("Encounter", (("location", bed), ("status", "in-progress")))
    return [encounter for encounter in found if bed in {reference for _, reference in held(encounter)}]


def conflicts(encounter: Json, reader: Reader) -> list[Issue]:
    """Return what is wrong with the beds that an Encounter is to hold."""
    return [
        Issue("error", "conflict", f"{bed} is taken by Encounter/{other['id']}.", (f"Encounter.location[{index}]",))
        for index, bed in held(encounter)
        for other in holders(bed, reader)
        if other["id"] != encounter.get("id")
    ]


def occupancy(call: OperationCall) -> dict[str, Any]:
    """Answer `$occupancy`."""
    found = holders(f"Location/{call.logical_id}", call.hub)
    patients = [encounter["subject"] for encounter in found if "subject" in encounter]
    return {"occupied": bool(found), **({"patient": patients} if patients else {})}
