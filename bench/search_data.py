"""Patients with names and doctors, their encounters and any number of Observations, written past the server's commits.

The documents are those that the server would store; what is left out is validation, history and outbox, which searches
do not see.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from multiprocessing import get_context
from typing import Any

from pymongo import MongoClient

from fhirhub.demo.bundles import SEED, UNTIL
from fhirhub.demo.facility import facility_resources
from fhirhub.demo.observations import observations
from fhirhub.demo.patients import patient
from fhirhub.demo.people import draw_person
from fhirhub.model.json import Json
from fhirhub.search.site import Site
from fhirhub.store.collections import resource_indexes
from fhirhub.store.stamp import StampClock
from fhirhub.store.stored import Draft, Stored, current_document

BASE_URL = "http://127.0.0.1:8080/fhir"
PER_PATIENT = 100
"""Observations of one patient, on average."""
YEARS = range(2018, 2026)
"""The years the Observations name encounters of."""

_PART = 10_000
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Part:
    """What one process writes in one go: Observations of a seed, or the patients from `first` on."""

    uri: str
    database: str
    number: int
    observations: int = 0
    patients: range = range(0)
    population: int = 0


def load(uri: str, database: str, size: int, *, processes: int) -> int:
    """Fill a database with `size` Observations and what belongs to them; return how many patients there are."""
    population = max(size // PER_PATIENT, 20)
    with MongoClient[dict[str, Any]](uri) as client:
        for name in ("Observation", "Patient", "Encounter", "Practitioner", "PractitionerRole", "Organization"):
            client[database][name].create_indexes(resource_indexes(name))
    people = [range(first, min(first + _PART // 10, population + 1)) for first in range(1, population + 1, _PART // 10)]
    parts = [Part(uri, database, number, patients=each) for number, each in enumerate(people, 1)]
    for start in range(0, size, _PART):
        count = min(_PART, size - start)
        parts.append(Part(uri, database, len(parts) + 1, observations=count, population=population))
    with get_context("spawn").Pool(processes) as pool:
        for _ in pool.imap_unordered(_write, parts):
            pass
    return population


def _write(part: Part) -> None:
    clock = StampClock(part.number % 1000, lambda: datetime.now(UTC))
    site = Site(BASE_URL)
    with MongoClient[dict[str, Any]](part.uri) as client:
        rows = _documents(_resources(part), clock, site)
        while batch := list(islice(rows, _AT_ONCE)):
            by_type: dict[str, list[dict[str, Any]]] = {}
            for resource_type, document in batch:
                by_type.setdefault(resource_type, []).append(document)
            for resource_type, documents in by_type.items():
                client[part.database][resource_type].insert_many(documents, ordered=False)


def _documents(resources: Iterable[Json], clock: StampClock, site: Site) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in resources:
        draft = Draft.of(resource, site)
        stamp = clock.next()
        logical_id = resource.get("id") or f"o{stamp:x}"
        content = draft.content(logical_id, 1, stamp)
        stored = Stored(draft.resource_type, logical_id, 1, stamp, "POST", content, stamp)
        yield draft.resource_type, current_document(stored, draft.entries)


def _resources(part: Part) -> Iterator[Json]:
    if part.observations:
        yield from observations(part.observations, part.population, part.number)
        return
    if part.number == 1:
        wanted = ("Practitioner", "PractitionerRole", "Organization")
        yield from (each for each in facility_resources() if each["resourceType"] in wanted)
    for number in part.patients:
        person = patient(draw_person(SEED, number, UNTIL))
        yield person
        for year in YEARS:
            yield {
                "resourceType": "Encounter",
                "id": f"{person['id']}-{year}",
                "status": "finished",
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
                "subject": {"reference": f"Patient/{person['id']}"},
                "period": {"start": f"{year}-03-01T08:00:00+08:00", "end": f"{year}-03-01T12:00:00+08:00"},
            }
