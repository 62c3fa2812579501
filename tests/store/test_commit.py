"""Commits: durable, isolated from each other, honest about what became of them: docs/durability.md."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from pymongo import monitoring
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from fhirhub.errors import Failure, FhirError
from fhirhub.search.site import Site
from fhirhub.store.failures import is_transient, reading, write_failure
from fhirhub.store.stored import Draft
from fhirhub.store.unit_of_work import Unit
from tests.interactions.hub_client import BASE, MERGE_PATCH, HubClient, entry, hub_on, mrn, patient, unique
from tests.store.store_check import check_store


class Commands(monitoring.CommandListener):
    """Everything that is sent to MongoDB."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.sent.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    def named(self, *names: str) -> list[dict[str, Any]]:
        return [command for command in self.sent if next(iter(command)) in names]


@pytest.fixture
def commands() -> Iterator[Commands]:
    """The commands of clients that are made after this."""
    listener = Commands()
    monitoring.register(listener)
    yield listener
    # The driver has no way to take a listener back.
    monitoring._LISTENERS.command_listeners.remove(listener)


@pytest.fixture
def watched(commands: Commands, mongodb_uri: str) -> Iterator[HubClient]:
    with hub_on(mongodb_uri) as client:
        client.put("Patient/a", patient("1", id="a"))
        client.put(
            "Observation/a", {"resourceType": "Observation", "id": "a", "status": "final", "code": {"text": "x"}}
        )
        commands.sent.clear()
        yield client


WRITES = {
    "create": lambda hub: hub.post("Patient", patient()),
    "update": lambda hub: hub.put("Patient/a", patient(id="a", active=True)),
    "patch": lambda hub: hub.patch("Patient/a", {"active": True}, MERGE_PATCH),
    "delete": lambda hub: hub.delete("Patient/a"),
    "conditional create": lambda hub: hub.post("Patient", patient("2"), if_none_exist=mrn("2")),
    "conditional update": lambda hub: hub.put(f"Patient?{mrn('1')}", patient("1", active=True)),
    "conditional delete": lambda hub: hub.delete(f"Patient?{mrn('1')}"),
    "transaction": lambda hub: hub.transaction(entry("POST", "Patient", patient()), entry("DELETE", "Observation/a")),
    "batch": lambda hub: hub.batch(entry("POST", "Patient", patient())),
}


@pytest.mark.parametrize("name", WRITES)
def test_every_write_is_one_majority_journaled_snapshot_transaction(
    watched: HubClient, commands: Commands, name: str
) -> None:
    assert WRITES[name](watched).status < 300
    writes = commands.named("insert", "update", "delete", "bulkWrite", "findAndModify")
    assert writes, "nothing was written"
    assert all(command["autocommit"] is False for command in writes), "a write outside the transaction"
    assert len({(command["lsid"]["id"], command["txnNumber"]) for command in writes}) == 1
    (commit,) = commands.named("commitTransaction")
    assert commit["writeConcern"] == {"w": "majority", "j": True}
    (start,) = (command for command in commands.sent if command.get("startTransaction"))
    assert start["readConcern"]["level"] == "snapshot"
    written = {next(iter(command.values())) for command in writes}
    assert "outbox" in written
    assert commands.sent[-1] == commit, "something happens after the commit"


def test_a_write_costs_few_round_trips(watched: HubClient, commands: Commands) -> None:
    """A hundred resources cost as many commands as one: a read and a write per type, history, outbox, commit."""
    ids = [unique() for _ in range(100)]
    watched.transaction(*(entry("PUT", f"Patient/{each}", patient(id=each)) for each in ids))
    commands.sent.clear()
    rows = [entry("PUT", f"Patient/{each}", patient(id=each, active=True)) for each in ids]
    assert watched.transaction(*rows).status == 200
    assert [next(iter(command)) for command in commands.sent] == [
        "find",
        "update",
        "insert",
        "insert",
        "commitTransaction",
    ]


def test_reads_ask_for_what_a_majority_has(watched: HubClient, commands: Commands) -> None:
    watched.get("Patient/a")
    watched.get("Patient/a/_history/1")
    watched.get(f"Patient?{mrn('1')}")
    finds = commands.named("find", "aggregate")
    assert finds
    assert all(command["readConcern"]["level"] == "majority" for command in finds)
    assert all(0 < command["maxTimeMS"] <= 2000 for command in finds), "a query without a limit in time"


