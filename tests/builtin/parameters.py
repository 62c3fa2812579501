"""Parameters, as tests send and read them."""

from typing import Any

from fhirhub.model.json import Json


def sent(**values: Any) -> Json:
    """Parameters of resources, or of values with their type before an underscore: `valueCode_mode="update"`."""
    rows = []
    for name, value in values.items():
        kind, underscore, rest = name.partition("_")
        if underscore and kind.startswith("value"):
            rows.append({"name": rest, kind: value})
        else:
            rows.append({"name": name, "resource": value})
    return {"resourceType": "Parameters", "parameter": rows}


def returned(parameters: Json, name: str = "return") -> Any:
    """The one value of an out parameter."""
    (row,) = (row for row in parameters["parameter"] if row["name"] == name)
    (value,) = (value for key, value in row.items() if key != "name")
    return value
