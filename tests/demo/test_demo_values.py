"""The demo population's values: plausible, consistent with each other, coded and in the right units."""

import re
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from fhirhub.demo import generate
from fhirhub.demo.measures import MEASURES
from fhirhub.demo.trajectories import estimated_filtration

Json = dict[str, Any]

UNITS = {
    "8480-6": "mm[Hg]",
    "8462-4": "mm[Hg]",
    "14647-2": "mmol/L",
    "14646-4": "mmol/L",
    "39469-2": "mmol/L",
    "14927-8": "mmol/L",
    "14771-0": "mmol/L",
    "4548-4": "%",
    "14682-9": "umol/L",
    "98979-8": "mL/min/{1.73_m2}",
    "9318-7": "mg/g",
    "39156-5": "kg/m2",
    "29463-7": "kg",
    "8302-2": "cm",
    "8280-0": "cm",
    "1920-8": "U/L",
    "1742-6": "U/L",
    "777-3": "10*9/L",
    "718-7": "g/L",
    "14933-6": "umol/L",
    "8867-4": "/min",
    "74013-4": "{drinks}/d",
}


@pytest.fixture(scope="module")
def population() -> list[Json]:
    return [entry["resource"] for bundle in generate(120) for entry in bundle["entry"]]


@pytest.fixture(scope="module")
def visits(population: list[Json]) -> dict[str, dict[str, Decimal]]:
    """The values of each visit by LOINC code."""
    found: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for observation in population:
        if observation["resourceType"] == "Observation":
            for part in (observation, *observation.get("component", [])):
                if "valueQuantity" in part:
                    visit = "-".join(observation["id"].split("-")[:3])
                    found[visit][part["code"]["coding"][0]["code"]] = part["valueQuantity"]["value"]
    return found


def parts(population: list[Json]) -> list[Json]:
    return [
        part
        for resource in population
        if resource["resourceType"] == "Observation"
        for part in (resource, *resource.get("component", []))
    ]


def test_blood_pressure_is_higher_in_systole(visits: dict[str, dict[str, Decimal]]) -> None:
    assert len(visits) > 500
    for values in visits.values():
        assert 15 <= values["8480-6"] - values["8462-4"] <= 120
        assert 80 <= values["8480-6"] <= 215
        assert 40 <= values["8462-4"] <= 125


def test_body_mass_index_follows_from_weight_and_height(visits: dict[str, dict[str, Decimal]]) -> None:
    for values in visits.values():
        height = values["8302-2"] / 100
        assert abs(values["39156-5"] - values["29463-7"] / (height * height)) <= Decimal("0.0501")


def test_ldl_cholesterol_follows_from_the_other_lipids(visits: dict[str, dict[str, Decimal]]) -> None:
    for values in visits.values():
        if "39469-2" in values:
            calculated = values["14647-2"] - values["14646-4"] - values["14927-8"] / Decimal("2.2")
            assert abs(values["39469-2"] - calculated) <= Decimal("0.0051")
            assert values["39469-2"] > 0
        else:
            assert values["14927-8"] > Decimal("4.50")


@pytest.mark.parametrize(
    ("creatinine", "age", "male", "expected"),
    [
        ("132.6", 55, False, 41),
        ("132.6", 55, True, 55),
        ("132.6", 43, True, 59),
        ("102", 43, False, 60),
        ("111", 77, True, 59),
    ],
)
def test_filtration_agrees_with_published_examples(creatinine: str, age: int, male: bool, expected: int) -> None:
    assert estimated_filtration(Decimal(creatinine), age, male) == expected


def test_quantities_use_the_units_of_their_codes(population: list[Json]) -> None:
    seen = set()
    for part in parts(population):
        if "valueQuantity" in part:
            code = part["code"]["coding"][0]["code"]
            quantity = part["valueQuantity"]
            seen.add(code)
            assert (quantity["system"], quantity["code"]) == ("http://unitsofmeasure.org", UNITS[code])
            assert isinstance(quantity["value"], Decimal)
    assert seen == UNITS.keys()


def test_values_keep_the_decimal_places_of_their_measure(population: list[Json]) -> None:
    places = {measure.loinc: measure.places for measure in MEASURES}
    for part in parts(population):
        code = part["code"]["coding"][0]["code"]
        if "valueQuantity" in part and code in places:
            assert -part["valueQuantity"]["value"].as_tuple().exponent == places[code]


