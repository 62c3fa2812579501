"""Tags in a whole server: what comes, changes and goes leaves exactly the right Flags."""

import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from fhirhub.plugin import Failure, FhirError, Hub, Json
from fhirhub.plugin.testing import Clock, observation, patient

Drain = Callable[[], None]
Tags = Callable[[str], dict[str, Json]]
Evaluate = Callable[..., dict[str, dict[str, Any]]]

GLUCOSE, BMI, HBA1C, WAIST = "14771-0", "39156-5", "4548-4", "8280-0"


def somebody(hub: Hub, **elements: Any) -> str:
    return f"Patient/{hub.create(patient(**elements))['id']}"


def glucose(subject: str, value: str, at: str = "2026-01-10", **elements: Any) -> Json:
    return observation(subject, GLUCOSE, Decimal(value), "mmol/L", at, **elements)


def bmi(subject: str, value: str, at: str = "2026-01-10") -> Json:
    return observation(subject, BMI, Decimal(value), "kg/m2", at)


def test_tag_is_a_flag_with_evidence_explanation_and_provenance(hub: Hub, drain: Drain, tags: Tags) -> None:
    who = somebody(hub)
    measured = hub.create(glucose(who, "6.5"))
    drain()
    assert set(tags(who)) == {"ifg"}
    flag = tags(who)["ifg"]
    assert flag["author"] == {"reference": "Device/fhirhub-tagging"}
    assert flag["period"] == {"start": "2026-01-10", "end": "2027-07-11"}
    by_url = {row["url"].rpartition("/")[2]: row for row in flag["extension"]}
    assert by_url["flag-detail"]["valueReference"] == {"reference": f"Observation/{measured['id']}"}
    assert by_url["rule"]["valueCanonical"].endswith("/PlanDefinition/ifg|1.0.0")
    assert "6.5 mmol/L（2026-01-10）" in by_url["explanation"]["valueString"]
    (provenance,) = hub.search("Provenance", (("target", f"Flag/{flag['id']}"),))
    assert provenance["target"] == [{"reference": f"Flag/{flag['id']}/_history/1"}]
    assert provenance["entity"][0]["what"] == {"reference": f"Observation/{measured['id']}/_history/1"}
    plan = hub.read("PlanDefinition", "ifg")
    assert plan is not None
    assert plan["action"][0]["condition"][0]["expression"]["expression"] == "fpg >= 6.1 and fpg < 7.0 and not dm"
    assert hub.read("Device", "fhirhub-tagging") is not None


def test_same_event_again_makes_nothing_new(hub: Hub, drain: Drain, tags: Tags, evaluate: Evaluate) -> None:
    who = somebody(hub)
    hub.create(glucose(who, "6.5"))
    drain()
    first = tags(who)
    evaluate(who)
    hub.patch("Patient", who.partition("/")[2], {"active": True})
    drain()
    assert tags(who) == first
    assert hub.count("Provenance") == 1


def test_normal_value_clears_and_a_high_one_sets_again(hub: Hub, drain: Drain, tags: Tags) -> None:
    who = somebody(hub)
    hub.create(glucose(who, "6.5", "2025-10-01"))
    drain()
    hub.create(glucose(who, "5.5", "2025-11-01"))
    drain()
    assert tags(who) == {}
    (flag,) = (row for row in hub.search("Flag", (("patient", who),)) if row["code"]["coding"][0]["code"] == "ifg")
    assert flag["status"] == "inactive"
    hub.create(glucose(who, "6.6", "2025-12-01"))
    drain()
    assert tags(who)["ifg"]["period"]["start"] == "2025-12-01"
    assert tags(who)["ifg"]["meta"]["versionId"] == "3"
    assert hub.count("Provenance", (("target", f"Flag/{flag['id']}"),)) == 3


def test_old_value_that_comes_late_changes_nothing(hub: Hub, drain: Drain, tags: Tags) -> None:
    who = somebody(hub)
    hub.create(glucose(who, "5.5", "2026-01-20"))
    drain()
    hub.create(glucose(who, "6.5", "2025-12-20"))
    drain()
    assert tags(who) == {}


@pytest.mark.parametrize("how", ["entered-in-error", "deleted", "another patient", "corrected"])
def test_value_that_was_wrong_takes_its_tag_along(hub: Hub, drain: Drain, tags: Tags, how: str) -> None:
    who, other = somebody(hub), somebody(hub)
    wrong = hub.create(glucose(who, "6.5"))
    drain()
    assert set(tags(who)) == {"ifg"}
    match how:
        case "entered-in-error":
            hub.update({**wrong, "status": "entered-in-error"})
        case "deleted":
            hub.delete("Observation", wrong["id"])
        case "another patient":
            hub.update({**wrong, "subject": {"reference": other}})
        case "corrected":
            hub.update({**wrong, "status": "corrected", "valueQuantity": {**wrong["valueQuantity"], "value": 5}})
    drain()
    assert tags(who) == {}
    assert set(tags(other)) == ({"ifg"} if how == "another patient" else set())


