"""What operators see: pages for machines, a database that goes away, workers that die, an orderly stop.

https://hl7.org/fhir/R4/http.html#Status-Codes, docs/operations.md
"""

import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from pymongo import MongoClient

from fhirhub.model.json import Json
from fhirhub.plugin.minimal import minimal
from fhirhub.store.embedded import EmbeddedMongod, find_mongod, start
from tests.processes import freeze
from tests.server.running import FHIR_JSON, Server, running

pytestmark = pytest.mark.xdist_group("operability")
DATABASE = "operability"
ENTRIES = 3_000


@pytest.fixture(scope="module")
def own_mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMongod]:
    """A MongoDB that may be stopped: nobody else uses it."""
    named = os.environ.get("FHIRHUB_MONGOD")
    program = find_mongod(Path(named) if named else None, os.environ)
    with start(tmp_path_factory.mktemp("own"), program, cache_gb=0.25, oplog_mb=512) as mongod:
        yield mongod


@pytest.fixture(scope="module")
def own(own_mongod: EmbeddedMongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over it, with default settings."""
    with running(tmp_path_factory.mktemp("own-server"), own_mongod.uri, DATABASE) as server:
        yield server


def numbers(server: Server, name: str) -> dict[str, float]:
    """The samples of a metric by their labels; over a new connection, so that any worker may answer."""
    text = requests.get(f"{server.root}/metrics", timeout=20).text
    rows = re.findall(rf"^{name}(\{{.*\}})? ([0-9.e+]+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in rows}


def refusal(answer: requests.Response) -> dict[str, Any]:
    """The one issue of a 503."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    (issue,) = answer.json()["issue"]
    found: dict[str, Any] = issue
    return found


def test_pages_say_that_all_is_well(own: Server) -> None:
    about, health, ready = (own.page(path) for path in ("/", "/health", "/ready"))
    assert about.json()["links"]["fhir"] == own.base
    assert (health.json()["status"], ready.json()["status"]) == ("up", "ready")
    for link in about.json()["links"].values():
        assert requests.get(link, timeout=20).status_code in (200, 405)


def test_metrics_add_up_over_the_workers(own: Server) -> None:
    name, labels = "fhirhub_requests_total", '{method="GET",route="/{type}/{id}",status="404"}'
    before = numbers(own, name).get(labels, 0.0)

    def ask(number: int) -> str:
        # A connection of its own, which may meet either worker.
        answer = requests.get(f"{own.base}/Patient/none-{number}", timeout=20)
        assert answer.status_code == 404
        return answer.headers["X-Request-Id"].partition("-")[0]

    with ThreadPoolExecutor(8) as threads:
        workers = set(threads.map(ask, range(60)))
    assert len(workers) == 2
    # Whichever worker is asked.
    assert {numbers(own, name)[labels] for _ in range(8)} == {before + 60}
    bucket = '{le="+Inf",method="GET",route="/{type}/{id}"}'
    assert numbers(own, "fhirhub_request_seconds_bucket")[bucket] >= before + 60
    assert numbers(own, "fhirhub_requests_in_flight")[""] == 0


def test_other_origins_get_no_leave_by_default(own: Server) -> None:
    for method in ("GET", "OPTIONS"):
        headers = own.ask(method, "/metadata", headers={"Origin": "https://app.example"}).headers
        assert not [name for name in headers if name.lower().startswith("access-control-")]


def test_database_that_goes_away_is_said_and_comes_back(own: Server, own_mongod: EmbeddedMongod) -> None:
    made = own.created(minimal("Patient", active=True))
    path = f"/Patient/{made['id']}"
    own_mongod.stop()
    try:
        assert refusal(own.ask("GET", path))["code"] == "transient"
        assert refusal(own.ask("GET", "/Patient?active=true"))["code"] == "transient"
        assert refusal(own.send("POST", "/Patient", minimal("Patient")))["code"] in ("transient", "timeout")
        ready = own.page("/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
        assert int(ready.headers["Retry-After"]) > 0
        assert "MongoDB" in ready.json()["reason"]
        # What needs no database goes on, and so the process is not restarted in vain.
        assert own.page("/health").status_code == 200
        assert own.ask("GET", "/metadata").status_code == 200
        assert own.ask("GET", "/Nope").status_code == 404
    finally:
        own_mongod.restart()
    own.await_ready()
    assert own.ask("GET", path).json() == made
    assert own.send("PUT", path, {**made, "active": False}).headers["ETag"] == 'W/"2"'
    assert len(own.workers()) == 2


def test_database_that_hangs_is_waited_for_no_longer_than_a_client_would(
    own: Server, own_mongod: EmbeddedMongod
) -> None:
    made = own.created(minimal("Patient"))
    freeze(own_mongod.pid)
    try:
        began = time.monotonic()
        assert own.page("/health").status_code == 200
        with ThreadPoolExecutor(2) as threads:
            asked = list(
                threads.map(lambda path: own.ask("GET", path), (f"/Patient/{made['id']}", "/Patient?_count=1"))
            )
        assert {refusal(answer)["code"] for answer in asked} == {"transient"}
        assert own.page("/ready").status_code == 503
        assert time.monotonic() - began < 15
    finally:
        os.kill(own_mongod.pid, signal.SIGCONT)
    own.await_ready()
    assert own.ask("GET", f"/Patient/{made['id']}").json() == made


def test_worker_that_is_killed_is_replaced_while_the_others_answer(own: Server) -> None:
    made = own.created(minimal("Patient"))
    before = set(own.workers())
    stop = time.monotonic() + 3
    lost: list[Exception] = []

    def read() -> int:
        answered = 0
        while time.monotonic() < stop:
            try:
                answer = requests.get(f"{own.base}/Patient/{made['id']}", timeout=20)
            except requests.ConnectionError as error:
                # What the dead worker was answering is lost; nothing else may be.
                lost.append(error)
                continue
            assert answer.json() == made
            answered += 1
        return answered

    with ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(read) for _ in range(4)]
        time.sleep(0.5)
        killed = min(before)
        os.kill(killed, signal.SIGKILL)
        assert sum(reader.result() for reader in readers) > 50
    assert len(lost) <= 4
    deadline = time.monotonic() + 30
    while len(own.workers()) < 2 or killed in own.workers():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(set(own.workers()) - before) == 1
    own.await_ready()


def transaction(size: int) -> Json:
    rows = [
        {
            "resource": minimal("Observation", valueString=f"stop {number}"),
            "request": {"method": "POST", "url": "Observation"},
        }
        for number in range(size)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": rows}


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_stop_lets_a_transaction_end(own_mongod: EmbeddedMongod, tmp_path: Path, sent: signal.Signals) -> None:
    database = f"stop_{sent.name}"
    with (
        running(tmp_path, own_mongod.uri, database) as server,
        ThreadPoolExecutor(1) as threads,
        MongoClient[dict[str, object]](own_mongod.uri) as client,
    ):
        server.created(minimal("Observation"))
        slow = threads.submit(server.send, "POST", "", transaction(ENTRIES))
        deadline = time.monotonic() + 20
        while not numbers(server, "fhirhub_requests_in_flight")[""]:
            assert time.monotonic() < deadline
        assert not slow.done()
        server.process.send_signal(sent)
        answer = slow.result()
        assert (answer.status_code, len(answer.json()["entry"])) == (200, ENTRIES)
        assert server.process.wait(30) == 0
        assert client[database]["Observation"].count_documents({}) == ENTRIES + 1
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{server.root}/health", timeout=5)
        assert '"exception"' not in server.log.read_text()


def test_client_that_gives_up_leaves_a_whole_transaction_or_none(own: Server, own_mongod: EmbeddedMongod) -> None:
    with MongoClient[dict[str, object]](own_mongod.uri) as client:
        found = client[DATABASE]["Observation"]
        before = found.count_documents({})
        with pytest.raises(requests.Timeout):
            requests.post(own.base, json=transaction(ENTRIES), headers={"Content-Type": FHIR_JSON}, timeout=0.2)
        deadline = time.monotonic() + 30
        while numbers(own, "fhirhub_requests_in_flight")[""]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert found.count_documents({}) - before in (0, ENTRIES)
    assert own.page("/ready").status_code == 200


def test_two_servers_share_one_database(own: Server, own_mongod: EmbeddedMongod, tmp_path: Path) -> None:
    with running(tmp_path, own_mongod.uri, DATABASE, BASE_URL=own.base) as other:
        made = own.created(minimal("Patient"))
        assert other.ask("GET", f"/Patient/{made['id']}").json() == made
        updated = other.send("PUT", f"/Patient/{made['id']}", {**made, "active": True}, If_Match='W/"1"')
        assert updated.headers["Location"] == f"{own.base}/Patient/{made['id']}/_history/2"
        assert own.ask("GET", f"/Patient/{made['id']}").json() == updated.json()
