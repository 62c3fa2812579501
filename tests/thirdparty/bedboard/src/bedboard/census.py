"""Which beds are taken, written down by a job."""

from typing import Any

from bedboard.beds import held
from fhirhub.plugin import JobRun


def count(run: JobRun) -> Any:
    encounters = run.hub.search("Encounter", (("status", "in-progress"),))
    beds = sorted({reference for encounter in encounters for _, reference in held(encounter)})
    census = {
        "resourceType": "List",
        "id": "bedboard-census",
        "status": "current",
        "mode": "snapshot",
        "title": "Beds that are taken",
    }
    run.hub.update({**census, "entry": [{"item": {"reference": bed}} for bed in beds]} if beds else census)
    return {"beds": len(beds)}
