"""Many clients at once: nobody's change is lost, nobody's identifier is given twice.

https://hl7.org/fhir/R4/http.html#concurrency, https://hl7.org/fhir/R4/http.html#ccreate
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from fhirhub.model.json import Json
from tests.interactions.hub_client import MERGE_PATCH, Answer, HubClient, entry, mrn, patient, unique

PROJECT = Path(__file__).parents[2]
Result = TypeVar("Result")


def together(count: int, work: Callable[[int], Result]) -> list[Result]:
    """Run `work(0)`, `work(1)`, ... in as many threads; results in that order."""
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(work, range(count)))


def versions(hub: HubClient, path: str) -> list[int]:
    """The version numbers of the history, oldest first."""
    entries = [row for page in hub.pages(f"{path}/_history?_count=100") for row in page.entries]
    return [int(row["response"]["etag"].removeprefix('W/"').rstrip('"')) for row in reversed(entries)]


def test_fifty_updates_with_if_match_have_one_winner_per_version(hub: HubClient) -> None:
    """Whoever loses reads again and tries again, until all fifty changes are made."""
    stored = hub.post("Patient", patient())
    path = f"Patient/{stored.id}"
    refused = Counter[str]()

    def add(number: int) -> Answer:
        while True:
            current = hub.get(path)
            extensions = [
                *current.resource.get("extension", []),
                {"url": f"http://e.example/{number}", "valueBoolean": True},
            ]
            answer = hub.put(path, {**current.resource, "extension": extensions}, if_match=f'W/"{current.version_id}"')
            if answer.status == 200:
                return answer
            assert (answer.status, answer.issue["code"]) == (412, "conflict")
            refused[current.version_id or ""] += 1

    answers = together(50, add)
    assert sorted(int(answer.version_id or 0) for answer in answers) == list(range(2, 52))
    assert versions(hub, path) == list(range(1, 52))
    last = hub.get(path).resource["extension"]
    assert sorted(each["url"] for each in last) == sorted(f"http://e.example/{number}" for number in range(50))
    # Each version holds what the one before held and one thing more: nobody overwrote anybody.
    for number in range(1, 52):
        assert len(hub.get(f"{path}/_history/{number}").resource.get("extension", [])) == number - 1
    assert refused, "nobody ever lost: the clients did not meet"


def test_fifty_updates_of_one_version_have_one_winner(hub: HubClient) -> None:
    stored = hub.post("Patient", patient())
    answers = together(
        50,
        lambda n: hub.put(f"Patient/{stored.id}", patient(id=stored.id, multipleBirthInteger=n), if_match='W/"1"'),
    )
    assert Counter(answer.status for answer in answers) == {200: 1, 412: 49}
    (winner,) = (answer for answer in answers if answer.status == 200)
    assert hub.get(f"Patient/{stored.id}").content == winner.content
    assert versions(hub, f"Patient/{stored.id}") == [1, 2]


def test_fifty_updates_without_if_match_are_all_made(hub: HubClient) -> None:
    stored = hub.post("Patient", patient())
    answers = together(50, lambda n: hub.put(f"Patient/{stored.id}", patient(id=stored.id, multipleBirthInteger=n)))
    assert Counter(answer.status for answer in answers) == {200: 50}
    assert versions(hub, f"Patient/{stored.id}") == list(range(1, 52))
    for answer in answers:
        assert hub.get(f"Patient/{stored.id}/_history/{answer.version_id}").content == answer.content


def test_fifty_patches_are_all_made_on_top_of_each_other(hub: HubClient) -> None:
    stored = hub.post("Patient", patient(name=[]) | {"name": [{"text": "first"}]})
    body = [{"op": "add", "path": "/name/-", "value": {"text": "one more"}}]
    answers = together(50, lambda _: hub.patch(f"Patient/{stored.id}", body, "application/json-patch+json"))
    assert Counter(answer.status for answer in answers) == {200: 50}
    assert len(hub.get(f"Patient/{stored.id}").resource["name"]) == 51


def test_fifty_updates_as_create_of_one_id_make_one_resource(hub: HubClient) -> None:
    logical_id = unique()
    answers = together(50, lambda n: hub.put(f"Patient/{logical_id}", patient(id=logical_id, multipleBirthInteger=n)))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: 49}
    assert versions(hub, f"Patient/{logical_id}") == list(range(1, 51))


def test_fifty_creations_that_ask_for_a_free_id_have_one_winner(hub: HubClient) -> None:
    logical_id = unique()
    answers = together(
        50,
        lambda n: hub.put(f"Patient/{logical_id}", patient(id=logical_id, multipleBirthInteger=n), if_none_match="*"),
    )
    assert Counter(answer.status for answer in answers) == {201: 1, 412: 49}
    assert versions(hub, f"Patient/{logical_id}") == [1]


@pytest.mark.parametrize("way", ["create", "update", "transaction"])
def test_fifty_conditional_creates_of_one_identifier_make_one(hub: HubClient, way: str) -> None:
    value = unique()

    def create(_: int) -> tuple[str, str]:
        if way == "create":
            answer = hub.post("Patient", patient(value), if_none_exist=mrn(value))
        elif way == "update":
            answer = hub.put(f"Patient?{mrn(value)}", patient(value))
        else:
            row = hub.transaction(entry("POST", "Patient", patient(value), ifNoneExist=mrn(value))).entries[0]
            return row["response"]["status"], row["response"]["location"]
        return str(answer.status), answer.location or ""

    answers = together(50, create)
    assert Counter(status for status, _ in answers) == {"201": 1, "200": 49}
    assert len({location for _, location in answers}) == 1
    assert hub.get(f"Patient?{mrn(value)}&_total=accurate").resource["total"] == 1
    assert hub.get(f"Patient/{answers[0][1].split('/')[-3]}/_history").resource["total"] == 1


def test_conditional_creates_of_many_identifiers_make_one_each(hub: HubClient) -> None:
    values = [unique() for _ in range(10)]
    answers = together(40, lambda n: hub.post("Patient", patient(values[n % 10]), if_none_exist=mrn(values[n % 10])))
    assert Counter(answer.status for answer in answers) == {201: 10, 200: 30}
    for value in values:
        assert hub.get(f"Patient?{mrn(value)}").resource["total"] == 1


def test_deletes_and_updates_of_one_resource_alternate(hub: HubClient) -> None:
    logical_id = unique()

    def work(number: int) -> Answer:
        if number % 2:
            return hub.delete(f"Patient/{logical_id}")
        return hub.put(f"Patient/{logical_id}", patient(id=logical_id, multipleBirthInteger=number))

    assert {answer.status for answer in together(40, work)} <= {200, 201, 204}
    numbers = versions(hub, f"Patient/{logical_id}")
    assert numbers == list(range(1, len(numbers) + 1))
    history = hub.get(f"Patient/{logical_id}/_history?_count=100").entries
    methods = [row["request"]["method"] for row in reversed(history)]
    # Two deletions in a row would be one that deleted nothing and still made a version.
    assert all(pair != ("DELETE", "DELETE") for pair in pairwise(methods))
    assert [row["response"]["status"] for row in reversed(history)] == [
        "204" if method == "DELETE" else "201" if number == 0 or methods[number - 1] == "DELETE" else "200"
        for number, method in enumerate(methods)
    ]


class TestTransactions:
    def test_that_touch_the_same_resources_are_all_made_one_after_the_other(self, hub: HubClient) -> None:
        """Each writes its number into the same five resources, in another order: afterwards all five agree."""
        ids = [unique() for _ in range(5)]

        def run(number: int) -> Answer:
            rows = [entry("PUT", f"Patient/{each}", patient(id=each, multipleBirthInteger=number)) for each in ids]
            return hub.transaction(*(rows[number % 5 :] + rows[: number % 5]))

        answers = together(16, run)
        assert Counter(answer.status for answer in answers) == {200: 16}
        assert len({hub.get(f"Patient/{each}").resource["multipleBirthInteger"] for each in ids}) == 1
        orders = []
        for each in ids:
            assert versions(hub, f"Patient/{each}") == list(range(1, 17))
            orders.append(
                [hub.get(f"Patient/{each}/_history/{n}").resource["multipleBirthInteger"] for n in range(1, 17)]
            )
        # One serial order explains all of them.
        assert all(order == orders[0] for order in orders)

    def test_and_single_writes_keep_what_belongs_together_together(self, hub: HubClient) -> None:
        """Money moves between two accounts by If-Match in transactions; the sum is the same at every moment."""
        one, two = unique(), unique()

        def account(logical_id: str, amount: int) -> Json:
            return {"resourceType": "Basic", "id": logical_id, "code": {"text": "account"},
                    "extension": [{"url": "http://e.example/amount", "valueInteger": amount}]}  # fmt: skip

        def amount(resource: Json) -> int:
            value: int = resource["extension"][0]["valueInteger"]
            return value

        hub.transaction(entry("PUT", f"Basic/{one}", account(one, 100)), entry("PUT", f"Basic/{two}", account(two, 0)))

        def move(_: int) -> int:
            lost = 0
            while True:
                both = [hub.get(f"Basic/{each}") for each in (one, two)]
                rows = [
                    entry(
                        "PUT",
                        f"Basic/{each}",
                        account(each, amount(read.resource) + change),
                        ifMatch=f'W/"{read.version_id}"',
                    )
                    for each, read, change in zip((one, two), both, (-1, 1), strict=True)
                ]
                if hub.transaction(*rows).status == 200:
                    return lost
                lost += 1

        lost = together(20, move)
        assert amount(hub.get(f"Basic/{one}").resource) == 80
        assert amount(hub.get(f"Basic/{two}").resource) == 20
        for number in range(1, 22):
            sums = [amount(hub.get(f"Basic/{each}/_history/{number}").resource) for each in (one, two)]
            assert sum(sums) == 100
        assert sum(lost) > 0, "the transactions never met"


CHILD = """
import json, sys, threading
sys.path.insert(0, sys.argv[1])
from fhirhub.hub import open_hub
from fhirhub.errors import FhirError
from fhirhub.model.request import FhirRequest
from fhirhub.settings import Settings