def test_interpretations_agree_with_their_reference_ranges(population: list[Json]) -> None:
    flags: dict[str, int] = defaultdict(int)
    for part in parts(population):
        assert ("interpretation" in part) == ("referenceRange" in part)
        if "interpretation" not in part:
            continue
        coding = part["interpretation"][0]["coding"][0]
        assert coding["system"] == "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
        flags[coding["code"]] += 1
        value, bounds = part["valueQuantity"]["value"], part["referenceRange"][0]
        low = "low" in bounds and value < bounds["low"]["value"]
        high = "high" in bounds and value > bounds["high"]["value"]
        assert coding["code"] in (("L", "LL") if low else ("H", "HH") if high else ("N",))
    assert flags["N"] > flags["H"] > flags["L"] > 0


def test_reference_ranges_for_one_sex_fit_the_patient(population: list[Json]) -> None:
    sexes = {each["id"]: each["gender"] for each in population if each["resourceType"] == "Patient"}
    checked = 0
    for observation in population:
        for bounds in observation.get("referenceRange", []):
            if "appliesTo" in bounds:
                checked += 1
                assert bounds["appliesTo"][0]["coding"][0]["code"] == sexes[observation["id"][:10]]
    assert checked > 1000


def test_no_code_is_from_snomed(population: list[Json]) -> None:
    assert "snomed" not in str(population)


def test_conditions_rest_on_two_checkups_in_a_row(population: list[Json]) -> None:
    ids = {each["id"] for each in population}
    conditions = [each for each in population if each["resourceType"] == "Condition"]
    assert {each["code"]["coding"][0]["code"] for each in conditions} == {"I10", "E11.9", "E78.5", "E66.9"}
    for condition in conditions:
        assert condition["onsetDateTime"] < condition["recordedDate"]
        patient = "-".join(condition["id"].split("-")[:2])
        assert {f"{patient}-{condition[day][:4]}" for day in ("onsetDateTime", "recordedDate")} <= ids
        resolved = condition["clinicalStatus"]["coding"][0]["code"] == "resolved"
        assert ("abatementDateTime" in condition) == resolved


def test_treatment_lowers_blood_pressure_on_average(
    population: list[Json], visits: dict[str, dict[str, Decimal]]
) -> None:
    falls = []
    for statement in population:
        if statement["resourceType"] == "MedicationStatement" and "hypertension" in statement["id"]:
            patient = "-".join(statement["id"].split("-")[:2])
            start = int(statement["effectivePeriod"]["start"][:4])
            course = {
                int(visit[-4:]): values["8480-6"] for visit, values in visits.items() if visit.startswith(patient)
            }
            after = [value for year, value in course.items() if year > start + 1]
            if after:
                falls.append(course[start] - sum(after, Decimal(0)) / len(after))
    assert len(falls) >= 5
    assert sum(falls, Decimal(0)) / len(falls) > 8


def test_some_people_miss_years(visits: dict[str, dict[str, Decimal]]) -> None:
    years: dict[str, list[int]] = defaultdict(list)
    for visit in visits:
        years[visit[:-5]].append(int(visit[-4:]))
    gaps = [patient for patient, seen in years.items() if max(seen) - min(seen) >= len(seen)]
    assert len(years) == 120
    assert 20 < len(gaps) < 100


def test_answers_follow_the_form(population: list[Json]) -> None:
    form = next(each for each in population if each["resourceType"] == "Questionnaire")
    questions = {item["linkId"]: item for group in form["item"] for item in group["item"]}
    kinds = {"choice": "valueCoding", "integer": "valueInteger", "decimal": "valueDecimal", "boolean": "valueBoolean"}
    responses = [each for each in population if each["resourceType"] == "QuestionnaireResponse"]
    for response in responses:
        assert response["questionnaire"] == f"{form['url']}|{form['version']}"
        given = {item["linkId"]: item["answer"][0] for group in response["item"] for item in group["item"]}
        for link_id, question in questions.items():
            shown = not question.get("enableWhen") or any(
                given[when["question"]]["valueCoding"]["code"] == when["answerCoding"]["code"]
                for when in question["enableWhen"]
            )
            assert (link_id in given) == shown
            if not shown:
                continue
            answer = given[link_id][kinds[question["type"]]]
            if question["type"] == "choice":
                assert answer["code"] in {option["valueCoding"]["code"] for option in question["answerOption"]}


def test_form_speaks_english_and_chinese(population: list[Json]) -> None:
    form = next(each for each in population if each["resourceType"] == "Questionnaire")
    for item in (*form["item"], *(question for group in form["item"] for question in group["item"])):
        lang, content = item["_text"]["extension"][0]["extension"]
        assert lang["valueCode"] == "zh-CN"
        assert re.search(r"[\u4e00-\u9fff]", content["valueString"])
        assert item["text"].isascii()
