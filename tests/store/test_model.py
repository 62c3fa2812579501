"""The hub against a model of it: whatever is done in whatever order, both say the same."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fhirhub.model.json import Json
from tests.interactions.hub_client import BASE, MERGE_PATCH, HubClient, entry, hub_on, mrn, patient
from tests.store.store_check import check_store

NAMES = st.sampled_from(["a", "b", "c"])
MARKS = st.sampled_from(["x", "y"])
NUMBERS = st.integers(0, 2)


class HubMachine(RuleBasedStateMachine):
    """A few Patients with a few identifiers, so that the rules meet each other often."""

    hub: HubClient

    @initialize()
    def begin(self) -> None:
        self.run = uuid.uuid4().hex[:8]
        # Of each id all versions; None is a deletion.
        self.lives: dict[str, list[Json | None]] = {}

    def resource(self, name: str | None, mark: str, number: int) -> Json:
        more: Json = {"multipleBirthInteger": number}
        if name is not None:
            more["id"] = self.id(name)
        return patient(f"{self.run}{mark}", **more)

    def id(self, name: str) -> str:
        return f"{self.run}-{name}"

    def criteria(self, mark: str) -> str:
        return mrn(f"{self.run}{mark}")

    def current(self, logical_id: str) -> Json | None:
        return self.lives.get(logical_id, [None])[-1]

    def matching(self, mark: str) -> list[str]:
        value = f"{self.run}{mark}"
        return sorted(i for i, life in self.lives.items() if life[-1] and life[-1]["identifier"][0]["value"] == value)

    def put(self, logical_id: str, resource: Json) -> tuple[int, str]:
        """Do in the model what an update does; return status and version."""
        life = self.lives.setdefault(logical_id, [])
        resource = {**resource, "id": logical_id}
        existed = bool(life) and life[-1] is not None
        if not existed or life[-1] != resource:
            life.append(resource)
        return (200 if existed else 201), str(len(life))

    def drop(self, logical_id: str) -> None:
        if self.current(logical_id) is not None:
            self.lives[logical_id].append(None)

    @rule(mark=MARKS, number=NUMBERS)
    def create(self, mark: str, number: int) -> None:
        resource = self.resource(None, mark, number)
        answer = self.hub.post("Patient", resource)
        assert (answer.status, answer.version_id) == (201, "1")
        assert answer.id not in self.lives
        self.lives[answer.id] = [{**resource, "id": answer.id}]

    @rule(name=NAMES, mark=MARKS, number=NUMBERS)
    def update(self, name: str, mark: str, number: int) -> None:
        resource = self.resource(name, mark, number)
        answer = self.hub.put(f"Patient/{self.id(name)}", resource)
        assert (answer.status, answer.version_id) == self.put(self.id(name), resource)

    @rule(name=NAMES, mark=MARKS, number=NUMBERS, version=st.integers(1, 4))
    def update_if_match(self, name: str, mark: str, number: int, version: int) -> None:
        resource = self.resource(name, mark, number)
        answer = self.hub.put(f"Patient/{self.id(name)}", resource, if_match=f'W/"{version}"')
        if version == len(self.lives.get(self.id(name), [])):
            assert (answer.status, answer.version_id) == self.put(self.id(name), resource)
        else:
            assert (answer.status, answer.issue["code"]) == (412, "conflict")

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        answer = self.hub.delete(f"Patient/{self.id(name)}")
        assert (answer.status, answer.content) == (204, None)
        self.drop(self.id(name))

    @rule(name=NAMES, number=NUMBERS)
    def patch(self, name: str, number: int) -> None:
        current = self.current(self.id(name))
        answer = self.hub.patch(f"Patient/{self.id(name)}", {"multipleBirthInteger": number}, MERGE_PATCH)
        if current is None:
            assert answer.status == (410 if self.id(name) in self.lives else 404)
        else:
            expected = self.put(self.id(name), {**current, "multipleBirthInteger": number})
            assert (answer.status, answer.version_id) == expected

    @rule(mark=MARKS, number=NUMBERS)
    def conditional_create(self, mark: str, number: int) -> None:
        found = self.matching(mark)
        resource = self.resource(None, mark, number)
        answer = self.hub.post("Patient", resource, if_none_exist=self.criteria(mark))
        if not found:
            assert answer.status == 201
            self.lives[answer.id] = [{**resource, "id": answer.id}]
        elif len(found) == 1:
            assert (answer.status, answer.id, answer.version_id) == (200, found[0], str(len(self.lives[found[0]])))
        else:
            assert (answer.status, answer.issue["code"]) == (412, "multiple-matches")

    @rule(mark=MARKS, to=MARKS, number=NUMBERS)
    def conditional_update(self, mark: str, to: str, number: int) -> None:
        found = self.matching(mark)
        resource = self.resource(None, to, number)
        answer = self.hub.put(f"Patient?{self.criteria(mark)}", resource)
        if len(found) > 1:
            assert (answer.status, answer.issue["code"]) == (412, "multiple-matches")
        else:
            logical_id = found[0] if found else answer.id
            assert (answer.status, answer.version_id) == self.put(logical_id, resource)
            assert answer.id == logical_id

    @rule(mark=MARKS, at_most=st.sampled_from([None, 1, 5]))
    def conditional_delete(self, mark: str, at_most: int | None) -> None:
        found = self.matching(mark)
        count = "" if at_most is None else f"&_count={at_most}"
        answer = self.hub.delete(f"Patient?{self.criteria(mark)}{count}")
        if len(found) > (at_most or 1):
            assert (answer.status, answer.issue["code"]) == (412, "multiple-matches")
            return
        assert answer.status == (200 if len(found) > 1 else 204)
        for logical_id in found:
            self.drop(logical_id)

    @rule(
        puts=st.dictionaries(NAMES, st.tuples(MARKS, NUMBERS), max_size=2),
        deletes=st.sets(NAMES, max_size=2),
        creates=st.lists(st.tuples(MARKS, NUMBERS), max_size=2),
        fails=st.booleans(),
        kind=st.sampled_from(["transaction", "batch"]),
    )
    def several(
        self,
        puts: dict[str, tuple[str, int]],
        deletes: set[str],
        creates: list[tuple[str, int]],
        fails: bool,
        kind: str,
    ) -> None:
        # A batch has no order; in a transaction nothing may be named twice.
        deletes = deletes - puts.keys()
        rows = [entry("GET", f"Patient/{self.run}-nobody")] if fails else []
        rows += [entry("POST", "Patient", self.resource(None, *each)) for each in creates]
        rows += [entry("PUT", f"Patient/{self.id(name)}", self.resource(name, *each)) for name, each in puts.items()]
        rows += [entry("DELETE", f"Patient/{self.id(name)}") for name in sorted(deletes)]
        answer = self.hub.bundle(kind, *rows)
        if fails and kind == "transaction":
            assert (answer.status, answer.issue["code"]) == (404, "not-found")
            return
        assert answer.status == 200
        got = answer.entries[1:] if fails else answer.entries
        for each, row in zip(creates, got, strict=False):
            logical_id = row["response"]["location"].split("/")[-3]
            self.lives[logical_id] = [{**self.resource(None, *each), "id": logical_id}]
        statuses = [row["response"]["status"] for row in got[len(creates) :]]
        expected = [str(self.put(self.id(name), self.resource(name, *each))[0]) for name, each in puts.items()]
        for name in deletes:
            self.drop(self.id(name))
        assert statuses == expected + ["204"] * len(deletes)

    @precondition(lambda self: self.lives)
    @rule(which=st.integers(0, 9), version=st.integers(1, 6))
    def read_old_version(self, which: int, version: int) -> None:
        logical_id = list(self.lives)[which % len(self.lives)]
        answer = self.hub.get(f"Patient/{logical_id}/_history/{version}")
        if version > len(self.lives[logical_id]):
            assert (answer.status, answer.issue["code"]) == (404, "not-found")
        else:
            self.agree(answer, self.lives[logical_id][version - 1])

    @invariant()
    def reads_agree(self) -> None:
        for logical_id, life in self.lives.items():
            self.agree(self.hub.get(f"Patient/{logical_id}"), life[-1])

    @invariant()
    def histories_agree(self) -> None:
        for logical_id, life in self.lives.items():
            answer = self.hub.get(f"Patient/{logical_id}/_history?_count=1000")
            assert answer.resource["total"] == len(life)
            assert [self.plain(row.get("resource")) for row in answer.entries] == life[::-1]

    @invariant()
    def searches_agree(self) -> None:
        for mark in ("x", "y"):
            answer = self.hub.get(f"Patient?{self.criteria(mark)}&_total=accurate&_count=1000")
            assert sorted(resource["id"] for resource in answer.resources) == self.matching(mark)
            assert answer.resource["total"] == len(self.matching(mark))

    def agree(self, answer: Any, resource: Json | None) -> None:
        if resource is None:
            assert (answer.status, answer.issue["code"]) == (410, "deleted")
        else:
            assert (answer.status, self.plain(answer.resource)) == (200, resource)

    def plain(self, resource: Json | None) -> Json | None:
        return None if resource is None else {name: value for name, value in resource.items() if name != "meta"}


@pytest.fixture
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    with hub_on(mongodb_uri) as client:
        yield client


def test_hub_agrees_with_its_model(hub: HubClient) -> None:
    machine = type("Machine", (HubMachine,), {"hub": hub})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert check_store(hub.database, BASE).total() > 100