def test_unknown_does_not_clear(hub: Hub, drain: Drain, tags: Tags) -> None:
    who = somebody(hub)
    hub.create(glucose(who, "6.5", "2025-11-01"))
    hub.create(observation(who, GLUCOSE, 110, "furlong", "2025-12-01"))
    hub.create(glucose(who, "6.0", "2026-01-01", status="preliminary"))
    drain()
    assert set(tags(who)) == {"ifg"}
    sex_unknown = somebody(hub, gender="unknown")
    hub.create(observation(sex_unknown, WAIST, 120, "cm", "2026-01-01"))
    drain()
    assert tags(sex_unknown) == {}


def test_one_tag_of_a_group_stands(hub: Hub, drain: Drain, tags: Tags) -> None:
    who = somebody(hub)
    hub.create(glucose(who, "6.5", "2025-11-01"))
    drain()
    assert set(tags(who)) == {"ifg"}
    hub.create(observation(who, HBA1C, Decimal("6.6"), "%", "2026-01-01"))
    drain()
    assert set(tags(who)) == {"diabetes-suspected"}
    hub.create(observation(who, HBA1C, Decimal("6.7"), "%", "2026-01-20"))
    drain()
    assert set(tags(who)) == {"diabetes-criteria"}
    code = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "E11.9"}]}
    active = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
    subject = {"reference": who}
    hub.create({"resourceType": "Condition", "clinicalStatus": active, "code": code, "subject": subject})
    drain()
    assert set(tags(who)) == {"diabetes-criteria"}


def test_components_of_a_panel_count(hub: Hub, drain: Drain, tags: Tags) -> None:
    who = somebody(hub)

    def part(code: str, value: int) -> Json:
        return {key: row for key, row in observation(who, code, value, "mm[Hg]", "2026-01-01").items() if key in keys}

    keys = ("code", "valueQuantity")
    panel = observation(who, "85354-9", 0, "1", "2026-01-01")
    del panel["valueQuantity"]
    hub.create({**panel, "component": [part("8480-6", 150), part("8462-4", 85)]})
    drain()
    assert set(tags(who)) == {"bp-recheck"}


def test_merged_patients_have_the_tags_of_one(hub: Hub, drain: Drain, tags: Tags) -> None:
    kept, gone = somebody(hub), somebody(hub)
    hub.create(glucose(gone, "6.5", "2026-01-20"))
    hub.create(glucose(kept, "5.5", "2026-01-10"))
    hub.create(bmi(kept, "25"))
    drain()
    assert (set(tags(kept)), set(tags(gone))) == ({"overweight"}, {"ifg"})
    record = hub.read(*gone.split("/"))
    assert record is not None
    hub.update({**record, "active": False, "link": [{"other": {"reference": kept}, "type": "replaced-by"}]})
    drain()
    assert (set(tags(kept)), set(tags(gone))) == ({"overweight", "ifg"}, set())
    hub.create(glucose(gone, "5.4", "2026-01-25"))
    drain()
    assert set(tags(kept)) == {"overweight"}
    hub.update(record)
    hub.create(glucose(gone, "6.6", "2026-01-26"))
    drain()
    assert (set(tags(kept)), set(tags(gone))) == ({"overweight"}, {"ifg"})


def test_replaced_record_has_no_tags_of_what_is_missing(hub: Hub, drain: Drain, evaluate: Evaluate) -> None:
    kept, gone = somebody(hub), somebody(hub)
    link = [{"other": {"reference": kept}, "type": "replaced-by"}]
    hub.patch("Patient", gone.partition("/")[2], {"link": link})
    drain()
    rows = evaluate(gone, dryRun=True)
    assert not any(row["tagged"] for row in rows.values())


def test_deleted_patient_has_no_tags(hub: Hub, drain: Drain, tags: Tags) -> None:
    who = somebody(hub)
    measured = hub.create(glucose(who, "6.5"))
    drain()
    hub.delete("Observation", measured["id"])
    hub.delete("Patient", who.partition("/")[2])
    drain()
    assert tags(who) == {}


def test_tag_ends_when_its_time_is_over(hub: Hub, drain: Drain, tags: Tags, clock: Clock) -> None:
    who = somebody(hub)
    hub.create(glucose(who, "6.5"))
    drain()
    clock.advance(timedelta(days=525))
    drain()
    assert set(tags(who)) == {"ifg"}
    clock.advance(timedelta(days=3))
    drain()
    assert tags(who) == {}


