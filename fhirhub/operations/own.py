"""Operations that are no plugin's: the route table answers them, and here are their definitions.

https://hl7.org/fhir/R4/operationdefinition.html
"""

from typing import Final

from fhirhub.model.json import Json

_DEFINED: Final[Json] = {"resourceType": "OperationDefinition", "status": "active", "kind": "operation"}


def _in(name: str, kind: str, most: str, documentation: str) -> Json:
    return {"name": name, "use": "in", "min": 0, "max": most, "type": kind, "documentation": documentation}


_RETURN: Final[Json] = {"name": "return", "use": "out", "min": 1, "max": "1", "type": "Parameters"}

OWN: Final[tuple[Json, ...]] = (
    {
        **_DEFINED,
        "name": "Plugins",
        "code": "plugins",
        "affectsState": False,
        "system": True,
        "type": False,
        "instance": False,
        "description": "Which plugins there are, in which order, what they implement, how often that was called.",
        "parameter": [_RETURN],
    },
    {
        **_DEFINED,
        "name": "Reindex",
        "code": "reindex",
        "affectsState": True,
        "resource": ["SearchParameter"],
        "system": True,
        "type": False,
        "instance": True,
        "description": "Makes index entries anew, in the background. GET tells how far that is.",
        "parameter": [
            _in("type", "code", "*", "Resource types, separated by commas; none: all types. At the system level."),
            _in("parameter", "code", "*", "Codes of search parameters, separated by commas. At the system level."),
            _RETURN,
        ],
    },
)
