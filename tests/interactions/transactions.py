"""What tests of transactions look at: the rows of the answer, and everything the database holds."""

from typing import Any

from fhirhub.model.json import Json
from tests.interactions.hub_client import BASE, Answer, HubClient

PATCH = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "add"},
                {"name": "path", "valueString": "Patient"},
                {"name": "name", "valueString": "language"},
                {"name": "value", "valueCode": "en"},
            ],
        }
    ],
}
"""A FHIRPath Patch that sets the language of a Patient."""


def statuses(answer: Answer) -> list[str]:
    assert answer.resource["type"] == "transaction-response", answer.resource
    return [row["response"]["status"] for row in answer.entries]


def location(row: Json) -> str:
    """`Type/id` of an entry of the response."""
    path: str = row["response"]["location"].removeprefix(f"{BASE}/")
    return path.partition("/_history/")[0]


def everything(hub: HubClient) -> dict[str, Any]:
    """What the database holds apart from the lock counters."""
    database = hub.database
    return {
        name: sorted(database[name].find(), key=lambda document: str(document["_id"]))
        for name in database.list_collection_names()
        if name != "lock"
    }
