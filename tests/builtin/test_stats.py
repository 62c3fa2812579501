"""$stats. https://hl7.org/fhir/R4/observation-operation-stats.html"""

from decimal import Decimal
from typing import Any

import pytest

from fhirhub.builtin.statistics import OF_VALUES
from fhirhub.model.json import Json
from tests.builtin.test_lastn import LOINC, measured, somebody
from tests.interactions.hub_client import HubClient

UCUM = "http://unitsofmeasure.org"
CODE = "2339-0"


def quantity(value: str, unit: str = "mmol/L", **more: Any) -> Json:
    return {"value": Decimal(value), "system": UCUM, "code": unit, **more}


def store(hub: HubClient, who: str, *rows: tuple[str, str]) -> None:
    for at, value in rows:
        hub.post("Observation", measured(who, CODE, at, valueQuantity=quantity(value)))


def asked(hub: HubClient, who: str, *statistics: str, more: str = "") -> Json:
    chosen = "&".join(f"statistic={each}" for each in statistics)
    answer = hub.get(f"Observation/$stats?subject={who}&code={CODE}&system={LOINC}&{chosen}{more}")
    assert answer.status == 200, answer.resource
    return answer.resource


def values(parameters: Json) -> dict[str, Any]:
    found = next(row["resource"] for row in parameters["parameter"] if row["name"] == "statistics")
    return {row["code"]["coding"][0]["code"]: row.get("valueQuantity", {}).get("value") for row in found["component"]}


def test_statistics_are_those_worked_out_by_hand(hub: HubClient) -> None:
    who = somebody(hub)
    # 2, 4, 4, 5, 10: one a day.
    store(hub, who, *((f"2024-01-0{day}", value) for day, value in enumerate(("2", "4", "4", "5", "10"), 1)))
    expected = {
        "count": "5",
        "total-count": "5",
        "average": "5",
        "maximum": "10",
        "minimum": "2",
        "median": "4",
        "sum": "25",
        # Squares of the distances from 5: 9 + 1 + 1 + 0 + 25 = 36
        "variance": "9",
        "std-dev": "3",
        "20-percent": "3.6",
        "80-percent": "6",
        "4-lower": "4",
        "4-upper": "5",
        "4-dev": "0.5",
        "5-1": "3.6",
        "5-2": "4",
        "5-3": "4.4",
        "5-4": "6",
        # Cubes: -27 - 1 - 1 + 0 + 125 = 96; 96 / 5 / 7.2 ** 1.5
        "skew": "0.99380799",
        # Fourth powers: 81 + 1 + 1 + 0 + 625 = 708; 708 / 5 / 7.2 ** 2
        "kurtosis": "2.73148148148",
        # Slope: (-2 * -3 + -1 * -1 + 0 + 1 * 0 + 2 * 5) / 10
        "regression": "1.7",
    }
    assert set(expected) == {*OF_VALUES, "count", "total-count"}
    found = values(asked(hub, who, *expected))
    assert {code: str(number) for code, number in found.items()} == expected


def test_units_are_those_of_the_values(hub: HubClient) -> None:
    who = somebody(hub)
    store(hub, who, ("2024-01-01", "1"), ("2024-01-02", "3"))
    hub.post("Observation", measured(who, CODE, "2024-01-03", valueQuantity=quantity("5000", "umol/L")))
    hub.post("Observation", measured(who, CODE, "2024-01-03", valueQuantity=quantity("90", "mg/dL")))
    hub.post("Observation", measured(who, CODE, "2024-01-03", valueQuantity=quantity("2", comparator="<")))
    hub.post("Observation", measured(who, CODE, "2024-01-03"))
    hub.post("Observation", measured(who, CODE, "2024-01-03", valueQuantity=quantity("99"), status="entered-in-error"))
    answer = asked(hub, who, "average", "count", "total-count", "variance")
    assert values(answer) == {"average": 3, "count": 3, "total-count": 6, "variance": 4}
    statistics = answer["parameter"][0]["resource"]
    assert statistics["component"][0]["valueQuantity"]["code"] == "mmol/L"
    assert statistics["component"][3]["valueQuantity"]["code"] == "mmol/L.mmol/L"
    (note,) = statistics["note"]
    assert "1 Observations left out: in mg/dL, which cannot be converted to mmol/L" in note["text"]
    assert "1 Observations left out: with <" in note["text"]


def test_nothing_measured_is_absent_and_no_zero(hub: HubClient) -> None:
    who = somebody(hub)
    answer = asked(hub, who, "average", "count", "sum")
    assert values(answer) == {"average": None, "count": 0, "sum": None}
    assert answer["parameter"][0]["resource"]["component"][0]["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    store(hub, who, ("2024-01-01", "1"))
    component = asked(hub, who, "std-dev")["parameter"][0]["resource"]["component"][0]
    assert component["dataAbsentReason"]["coding"][0]["code"] == "not-applicable"


def test_period_components_and_sources(hub: HubClient) -> None:
    who = somebody(hub)
    for day, pressure in (("2024-01-01", "120"), ("2024-02-01", "130"), ("2024-03-01", "140")):
        part = {"code": {"coding": [{"system": LOINC, "code": CODE}]}, "valueQuantity": quantity(pressure, "mm[Hg]")}
        hub.post("Observation", measured(who, "85354-9", day, component=[part]))
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "subject", "valueUri": who},
            {"name": "coding", "valueCoding": {"system": LOINC, "code": CODE}},
            {"name": "period", "valuePeriod": {"start": "2024-01-15"}},
            {"name": "statistic", "valueCode": "average"},
            {"name": "include", "valueBoolean": True},
            {"name": "limit", "valuePositiveInt": 1},
        ],
    }
    answer = hub.post("Observation/$stats", body).resource
    assert values(answer) == {"average": 135}
    sources = [row["resource"] for row in answer["parameter"] if row["name"] == "source"]
    assert [row["effectiveDateTime"] for row in sources] == ["2024-03-01"]


def test_two_subjects_are_not_one(hub: HubClient) -> None:
    one, two = somebody(hub), somebody(hub)
    store(hub, one, ("2024-01-01", "1"))
    store(hub, two, ("2024-01-01", "3"))
    answer = hub.get(f"Observation/$stats?subject={one},{two}&code={CODE}&statistic=count")
    assert answer.status == 400 or values(answer.resource) == {"count": 0}


def test_numbers_of_no_magnitude_are_left_out(hub: HubClient) -> None:
    who = somebody(hub)
    store(hub, who, *(("2024-01-01", number) for number in ("120", "1E+200", "1E-200", "1E+55")))
    answer = asked(hub, who, *OF_VALUES, "count")
    assert values(answer)["count"] == 2
    assert values(answer)["maximum"] == Decimal("1E+55")
    assert "2 Observations left out: of no magnitude" in answer["parameter"][0]["resource"]["note"][0]["text"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("subject=Patient/1&statistic=average", "code"),
        ("code=1&statistic=average", "subject"),
        ("subject=Patient/1&code=1", "statistic"),
        ("subject=Patient/1&code=1&statistic=mean", "average"),
        ("subject=Patient/1&code=1&statistic=average&duration=-1", "duration"),
        ("subject=Patient/1&code=1&statistic=average&duration=1e400", "duration"),
        ("subject=Patient/1,2&code=1|&statistic=average&colour=1", "colour"),
    ],
)
def test_wrong_calls_are_told(hub: HubClient, query: str, says: str) -> None:
    answer = hub.get(f"Observation/$stats?{query}")
    assert answer.status == 400
    assert says in str(answer.resource)
