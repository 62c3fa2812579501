"""Who is told of what. https://hl7.org/fhir/R4/subscription.html"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fhirhub.plugin import Change, Failure, FhirError, Hub, Json, decode_json
from fhirhub.plugin.testing import NOW, Clock, minimal, observation, patient

from ..life import hear

Drain = Callable[[], None]
Subscribe = Callable[..., Json]
Query = Sequence[tuple[str, str]]
Heard = Callable[[], list[tuple[str, str]]]
HEMOGLOBIN = "718-7"
BELOW = re.compile("/hook/a.*")


@pytest.fixture
def taken(httpserver: HTTPServer) -> list[Request]:
    """The requests that the endpoint, which takes everything, has got."""
    requests: list[Request] = []

    def take(request: Request) -> Response:
        requests.append(request)
        return Response(status=200)

    httpserver.expect_request(BELOW).respond_with_handler(take)
    return requests


def hemoglobin(hub: Hub, value: str = "120", code: str = HEMOGLOBIN) -> Json:
    """A new Observation of a new patient."""
    subject = hub.create(patient())
    return hub.create(observation(f"Patient/{subject['id']}", code, Decimal(value), "g/L", "2026-01-30"))


def test_requested_subscription_becomes_active(subscribe: Subscribe) -> None:
    made = subscribe("Observation?code=http://loinc.org|718-7", error="an earlier one")
    assert (made["status"], made["meta"]["versionId"]) == ("active", "2")
    assert "error" not in made


def test_payload_is_the_resource_and_nothing_else_is_told(
    hub: Hub, drain: Drain, subscribe: Subscribe, taken: list[Request]
) -> None:
    subscribe("Observation?code=http://loinc.org|718-7&value-quantity=lt130||g/L", channel={"header": ["X-Key: a: b"]})
    stored = hemoglobin(hub)
    hemoglobin(hub, "131")
    hemoglobin(hub, code="4548-4")
    drain()
    (request,) = taken
    assert (request.method, request.path) == ("PUT", f"/hook/a/Observation/{stored['id']}")
    assert request.headers["Content-Type"] == "application/fhir+json"
    assert request.headers["X-Key"] == "a: b"
    assert decode_json(request.data) == stored
    drain()
    assert len(taken) == 1


def test_without_payload_nothing_of_the_resource_leaves(
    hub: Hub, drain: Drain, subscribe: Subscribe, taken: list[Request]
) -> None:
    subscribe("Observation?", payload=None)
    hemoglobin(hub)
    drain()
    (request,) = taken
    assert (request.method, request.path, request.data) == ("POST", "/hook/a", b"")


def test_each_version_that_matches_is_told_and_no_deletion(
    hub: Hub, drain: Drain, subscribe: Subscribe, heard: Heard, taken: list[Request]
) -> None:
    subscribe("Patient?gender=female")
    stored = hub.create(patient())
    drain()
    path = f"/hook/a/Patient/{stored['id']}"
    assert heard() == [("PUT", path)]
    hub.update({**stored, "active": True})
    drain()
    assert heard() == [("PUT", path)]
    hub.update({**stored, "gender": "unknown"})
    drain()
    hub.delete("Patient", stored["id"])
    drain()
    assert heard() == []


def test_types_that_begin_alike_are_told_apart(
    hub: Hub, drain: Drain, subscribe: Subscribe, taken: list[Request]
) -> None:
    subscribe("MedicationRequest?")
    hub.create(minimal("Medication"))
    drain()
    assert taken == []


def test_subscribers_are_told_each(
    hub: Hub, drain: Drain, subscribe: Subscribe, heard: Heard, taken: list[Request]
) -> None:
    for _ in range(3):
        subscribe("Patient?", payload=None)
    hub.create(patient())
    drain()
    assert heard() == [("POST", "/hook/a")] * 3


def test_of_two_versions_only_the_newer_is_told_where_the_endpoint_was_away(
    hub: Hub, drain: Drain, clock: Clock, subscribe: Subscribe, httpserver: HTTPServer
) -> None:
    subscribe("Patient?")
    bodies: list[Json] = []
    answers = iter([503, 200, 200, 200])

    def take(request: Request) -> Response:
        status = next(answers)
        if status == 200:
            bodies.append(decode_json(request.data))
        return Response(status=status)

    httpserver.expect_request(BELOW).respond_with_handler(take)
    stored = hub.create(patient())
    drain()
    hub.update({**stored, "active": True})
    drain()
    clock.advance(timedelta(hours=1))
    drain()
    assert [each["meta"]["versionId"] for each in bodies] == ["2"]


def test_end_turns_it_off(hub: Hub, drain: Drain, clock: Clock, subscribe: Subscribe, taken: list[Request]) -> None:
    made = subscribe("Patient?", end="2026-01-31T09:00:00Z")
    hub.create(patient())
    drain()
    assert len(taken) == 1
    clock.advance(timedelta(hours=2))
    hub.create(patient())
    drain()
    assert len(taken) == 1
    ended = hub.read("Subscription", made["id"])
    assert ended is not None and ended["status"] == "off"


def test_what_is_turned_off_is_not_told_of_what_waits(
    hub: Hub, drain: Drain, clock: Clock, subscribe: Subscribe, httpserver: HTTPServer, heard: Heard
) -> None:
    made = subscribe("Patient?")
    httpserver.expect_request(BELOW).respond_with_data("", status=500)
    hub.create(patient())
    drain()
    assert len(heard()) == 1
    hub.update({**made, "status": "off"})
    clock.advance(timedelta(hours=1))
    drain()
    assert heard() == []


@pytest.mark.parametrize("status", [301, 400, 404, 500])
def test_endpoint_that_never_takes_it_puts_it_in_error(
    hub: Hub, drain: Drain, clock: Clock, subscribe: Subscribe, httpserver: HTTPServer, heard: Heard, status: int
) -> None:
    made = subscribe("Patient?")
    httpserver.expect_request(BELOW).respond_with_data("", status=status, headers={"Location": "/hook/other"})
    hub.create(patient())
    for _ in range(5):
        drain()
        clock.advance(timedelta(hours=2))
    assert len(heard()) == 3
    failed = hub.read("Subscription", made["id"])
    assert failed is not None and failed["status"] == "error"
    assert failed["error"] == f"Given up after 3 attempts: The endpoint answered {status}."
    hub.update({**failed, "status": "requested"})
    drain()
    again = hub.read("Subscription", made["id"])
    assert again is not None and again["status"] == "active" and "error" not in again


def test_nobody_listens(hub: Hub, drain: Drain, clock: Clock, httpserver: HTTPServer, subscribe: Subscribe) -> None:
    made = subscribe("Patient?")
    httpserver.stop()
    try:
        hub.create(patient())
        for _ in range(5):
            drain()
            clock.advance(timedelta(hours=2))
        failed = hub.read("Subscription", made["id"])
        assert failed is not None and failed["error"] == "Given up after 3 attempts: ConnectionError"
    finally:
        httpserver.start()


class Failing:
    """A hub with a Subscription whose criteria fail, and with one whose do not."""

    zone = UTC

    def __init__(self, failure: Failure) -> None:
        self._failure = failure
        self.written: list[Json] = []
        self.scheduled: list[Mapping[str, str]] = []

    def now(self) -> datetime:
        return NOW

    def search(self, resource_type: str, query: Query) -> Iterator[Json]:
        for name in ("bad", "good"):
            yield {"id": name, "meta": {"versionId": "1"}, "status": "active", "criteria": f"Patient?name={name}"}

    def count(self, resource_type: str, query: Query) -> int:
        if ("name", "bad") in query:
            raise FhirError(self._failure, "It cannot be searched by name.")
        return 1

    def update(self, resource: Json, if_match: str) -> None:
        self.written.append(resource)

    def schedule(self, job: str, parameters: Mapping[str, str], key: str) -> None:
        self.scheduled.append(parameters)


CHANGE = Change("create", "Patient", "a", 1, NOW, patient(id="a"))


def test_criteria_that_fail_later_end_their_subscription_alone() -> None:
    """A search parameter may have been deleted, or a value set."""
    hub = Failing(Failure.BAD_VALUE)
    hear(CHANGE, cast(Hub, hub))
    (written,) = hub.written
    assert (written["id"], written["status"]) == ("bad", "error")
    assert written["error"] == "The criteria cannot be used any more: It cannot be searched by name."
    assert [each["subscription"] for each in hub.scheduled] == ["good"]


def test_database_that_is_away_is_no_fault_of_a_subscription() -> None:
    hub = Failing(Failure.UNAVAILABLE)
    with pytest.raises(FhirError, match="by name"):
        # A worker tries again.
        hear(CHANGE, cast(Hub, hub))
    assert hub.written == []
