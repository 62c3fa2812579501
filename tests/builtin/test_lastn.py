"""$lastn. https://hl7.org/fhir/R4/observation-operation-lastn.html"""

from typing import Any

import pytest

from fhirhub.model.json import Json
from tests.interactions.hub_client import HubClient, patient

LOINC = "http://loinc.org"
LOCAL = "http://lab.example"


def measured(subject: str, code: str | list[Json], at: str, **more: Any) -> Json:
    coding = [{"system": LOINC, "code": code}] if isinstance(code, str) else code
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": coding},
        "subject": {"reference": subject},
        "effectiveDateTime": at,
        **more,
    }


def somebody(hub: HubClient) -> str:
    return f"Patient/{hub.post('Patient', patient()).id}"


def dates(bundle: Json) -> list[str]:
    return [row["resource"]["effectiveDateTime"] for row in bundle.get("entry", ())]


def test_newest_of_each_code_comes(hub: HubClient) -> None:
    who, other = somebody(hub), somebody(hub)
    for code, at in (("1", "2024-01-01"), ("1", "2024-03-01"), ("1", "2024-02-01"), ("2", "2023-05-01")):
        hub.post("Observation", measured(who, code, at))
    hub.post("Observation", measured(other, "1", "2025-01-01"))
    bundle = hub.get(f"Observation/$lastn?patient={who}&category=laboratory").resource
    assert (bundle["type"], bundle["total"]) == ("searchset", 2)
    assert dates(bundle) == ["2024-03-01", "2023-05-01"]
    assert bundle["entry"][0]["search"] == {"mode": "match"}
    assert dates(hub.get(f"Observation/$lastn?subject={who}&category=laboratory&max=2").resource) == [
        *("2024-03-01", "2024-02-01", "2023-05-01")
    ]
    assert dates(hub.get(f"Observation/$lastn?patient={who}&code=2&max=9").resource) == ["2023-05-01"]
    assert dates(hub.get(f"Observation/$lastn?patient={who}&category=laboratory&date=lt2024-03").resource) == [
        "2024-02-01",
        "2023-05-01",
    ]
    assert hub.get(f"Observation/$lastn?patient={who}&code=3").resource["total"] == 0


def test_codings_that_go_together_are_one_group(hub: HubClient) -> None:
    who = somebody(hub)
    both = [{"system": LOINC, "code": "1"}, {"system": LOCAL, "code": "a"}]
    for code, at in (
        ([{"system": LOCAL, "code": "a"}], "2024-01-01"),
        ([{"system": LOINC, "code": "1"}], "2024-02-01"),
        (both, "2023-01-01"),
        ([{"system": LOINC, "code": "a"}], "2022-01-01"),
    ):
        hub.post("Observation", measured(who, code, at))
    assert dates(hub.get(f"Observation/$lastn?patient={who}&category=laboratory").resource) == [
        "2024-02-01",
        "2022-01-01",
    ]


def test_of_equal_times_all_come(hub: HubClient) -> None:
    who = somebody(hub)
    for issued in ("2024-01-03T00:00:00Z", "2024-01-02T00:00:00Z"):
        hub.post("Observation", measured(who, "1", "2024-01-01", issued=issued))
    bundle = hub.get(f"Observation/$lastn?patient={who}&category=laboratory").resource
    assert [row["resource"]["issued"] for row in bundle["entry"]] == [*("2024-01-03T00:00:00Z", "2024-01-02T00:00:00Z")]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("code=1", "patient"),
        ("patient=1", "category"),
        ("patient=1&max=0", "max"),
        ("patient=1&max=some", "max"),
        ("patient=1&_sort=date", "_sort"),
        ("patient=1&_include=Observation:subject", "_include"),
        ("patient=1&code=1&colour=blue", "colour"),
        ("patient=1&code=1&date=soon", "date"),
    ],
)
def test_wrong_calls_are_told(hub: HubClient, query: str, says: str) -> None:
    answer = hub.get(f"Observation/$lastn?{query}")
    assert answer.status == 400
    assert says in str(answer.resource)