def test_lost_person_who_is_reached_again_is_no_longer_lost(hub: Hub, drain: Drain, tags: Tags) -> None:
    person = f"Patient/{hub.create(patient())['id']}"
    system = "https://fhirhub.example/follow-up/CodeSystem"

    def task(status: str) -> Json:
        return {
            "resourceType": "Task",
            "id": "visit",
            "status": "in-progress",
            "intent": "order",
            "code": {"coding": [{"system": f"{system}/tasks", "code": "follow-up"}]},
            "for": {"reference": person},
            "authoredOn": "2026-01-02",
            "businessStatus": {"coding": [{"system": f"{system}/business-status", "code": status}]},
        }

    hub.update(task("lost"))
    drain()
    assert set(tags(person)) == {"lost-to-follow-up"}
    hub.update(task("reached"))
    drain()
    assert set(tags(person)) == set()
    hub.update(task("lost"))
    drain()
    hub.delete("Task", "visit")
    drain()
    assert set(tags(person)) == set()


def test_groups_follow_tags(hub: Hub, drain: Drain, clock: Clock) -> None:
    people = [somebody(hub) for _ in range(3)]
    for who in people:
        hub.create(bmi(who, "25"))
    drain()
    clock.advance(timedelta(seconds=6))
    drain()
    group = hub.read("Group", "tag-overweight")
    assert group is not None
    assert {row["entity"]["reference"] for row in group["member"]} == set(people)
    hub.create(bmi(people[0], "22", "2026-01-20"))
    drain()
    clock.advance(timedelta(seconds=6))
    drain()
    group = hub.read("Group", "tag-overweight")
    assert group is not None
    assert {row["entity"]["reference"] for row in group["member"]} == set(people[1:])
    assert group["quantity"] == 2


def test_tag_that_a_person_called_an_error_stays_one(hub: Hub, drain: Drain, tags: Tags) -> None:
    who = somebody(hub)
    hub.create(glucose(who, "6.5"))
    drain()
    hub.update({**tags(who)["ifg"], "status": "entered-in-error"})
    hub.patch("Patient", who.partition("/")[2], {"active": True})
    drain()
    assert tags(who) == {}
    hub.create(glucose(who, "6.6", "2026-01-20"))
    drain()
    assert set(tags(who)) == {"ifg"}


def test_order_of_events_does_not_matter(hub: Hub, drain: Drain, tags: Tags) -> None:
    """The same values in many orders, delivered together or one by one, leave the same Flags."""
    values = [("6.5", "2025-09-01"), ("7.2", "2025-10-01"), ("5.9", "2025-11-01"), ("6.3", "2025-12-01")]
    results = []
    dice = random.Random(7)
    for _ in range(8):
        who = somebody(hub)
        dice.shuffle(values)
        for value, at in values:
            hub.create(glucose(who, value, at))
            hub.create(bmi(who, value.replace(".", "") if value > "7" else "25", at))
            if dice.random() < 0.5:
                drain()
        drain()
        results.append({code: flag["period"] for code, flag in tags(who).items()})
    assert results == [results[0]] * 8
    assert set(results[0]) == {"ifg", "overweight"}


def test_evaluation_as_of_a_day_tells_what_was_known(hub: Hub, drain: Drain, evaluate: Evaluate, tags: Tags) -> None:
    who = somebody(hub)
    hub.create(glucose(who, "6.5", "2024-05-01"))
    hub.create(glucose(who, "5.5", "2025-05-01"))
    drain()
    before = evaluate(who, as_of="2024-12-31")["ifg"]
    assert (before["outcome"], before["tagged"]) == ("true", True)
    assert "6.5 mmol/L" in before["explanation-en"]
    assert evaluate(who, as_of="2024-04-30")["ifg"]["outcome"] == "unknown"
    assert evaluate(who, as_of="2024-04")["ifg"]["guidance"]["status"] == "data-required"
    assert evaluate(who)["ifg"]["outcome"] == "false"
    assert tags(who) == {}


def test_dry_run_writes_nothing(hub: Hub, evaluate: Evaluate, tags: Tags) -> None:
    who = somebody(hub)
    hub.create(glucose(who, "6.5"))
    assert evaluate(who, dryRun=True, rule="ifg")["ifg"]["tagged"] is True
    assert tags(who) == {}
    assert evaluate(who, rule="ifg")["ifg"]["tagged"] is True
    assert set(tags(who)) == {"ifg"}


@pytest.mark.parametrize(
    ("path", "parameters", "says"),
    [
        ("$evaluate-tags", [{"name": "as-of", "valueDate": "2024"}, {"name": "rule", "valueId": "no-such"}], "no-such"),
        ("$evaluate-tags", [{"name": "dry", "valueBoolean": True}], "dryRun"),
        ("$evaluate-tags", [{"name": "as-of", "valueString": "soon"}], "as-of"),
    ],
)
def test_wrong_parameters_are_told(hub: Hub, path: str, parameters: list[Json], says: str) -> None:
    who = somebody(hub)
    with pytest.raises(FhirError) as told:
        hub.operation(f"{who}/{path}", {"resourceType": "Parameters", "parameter": parameters})
    assert told.value.failure.status == 400
    assert says in str(told.value)


def test_unknown_patient_is_told(hub: Hub) -> None:
    with pytest.raises(FhirError) as told:
        hub.operation("Patient/nobody/$evaluate-tags", {"resourceType": "Parameters"})
    assert told.value.failure is Failure.NOT_FOUND
