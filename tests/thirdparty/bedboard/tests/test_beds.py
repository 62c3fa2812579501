"""Beds, cleaning and census on a server with this plugin alone."""

from collections.abc import Callable, Sequence

import pytest

from fhirhub.plugin import Failure, FhirError, Hub, Json
from fhirhub.plugin.testing import patient


@pytest.fixture
def plugins() -> Sequence[str]:
    return ("bedboard",)


def stay(who: str, status: str = "in-progress") -> Json:
    return {
        "resourceType": "Encounter",
        "status": status,
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": who},
        "location": [{"location": {"reference": "Location/bed"}, "status": "active"}],
    }


def test_bed_is_held_by_one(hub: Hub, drain: Callable[[], None]) -> None:
    hub.update({"resourceType": "Location", "id": "bed", "name": "1 <A>"})
    one, two = (f"Patient/{hub.create(patient())['id']}" for _ in range(2))
    first = hub.create(stay(one))
    with pytest.raises(FhirError) as told:
        hub.create(stay(two))
    assert told.value.failure is Failure.UNPROCESSABLE
    answer = hub.operation("Location/bed/$occupancy")
    assert answer is not None
    assert answer["parameter"][0]["valueBoolean"] is True
    hub.update({**first, "status": "finished"})
    drain()
    task = hub.read("Task", f"clean-{first['id']}")
    assert task is not None
    assert task["focus"] == {"reference": "Location/bed"}
    hub.create(stay(two))
    drain()
    census = hub.read("List", "bedboard-census")
    assert census is not None
    assert len(census["entry"]) == 1
