"""$everything of patients and encounters. https://hl7.org/fhir/R4/patient-operation-everything.html"""

from typing import Any
from urllib.parse import quote

import pytest

from fhirhub.model.json import Json
from tests.builtin.parameters import sent
from tests.interactions.hub_client import HubClient, entry, observation, patient, unique

OUTSIDE = ("Device", "Location", "Medication", "Organization", "Practitioner", "PractitionerRole")


class Record:
    """The record of a patient that nobody else's test has a part in: 12 members, and 7 that come along."""

    def __init__(self, hub: HubClient) -> None:
        self.key = key = unique()[:12]
        self.patient = f"Patient/{key}"
        self.hub = hub
        self.along = {
            f"Practitioner/{key}-doctor", f"Organization/{key}-ward", f"Organization/{key}-hospital",
            f"Location/{key}-room", f"Medication/{key}-pill", f"Device/{key}-scale", f"PractitionerRole/{key}-role",
        }  # fmt: skip
        subject = {"subject": {"reference": self.patient}}
        rows: list[Json] = [
            patient(id=key, managingOrganization=self._to("Organization/ward")),
            {"resourceType": "Practitioner", "id": f"{key}-doctor"},
            {"resourceType": "Organization", "id": f"{key}-hospital", "name": "Hospital"},
            {"resourceType": "Organization", "id": f"{key}-ward", "partOf": self._to("Organization/hospital")},
            {"resourceType": "Location", "id": f"{key}-room"},
            {"resourceType": "Medication", "id": f"{key}-pill"},
            {"resourceType": "Device", "id": f"{key}-scale"},
            {"resourceType": "PractitionerRole", "id": f"{key}-role", "practitioner": self._to("Practitioner/doctor")},
            {"resourceType": "Practitioner", "id": f"{key}-stranger"},
            {
                "resourceType": "Encounter", "id": f"{key}-visit", "status": "finished", "class": {"code": "AMB"},
                "period": {"start": "2024-03-01", "end": "2024-03-02"},
                "location": [{"location": self._to("Location/room")}],
                "participant": [{"individual": self._to("PractitionerRole/role")}], **subject,
            },
            {"resourceType": "Condition", "id": f"{key}-old", "onsetDateTime": "2010", **subject},
            {
                "resourceType": "Condition", "id": f"{key}-gone", "onsetDateTime": "2010",
                "abatementDateTime": "2011-05", **subject,
            },
            {"resourceType": "AllergyIntolerance", "id": f"{key}-nuts", "patient": subject["subject"],
             "recordedDate": "1999"},
            {
                "resourceType": "MedicationRequest", "id": f"{key}-order", "status": "active", "intent": "order",
                "medicationReference": self._to("Medication/pill"), "authoredOn": "2024-03-01", **subject,
            },
            *(
                observation(
                    id=f"{key}-weight{number}", effectiveDateTime=f"2024-0{number}-15T10:00:00Z",
                    device=self._to("Device/scale"), encounter=self._to("Encounter/visit"), **subject,
                )
                for number in range(1, 6)
            ),
            observation(id=f"{key}-stranger", subject={"reference": "Patient/somebody-else"}),
        ]  # fmt: skip
        made = hub.transaction(*(entry("PUT", f"{row['resourceType']}/{row['id']}", row) for row in rows))
        assert made.status == 200, made.resource
        self.members = {
            self.patient,
            *(f"Condition/{key}-{name}" for name in ("old", "gone")),
            *(f"{name}/{key}-{end}" for name, end in (("Encounter", "visit"), ("AllergyIntolerance", "nuts"))),
            f"MedicationRequest/{key}-order",
            *(f"Observation/{key}-weight{number}" for number in range(1, 6)),
        }

    def _to(self, place: str) -> Json:
        name, _, end = place.partition("/")
        return {"reference": f"{name}/{self.key}-{end}"}

    def everything(self, query: str = "") -> list[Json]:
        """The entries of all pages."""
        pages = self.hub.pages(f"{self.patient}/$everything?{query}")
        return [row for page in pages for row in page.entries]


