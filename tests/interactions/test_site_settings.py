"""Settings that change what is found: the time zone of dates without one, and the index of words.

https://hl7.org/fhir/R4/search.html#date, https://hl7.org/fhir/R4/search.html#text
"""

from tests.interactions.hub_client import hub_on, observation, patient
from tests.interactions.test_search_parameters import ids


def test_dates_without_a_zone_are_in_that_of_the_site(mongodb_uri: str) -> None:
    """An instant that is still the last of February in Vienna, and the first of March in Shanghai."""
    moment = observation(id="o", effectiveDateTime="2026-02-28T20:00:00Z")
    for zone, day in (("UTC", "2026-02-28"), ("Europe/Vienna", "2026-02-28"), ("Asia/Shanghai", "2026-03-01")):
        with hub_on(mongodb_uri, time_zone=zone) as hub:
            hub.put("Observation/o", moment)
            hub.put("Patient/p", patient(id="p", birthDate="1980-03-01"))
            assert ids(hub, f"Observation?date={day}") == {"o"}
            assert ids(hub, "Observation?date=lt2026-02-28") == set()
            # A day is the same day for the one who asks and for what is stored.
            assert ids(hub, "Patient?birthdate=1980-03-01") == {"p"}


def test_words_are_indexed_unless_that_is_switched_off(mongodb_uri: str) -> None:
    person = patient(id="p", name=[{"text": "Paracelsus"}])
    with hub_on(mongodb_uri) as hub:
        hub.put("Patient/p", person)
        assert ids(hub, "Patient?_content=paracelsus") == {"p"}
    with hub_on(mongodb_uri, full_text=False) as hub:
        hub.put("Patient/p", person)
        assert "w" not in hub.database["Patient"].find_one({"_id": "p"})
        refused = hub.get("Patient?_content=paracelsus")
        assert refused.status == 400, refused.resource
        rows = hub.get("metadata").resource["rest"][0]
        names = {row["name"] for row in [*rows["searchParam"], *rows["resource"][0]["searchParam"]]}
        assert names.isdisjoint({"_text", "_content"})
