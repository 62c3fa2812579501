"""A bed that becomes free is to be cleaned: one Task for each Encounter, however often its end is told."""

from fhirhub.plugin import Change, Hub


def hear(change: Change, hub: Hub) -> None:
    encounter = change.resource
    if encounter is None or encounter["status"] != "finished" or not encounter.get("location"):
        return
    hub.update(
        {
            "resourceType": "Task",
            "id": f"clean-{change.logical_id}",
            "status": "requested",
            "intent": "order",
            "code": {"text": "Clean the bed"},
            "focus": {"reference": encounter["location"][0]["location"]["reference"]},
            "encounter": {"reference": change.reference},
        }
    )
