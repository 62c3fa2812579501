"""_explain of a search that costs more than it may: what there is to say without an answer."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhirhub.store.cursor import cursor_key
from fhirhub.store.embedded import find_mongod
from fhirhub.validation import validate_resource
from tests.interactions.hub_client import hub_on, observation, patient
from tests.interactions.test_explain import steps, values
from tests.store.test_outage import Mongod


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    named = os.environ.get("FHIRHUB_MONGOD")
    running = Mongod(find_mongod(Path(named) if named else None, os.environ), tmp_path_factory.mktemp("costly"))
    yield running
    running.kill()


def test_search_that_takes_too_long_is_planned_as_far_as_it_got(own: Mongod) -> None:
    with hub_on(own.uri, max_time_ms=300) as hub:
        hub.put("Patient/1", {**patient(name=[{"family": "chen"}]), "id": "1"})
        hub.post("Observation", observation(subject={"reference": "Patient/1"}))
        cursor_key()
        with own.failing(failCommands=["aggregate"], blockConnection=True, blockTimeMS=900):
            answer = hub.get("Observation?patient.name=chen&_sort=status&_explain=true")
        assert answer.status == 200
        assert validate_resource(answer.resource) == []
        (outcome,) = [each["resource"] for each in answer.resource["parameter"] if each["name"] == "outcome"]
        assert outcome["issue"][0]["code"] == "too-costly"
        chain, page = steps(answer.resource)
        assert (chain["purpose"], chain["resourceType"], chain["index"]) == ("chain", "Patient", "tokens")
        assert (page["purpose"], page["kind"], page["sortsInMemory"]) == ("page", "aggregate", True)
        assert "patient=Patient/1" in page["command"]
        # It is not run again to see what it costs.
        assert "documentsExamined" not in page
        assert values(answer.resource["parameter"])["rows"] == 0


def test_explanation_that_takes_too_long_is_one_of_plans(own: Mongod) -> None:
    with hub_on(own.uri, max_time_ms=300) as hub:
        for _ in range(2):
            hub.post("Observation", observation())
        cursor_key()
        with own.failing(failCommands=["explain"], blockConnection=True, blockTimeMS=900):
            answer = hub.get("Observation?status=final&_count=1&_total=accurate&_sort=status&_explain=true")
        page, total = steps(answer.resource)
        assert (page["purpose"], total["purpose"]) == ("page", "total")
        for step in (page, total):
            assert step["index"] == "tokens"
            assert "documentsExamined" not in step
        found = values(answer.resource["parameter"])
        assert (found["rows"], found["total"], found["documentsExamined"]) == (1, 2, 0)