@pytest.fixture(scope="module")
def record(hub: HubClient) -> Record:
    return Record(hub)


def places(entries: list[Json]) -> list[str]:
    return [f"{row['resource']['resourceType']}/{row['resource']['id']}" for row in entries]


def test_record_is_whole_and_holds_nothing_twice(record: Record) -> None:
    answer = record.hub.get(f"{record.patient}/$everything")
    assert (answer.status, answer.resource["type"]) == (200, "searchset")
    found = places(answer.entries)
    assert len(found) == len(set(found))
    assert set(found) == record.members | record.along
    modes = {place: row["search"]["mode"] for place, row in zip(found, answer.entries, strict=True)}
    assert {place for place, mode in modes.items() if mode == "match"} == record.members
    assert answer.resource["total"] == len(record.members)
    assert answer.link("next") is None
    assert all(row["fullUrl"].endswith(place) for place, row in zip(found, answer.entries, strict=True))


@pytest.mark.parametrize("count", [1, 2, 5, 10, 11, 12, 17, 18, 1000, 100_000])
def test_pages_of_any_size_hold_each_resource_once(record: Record, count: int) -> None:
    pages = list(record.hub.pages(f"{record.patient}/$everything?_count={count}"))
    assert all(1 <= len(page.entries) <= count for page in pages)
    found = [place for page in pages for place in places(page.entries)]
    assert sorted(found) == sorted(record.members | record.along)
    assert {page.resource["total"] for page in pages} == {len(record.members)}


def test_post_begins_what_links_go_on_with(record: Record) -> None:
    first = record.hub.post(f"{record.patient}/$everything", sent(valueInteger__count=4, valueCode__type="Observation"))
    assert first.status == 200
    assert len(first.entries) == 4
    onward = first.link("next")
    assert onward is not None
    rest = [place for page in record.hub.pages(onward) for place in places(page.entries)]
    assert {*places(first.entries), *rest} == {place for place in record.members if place.startswith("Observation")}


def test_types_choose_from_the_whole_record(record: Record) -> None:
    assert {place.split("/")[0] for place in places(record.everything("_type=Condition,Encounter"))} == {
        "Condition",
        "Encounter",
    }
    doctor = places(record.everything("_type=Practitioner"))
    assert doctor == [f"Practitioner/{record.key}-doctor"]
    both = places(record.everything("_type=Practitioner&_type=Patient&_count=1"))
    assert both == [record.patient, f"Practitioner/{record.key}-doctor"]


def test_dates_choose_care_and_leave_what_has_no_date(record: Record) -> None:
    def ends(query: str) -> set[str]:
        found = {place for place in places(record.everything(query)) if place in record.members}
        return {place.removeprefix(record.patient) and place.rpartition("-")[2] for place in found} - {""}

    assert ends("start=2024-03-02&end=2024-04") == {"visit", "weight3", "weight4", "old", "nuts"}
    assert ends("end=2010-12-31") == {"old", "gone", "nuts"}
    assert ends("start=2012&end=2012") == {"old", "nuts"}
    assert ends("start=2024-05-15&_count=2") == {"weight5", "old", "nuts"}
    # The scale is part of the record only where it weighed.
    devices = [place for place in places(record.everything("end=2012")) if place.startswith("Device")]
    assert devices == []


def test_since_chooses_what_has_changed(hub: HubClient) -> None:
    record = Record(hub)
    doctor = hub.get(f"Practitioner/{record.key}-doctor").resource
    since = doctor["meta"]["lastUpdated"]
    changed = hub.put(f"Practitioner/{doctor['id']}", {**doctor, "active": True})
    condition = hub.get(f"Condition/{record.key}-old").resource
    again = hub.put(f"Condition/{condition['id']}", {**condition, "note": [{"text": "x"}]})
    assert changed.last_updated is not None and again.last_updated is not None
    moment = quote(changed.resource["meta"]["lastUpdated"])
    assert places(record.everything(f"_since={moment}")) == [
        f"Condition/{condition['id']}",
        f"Practitioner/{doctor['id']}",
    ]
    assert set(places(record.everything(f"_since={quote(since)}"))) == record.members | record.along
    assert places(record.everything("_since=2100-01-01T00:00:00Z")) == []