def test_history_reads_one_moment(watched: HubClient, commands: Commands) -> None:
    watched.get("_history")
    finds = commands.named("find")
    assert len(finds) == 3
    assert all(command["readConcern"]["level"] == "snapshot" for command in finds)
    # The first query chooses the moment, the others name it.
    assert len({command["readConcern"].get("atClusterTime") for command in finds[1:]}) == 1


def binary(size: int) -> dict[str, Any]:
    """A Binary of about that many bytes."""
    return {"resourceType": "Binary", "contentType": "text/plain", "data": "QUFB" * (size // 4)}


def rich(count: int, length: int) -> dict[str, Any]:
    """A Patient whose identifiers make index entries of about the size of the resource."""
    return patient(identifier=[{"value": f"{number:0{length}d}"} for number in range(count)])


def test_document_that_is_too_large_for_mongodb_fails_alone(hub: HubClient) -> None:
    """Drafts are never that large; MongoDB is the last to notice."""
    commits = hub.hub.database.commits

    def write(number: int) -> str:
        draft = Draft.of(patient(str(number)), site=Site(BASE))
        if number == 7:
            draft = replace(draft, rest=b'"x":"' + b"x" * 17_000_000 + b'"')
        try:
            return commits.run(lambda unit: unit.put(draft, str(number), "PUT"), types=["Patient"]).version_id
        except FhirError as error:
            return error.failure.name

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(write, range(16)))
    assert answers == ["TOO_LARGE" if number == 7 else "1" for number in range(16)]
    assert check_store(hub.database, BASE)["PUT"] == 15


@pytest.mark.parametrize(
    "resource",
    [rich(270_000, 12), patient(name=[{"text": f"{number:06d}{'健' * 194}"} for number in range(16_000)])],
    ids=["many entries", "long characters"],
)
def test_resource_whose_index_entries_are_too_large_is_refused(hub: HubClient, resource: dict[str, Any]) -> None:
    answer = hub.post("Patient", resource)
    assert (answer.status, answer.issue["code"]) == (413, "too-long")
    assert "bytes" in answer.issue["diagnostics"]


def test_resource_beyond_the_limit_is_refused_before_anything_is_sent(hub: HubClient) -> None:
    answer = hub.post("Binary", binary(16_000_000))
    assert (answer.status, answer.issue["code"]) == (413, "too-long")
    assert "bytes" in answer.issue["diagnostics"]


def test_large_resources_are_stored_alone_and_together(hub: HubClient) -> None:
    body = binary(4_000_000)
    answer = hub.transaction(*(entry("POST", "Binary", body) for _ in range(6)))
    assert answer.status == 200
    for row in answer.entries:
        stored = hub.get(row["response"]["location"].removeprefix(f"{BASE}/"))
        assert stored.resource["data"] == body["data"]


def test_failing_unit_takes_no_other_with_it(hub: HubClient) -> None:
    """Units that commit together, of which some raise errors nobody expected."""
    commits = hub.hub.database.commits
    gate = threading.Barrier(24)

    def work(number: int) -> object:
        def act(unit: Unit) -> int:
            unit.put(Draft.of(patient(str(number)), site=Site(BASE)), f"unit-{number}", "PUT")
            if number % 4 == 0:
                raise ZeroDivisionError(number)
            return number

        gate.wait()
        try:
            return commits.run(act, types=["Patient"], reads=[("Patient", f"unit-{number}")])
        except ZeroDivisionError as error:
            return error.args[0]

    with ThreadPoolExecutor(24) as threads:
        assert list(threads.map(work, range(24))) == list(range(24))
    for number in range(24):
        assert hub.get(f"Patient/unit-{number}").status == (404 if number % 4 == 0 else 200)
    assert check_store(hub.database, BASE)["PUT"] == 18


def test_unit_that_asks_for_a_type_nobody_prepared_is_a_mistake(hub: HubClient) -> None:
    draft = Draft.of({"resourceType": "Slot"}, site=Site(BASE))
    with pytest.raises(FhirError, match="Slot was not prepared"):
        hub.hub.database.commits.run(lambda unit: unit.put(draft, "x", "PUT"), types=["Patient"])
    assert hub.get("Slot/x").status == 404


def test_conflict_with_a_writer_outside_is_tried_again(hub: HubClient) -> None:
    """Another transaction holds the document for a while; the update waits for its end and then is made."""
    hub.put("Patient/a", patient(id="a"))
    client = hub.hub.database.client
    with client.start_session() as session:
        session.start_transaction()
        hub.database["Patient"].update_one({"_id": "a"}, {"$set": {"x": 1}}, session=session)
        release = threading.Timer(0.5, session.abort_transaction)
        release.start()
        answer = hub.put("Patient/a", patient(id="a", active=True))
        release.join()
    assert (answer.status, answer.version_id) == (200, "2")
    assert hub.get("Patient/a").content == answer.content


def labelled(error: PyMongoError, *labels: str) -> PyMongoError:
    for label in labels:
        error._add_error_label(label)
    return error


DUPLICATE = {"index": 0, "code": 11000, "errmsg": "duplicate key"}


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (labelled(OperationFailure("conflict", 112), "TransientTransactionError"), True),
        (labelled(AutoReconnect("gone"), "TransientTransactionError"), True),
        (DuplicateKeyError("there", 11000), True),
        (BulkWriteError({"writeErrors": [DUPLICATE], "writeConcernErrors": []}), True),
        (BulkWriteError({"writeErrors": [{**DUPLICATE, "code": 2}], "writeConcernErrors": []}), False),
        (BulkWriteError({"writeErrors": [], "writeConcernErrors": [{}]}), False),
        (OperationFailure("too large for the cache", 388), False),
        (OperationFailure("bad", 2), False),
        (DocumentTooLarge("large"), False),
        (AutoReconnect("gone"), False),
    ],
    ids=repr,
)
def test_only_what_may_go_well_next_time_is_tried_again(error: Any, again: bool) -> None:
    assert is_transient(error) is again