hub = open_hub(Settings(mongodb_uri=sys.argv[2], database=sys.argv[3]))
value, logical_id = sys.argv[4], sys.argv[5]
answers = {"create": [], "update": []}

def create():
    resource = {"resourceType": "Patient", "identifier": [{"system": "http://hospital.example/mrn", "value": value}]}
    criteria = f"identifier=http://hospital.example/mrn|{value}"
    response = hub.answer(FhirRequest("POST", ("Patient",), body=resource, if_none_exist=criteria))
    answers["create"].append((response.status, response.location))

def update():
    path = ("Patient", logical_id)
    while True:
        current = hub.answer(FhirRequest("GET", path))
        number = int(current.version_id)
        body = {"resourceType": "Patient", "id": logical_id, "multipleBirthInteger": number}
        try:
            response = hub.answer(FhirRequest("PUT", path, body=body, if_match=current.version_id))
        except FhirError as error:
            assert error.status == 412, error
            continue
        answers["update"].append((response.status, response.version_id))
        return

print("ready", flush=True)
sys.stdin.readline()
threads = [threading.Thread(target=work) for work in [create, update] * 17]
for thread in threads: thread.start()
for thread in threads: thread.join()
hub.close()
print(json.dumps(answers))
"""


def test_three_processes_give_one_identifier_once_and_lose_no_update(hub: HubClient, mongodb_uri: str) -> None:
    value, logical_id = unique(), unique()
    hub.put(f"Patient/{logical_id}", patient(id=logical_id))
    command = [sys.executable, "-c", CHILD, str(PROJECT), mongodb_uri, hub.database.name, value, logical_id]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers: dict[str, list[Sequence[object]]] = {"create": [], "update": []}
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0
            for kind, found in json.loads(output).items():
                answers[kind] += found
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert Counter(status for status, _ in answers["create"]) == {201: 1, 200: 50}
    assert len({location for _, location in answers["create"]}) == 1
    assert hub.get(f"Patient?{mrn(value)}").resource["total"] == 1
    assert sorted(int(str(version)) for _, version in answers["update"]) == list(range(2, 53))
    assert versions(hub, f"Patient/{logical_id}") == list(range(1, 53))


def test_reads_that_share_a_query_answer_everybody_with_his_own(hub: HubClient) -> None:
    stored = {answer.id: answer.content for answer in (hub.post("Patient", patient(unique())) for _ in range(30))}
    other = hub.post("Basic", {"resourceType": "Basic", "code": {"text": "x"}})
    ids = list(stored)

    def read(number: int) -> bool:
        for step in range(30):
            logical_id = ids[(number * 7 + step) % len(ids)]
            if hub.get(f"Patient/{logical_id}").content != stored[logical_id]:
                return False
            if hub.get(f"Basic/{other.id}").content != other.content:
                return False
            if hub.get(f"Patient/{other.id}").status != 404:
                return False
        return True

    assert together(24, read) == [True] * 24


def test_writes_that_share_a_commit_fail_and_succeed_each_for_itself(hub: HubClient) -> None:
    """Every third asks for a version that is not there, every fifth patches what does not exist."""
    stored = [hub.post("Patient", patient()).id for _ in range(60)]

    def write(number: int) -> tuple[int, int]:
        path = f"Patient/{stored[number]}"
        if number % 3 == 0:
            return 412, hub.put(path, patient(id=stored[number], active=True), if_match='W/"9"').status
        if number % 5 == 0:
            return 404, hub.patch("Patient/nobody", {"active": True}, MERGE_PATCH).status
        return 200, hub.put(path, patient(id=stored[number], active=True)).status

    assert all(wanted == got for wanted, got in together(60, write))
    for number, logical_id in enumerate(stored):
        made = number % 3 != 0 and number % 5 != 0
        assert hub.get(f"Patient/{logical_id}").version_id == ("2" if made else "1")