def test_encounter_comes_with_its_patient(record: Record) -> None:
    answer = record.hub.get(f"Encounter/{record.key}-visit/$everything")
    found = dict(zip(places(answer.entries), (row["search"]["mode"] for row in answer.entries), strict=True))
    weights = [f"Observation/{record.key}-weight{number}" for number in range(1, 6)]
    assert {place for place, mode in found.items() if mode == "match"} == {f"Encounter/{record.key}-visit", *weights}
    assert {place for place, mode in found.items() if mode == "include"} == {
        record.patient, f"Location/{record.key}-room", f"PractitionerRole/{record.key}-role",
        f"Practitioner/{record.key}-doctor", f"Device/{record.key}-scale", f"Organization/{record.key}-ward",
        f"Organization/{record.key}-hospital",
    }  # fmt: skip
    assert record.hub.get(f"Encounter/{record.key}-visit/$everything?start=2024-01-01").status == 400


def test_all_records_together_hold_what_is_of_somebody(record: Record) -> None:
    lone = record.hub.post("Observation", observation()).id
    pages = list(record.hub.pages("Patient/$everything?_count=7"))
    assert all(len(page.entries) <= 7 for page in pages)
    found = [place for page in pages for place in places(page.entries)]
    assert len(found) == len(set(found))
    assert record.members | record.along | {f"Practitioner/{record.key}-stranger"} <= set(found)
    assert f"Observation/{lone}" not in found
    some = record.hub.get("Patient/$everything?_type=Encounter&start=2024-03-01&end=2024-03-01")
    assert f"Encounter/{record.key}-visit" in places(some.entries)


def test_references_that_are_broken_break_nothing(hub: HubClient) -> None:
    known = hub.post("Patient", patient()).id
    strange = ["Practitioner/a,b", "Practitioner/nobody", "Practitioner/..", "Organization/x/_history/", "urn:uuid:1"]
    for reference in strange:
        row = observation(subject={"reference": f"Patient/{known}"}, performer=[{"reference": reference}])
        assert hub.post("Observation", row).status in (201, 400)
    answer = hub.get(f"Patient/{known}/$everything")
    assert answer.status == 200
    assert {place.split("/")[0] for place in places(answer.entries)} == {"Patient", "Observation"}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("_count=0", "at least one"),
        ("_count=-1", "at least one"),
        ("_count=x", "'x' is no integer"),
        ("_count=99999999999999999999", "_count"),
        ("_type=Observatoin", "Did you mean Observation"),
        ("_type=ValueSet", "no 'ValueSet' is ever part"),
        ("_type=", "_type"),
        ("_type=,", "no '' is ever part"),
        ("start=yesterday", "start"),
        ("start=2024-13-01", "start"),
        ("start=2024-03-02&end=2024-03-01", "before start"),
        ("_since=2024", "_since"),
        ("_sort=date", "no parameter '_sort'"),
        ("_cursor=nonsense", "_cursor"),
        ("_cursor=m.nonsense", "_cursor"),
        ("_cursor=m", "_cursor"),
        ("_cursor=x.1", "_cursor"),
        ("_cursor=%00.%00", "_cursor"),
    ],
)
def test_what_cannot_be_understood_is_refused(record: Record, query: str, says: str) -> None:
    for path in (record.patient, "Patient"):
        answer = record.hub.get(f"{path}/$everything?{query}")
        if query == "_cursor=m":
            # The beginning, spelt otherwise.
            assert answer.status == 200
            continue
        assert answer.status == 400
        assert any(says in f"{issue['diagnostics']} {issue.get('expression')}" for issue in answer.issues)


def test_link_of_another_record_leads_nowhere(record: Record) -> None:
    link: Any = record.hub.get(f"{record.patient}/$everything?_count=2").link("next")
    other = record.hub.post("Patient", patient()).id
    assert record.hub.get(link.replace(record.key, other, 1)).status == 400
    assert record.hub.get(link.replace("_count=2", "_count=3")).status == 400
    assert record.hub.get("Patient/nobody/$everything").status == 404
