"""The demo population as a whole: determinism, counts, ids, references, names."""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from fhirhub.demo import chosen_examples, generate, summary

Json = dict[str, Any]

PINNED = "1ce3213f94ad08a1ed5c1d397916a89d510b5d2f3c2b476ce4ab43ada06818cf"
"""SHA-256 of the first five patients. It changes only when the demo data is changed on purpose."""


@pytest.fixture(scope="module")
def bundles() -> list[Json]:
    return list(generate(60))


def written(bundles: list[Json]) -> str:
    return json.dumps(bundles, ensure_ascii=False, default=str)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resources(bundles: list[Json], resource_type: str) -> list[Json]:
    return [
        entry["resource"]
        for bundle in bundles
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] == resource_type
    ]


def test_generate_is_pinned_to_the_last_byte() -> None:
    assert hashlib.sha256(written(list(generate(5))).encode()).hexdigest() == PINNED


def test_generate_gives_the_same_person_in_a_larger_population(bundles: list[Json]) -> None:
    assert written(list(generate(3))) == written(bundles[:4])


def test_generate_gives_other_people_for_another_seed(bundles: list[Json]) -> None:
    other = next(iter(resources(list(generate(1, seed=7)), "Patient")))
    assert other["id"] == "demo-p0001"
    assert other != resources(bundles, "Patient")[0]


def test_generate_stays_within_its_years() -> None:
    encounters = resources(list(generate(40, until=date(2022, 3, 31), years=3)), "Encounter")
    days = sorted(encounter["period"]["start"][:10] for encounter in encounters)
    assert days[0] > "2019-03-31"
    assert days[-1] <= "2022-03-31"


def test_generate_gives_everyone_at_least_one_checkup_in_a_single_year() -> None:
    population = list(generate(80, years=1))
    seen = {encounter["id"][:10] for encounter in resources(population, "Encounter")}
    assert len(seen) == 80


@pytest.mark.parametrize(("patients", "years"), [(-1, 8), (10, 0)])
def test_generate_refuses_what_is_no_population(patients: int, years: int) -> None:
    with pytest.raises(ValueError, match="patients >= 0 and years >= 1"):
        list(generate(patients, years=years))


def test_generate_starts_with_the_hospital(bundles: list[Json]) -> None:
    first = summary(bundles[:1])
    assert first == {"Practitioner": 7, "PractitionerRole": 7, "Location": 3, "Organization": 3, "Questionnaire": 1}
    assert len(bundles) == 61


def test_generate_brings_every_promised_type(bundles: list[Json]) -> None:
    counts = summary(bundles)
    assert counts["Patient"] == counts["Coverage"] == 60
    assert counts["Encounter"] == counts["DiagnosticReport"] == counts["QuestionnaireResponse"]
    assert counts["Encounter"] > 4 * 60
    assert counts["Observation"] >= 21 * counts["Encounter"]
    assert {
        "RelatedPerson",
        "Condition",
        "MedicationStatement",
        "AllergyIntolerance",
        "FamilyMemberHistory",
        "Immunization",
        "CarePlan",
        "Goal",
    } <= counts.keys()


def test_summary_puts_the_most_frequent_type_first(bundles: list[Json]) -> None:
    counts = list(summary(bundles).values())
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == sum(len(bundle["entry"]) for bundle in bundles)


def test_entries_put_each_resource_at_its_own_readable_id(bundles: list[Json]) -> None:
    seen = set()
    for bundle in bundles:
        assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "transaction")
        for entry in bundle["entry"]:
            resource = entry["resource"]
            url = f"{resource['resourceType']}/{resource['id']}"
            assert entry["request"] == {"method": "PUT", "url": url}
            assert re.fullmatch(r"demo-[A-Za-z0-9\-.]{1,59}", resource["id"])
            assert resource["meta"]["tag"][0]["system"] == "https://fhirhub.example/demo/CodeSystem/origin"
            seen.add(url)
    assert len(seen) == sum(len(bundle["entry"]) for bundle in bundles)


def test_full_urls_are_unique_uuids(bundles: list[Json]) -> None:
    urls = [entry["fullUrl"] for bundle in bundles for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls)
    uuid = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(uuid.fullmatch(url) for url in urls)


