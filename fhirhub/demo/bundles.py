"""The demo population as transaction Bundles.

https://hl7.org/fhir/R4/http.html#transaction

Every entry is a PUT to a fixed, readable id, so loading the same population again changes nothing. Entries of one
Bundle refer to each other by fullUrl (urn:uuid, made from type and id), to the hospital of the first Bundle by type and
id.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from fhirhub.demo.background import background
from fhirhub.demo.codes import Json, urn
from fhirhub.demo.dice import Dice
from fhirhub.demo.facility import NURSES, facility_resources
from fhirhub.demo.observations import Visit, checkup_observations
from fhirhub.demo.patients import coverage, family_doctor, patient, related_person
from fhirhub.demo.people import Person, draw_person
from fhirhub.demo.problems import care_plan, condition, goal, medication_statement
from fhirhub.demo.trajectories import Checkup, History, live
from fhirhub.demo.visits import encounter, lifestyle_response, report

SEED: Final = 20240101
UNTIL: Final = date(2026, 6, 30)
YEARS: Final = 8


def generate(patients: int = 100, *, seed: int = SEED, until: date = UNTIL, years: int = YEARS) -> Iterator[Json]:
    """Transaction Bundles: the hospital first, then one for each patient.

    The same arguments give the same Bundles on every machine; person number n does not depend on how many others there
    are. `years` is how far the checkups reach back from `until`. Raises ValueError for less than one year or a negative
    number of patients.
    """
    if patients < 0 or years < 1:
        raise ValueError(f"a population needs patients >= 0 and years >= 1, not {patients} and {years}")
    yield transaction(facility_resources())
    for number in range(1, patients + 1):
        person = draw_person(seed, number, until)
        history = live(person, seed, until, years)
        yield transaction(_record(person, history, Dice(seed, number, purpose=3), until))


def transaction(resources: Iterable[Json]) -> Json:
    """A transaction Bundle that puts each resource at its own id."""
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": urn(resource["resourceType"], resource["id"]),
                "resource": resource,
                "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"},
            }
            for resource in resources
        ],
    }


def summary(bundles: Iterable[Json]) -> dict[str, int]:
    """How many resources of each type the Bundles hold, the most frequent type first."""
    counts = Counter(entry["resource"]["resourceType"] for bundle in bundles for entry in bundle["entry"])
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _record(person: Person, history: History, dice: Dice, until: date) -> Iterator[Json]:
    yield patient(person)
    contact = related_person(person, dice)
    if contact is not None:
        yield contact
    checkups = history.checkups
    yield coverage(person, dice, checkups[0].day, checkups[-1].day, until)
    for checkup in checkups:
        yield from _visit(person, history, checkup)
    for diagnosis in history.diagnoses:
        yield condition(person, diagnosis)
        medication = medication_statement(person, diagnosis, history, dice)
        if medication is not None:
            yield medication
        if diagnosis.treated:
            yield goal(person, diagnosis, history)
    plan = care_plan(person, history)
    if plan is not None:
        yield plan
    yield from background(person, history, dice)


def _visit(person: Person, history: History, checkup: Checkup) -> Iterator[Json]:
    known = [
        each
        for each in history.diagnoses
        if each.recorded <= checkup.day and not (each.resolved and each.resolved < checkup.day)
    ]
    visit = Visit(person, checkup, family_doctor(person), NURSES[checkup.day.year % len(NURSES)])
    observations = checkup_observations(visit, with_urine=bool(known))
    yield encounter(visit, known)
    yield lifestyle_response(visit)
    yield from observations
    yield report(visit, observations, known)