@pytest.mark.parametrize(
    ("error", "committing", "failure"),
    [
        (labelled(OperationFailure("?", 50), "UnknownTransactionCommitResult"), True, Failure.OUTCOME_UNKNOWN),
        (NetworkTimeout("slow"), True, Failure.OUTCOME_UNKNOWN),
        (AutoReconnect("gone"), True, Failure.OUTCOME_UNKNOWN),
        (NotPrimaryError("moved"), True, Failure.OUTCOME_UNKNOWN),
        (WTimeoutError("behind", 64), True, Failure.OUTCOME_UNKNOWN),
        (ExecutionTimeout("late", 50), True, Failure.OUTCOME_UNKNOWN),
        (OperationFailure("no", 251), True, Failure.UNAVAILABLE),
        (NetworkTimeout("slow"), False, Failure.UNAVAILABLE),
        (ServerSelectionTimeoutError("none"), False, Failure.UNAVAILABLE),
        (DocumentTooLarge("large"), False, Failure.TOO_LARGE),
        (OperationFailure("too large for the cache", 388), True, Failure.TOO_LARGE),
        (OperationFailure("BSONObj size is invalid", 10334), False, Failure.TOO_LARGE),
        (
            BulkWriteError({"writeErrors": [{**DUPLICATE, "code": 388}], "writeConcernErrors": []}),
            False,
            Failure.TOO_LARGE,
        ),
    ],
    ids=repr,
)
def test_client_learns_whether_its_change_may_have_been_made(error: Any, committing: bool, failure: Failure) -> None:
    said = write_failure(error, committing=committing)
    assert said.failure is failure
    if failure is Failure.TOO_LARGE:
        assert said.status == 413
        return
    assert (said.status, said.headers["Retry-After"]) == (503, "5")
    assert said.issues[0].code == ("timeout" if failure is Failure.OUTCOME_UNKNOWN else "transient")
    assert ("unknown" in str(said)) is (failure is Failure.OUTCOME_UNKNOWN)
    assert ("nothing was changed" in str(said)) is (failure is Failure.UNAVAILABLE)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ExecutionTimeout("late", 50), Failure.TOO_COSTLY),
        (OperationFailure("late", 50), Failure.TOO_COSTLY),
        (OperationFailure("no", 13), Failure.UNAVAILABLE),
        (ServerSelectionTimeoutError("none"), Failure.UNAVAILABLE),
    ],
    ids=repr,
)
def test_reading_says_what_failed(error: Any, failure: Failure) -> None:
    with pytest.raises(FhirError) as caught, reading():
        raise error
    assert caught.value.failure is failure