def test_references_resolve_in_their_bundle_or_in_the_first(bundles: list[Json]) -> None:
    hospital = {entry["request"]["url"] for entry in bundles[0]["entry"]}
    by_url = {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in bundles[0]["entry"]}
    assert set(references(bundles[0])) <= by_url.keys()
    for bundle in bundles[1:]:
        own = {entry["fullUrl"] for entry in bundle["entry"]}
        for reference in references(bundle):
            assert reference in own or reference in hospital


def test_names_are_about_three_fifths_chinese() -> None:
    patients = resources(list(generate(300, years=1)), "Patient")
    chinese = [patient for patient in patients if re.search(r"[\u4e00-\u9fff]", patient["name"][0]["text"])]
    assert 0.52 < len(chinese) / len(patients) < 0.68


def test_chinese_names_carry_pinyin_and_english_names_do_not(bundles: list[Json]) -> None:
    for patient in resources(bundles, "Patient"):
        written_name, *others = patient["name"]
        if re.search(r"[\u4e00-\u9fff]", written_name["text"]):
            (pinyin,) = others
            assert written_name["text"] == written_name["family"] + written_name["given"][0]
            assert written_name["extension"][0]["valueCode"] == "IDE"
            assert pinyin["extension"][0]["valueCode"] == "SYL"
            assert re.fullmatch(r"[A-Z][a-zü]+ [A-Z][a-z]+", pinyin["text"])
        else:
            assert not others
            assert "extension" not in written_name


def test_identity_card_numbers_are_well_formed_and_of_no_region(bundles: list[Json]) -> None:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    cards = 0
    for patient in resources(bundles, "Patient"):
        number = patient["identifier"][1]["value"]
        if patient["identifier"][1]["type"]["coding"][0]["code"] != "NI":
            assert re.fullmatch(r"ZZ\d{7}", number)
            continue
        cards += 1
        assert number.startswith("999999" + patient["birthDate"].replace("-", ""))
        assert (int(number[16]) % 2 == 1) == (patient["gender"] == "male")
        total = sum(weight * int(digit) for weight, digit in zip(weights, number, strict=False))
        assert number[17] == "10X98765432"[total % 11]
    assert cards > 20


def test_phone_numbers_reach_nobody(bundles: list[Json]) -> None:
    numbers = [
        contact["value"]
        for resource_type in ("Patient", "RelatedPerson", "Organization")
        for resource in resources(bundles, resource_type)
        for contact in resource.get("telecom", [])
        if contact["system"] == "phone"
    ]
    assert len(numbers) > 60
    assert all(re.fullmatch(r"\+86 000 \d{4} \d{4}|\+44 7700 900\d{3}", number) for number in numbers)


def test_chosen_examples_lead_to_what_they_promise() -> None:
    population = list(generate(100))
    examples = chosen_examples(100)
    assert len({example.patient for example in examples}) == 3
    treated, pressure, conditions, sugar, goals, family, reports = examples

    def found(resource_type: str, patient: str) -> list[Json]:
        number = int(patient.removeprefix("demo-p"))
        return resources([population[number]], resource_type)

    assert treated.path == f"Patient/{treated.patient}"
    assert found("Patient", treated.patient)[0]["name"][0]["text"] in treated.title
    assert pressure.path.endswith("code=http://loinc.org%7C85354-9")
    panels = [each for each in found("Observation", treated.patient) if each["id"].endswith("blood-pressure")]
    systolic = [panel["component"][0]["valueQuantity"]["value"] for panel in panels]
    assert max(systolic) - systolic[-1] >= 9
    assert "I10" in {each["code"]["coding"][0]["code"] for each in found("Condition", conditions.patient)}
    assert "E11.9" in {each["code"]["coding"][0]["code"] for each in found("Condition", sugar.patient)}
    assert found("Goal", goals.patient)
    assert family.path.startswith("Patient?family=")
    assert not found("Condition", reports.patient)
    assert found("DiagnosticReport", reports.patient)
    assert all(example.path.isascii() for example in examples)


def test_chosen_examples_of_nobody_are_none() -> None:
    assert chosen_examples(0) == ()
