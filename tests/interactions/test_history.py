"""history of an instance, a type and the system: https://hl7.org/fhir/R4/http.html#history."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from fhirhub.model.json import Json
from tests.interactions.hub_client import (
    BASE,
    MERGE_PATCH,
    Answer,
    HubClient,
    entry,
    hub_on,
    mrn,
    observation,
    patient,
    unique,
)

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)


class Clock:
    """A wall clock that moves when told to."""

    def __init__(self) -> None:
        self.time = EPOCH

    def __call__(self) -> datetime:
        return self.time

    def at(self, seconds: float) -> None:
        self.time = EPOCH + timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def hub(mongodb_uri: str, clock: Clock) -> Iterator[HubClient]:
    with hub_on(mongodb_uri, now=clock) as client:
        yield client


@pytest.fixture(scope="module")
def lives(hub: HubClient, clock: Clock) -> dict[str, list[Answer]]:
    """What was written, by logical id: of a Patient `p` at 10, 20 (deleted), 30; `q` at 15; of an Observation at 25."""
    written: dict[str, list[Answer]] = {"p": [], "q": [], "o": []}
    clock.at(10)
    written["p"].append(hub.put("Patient/p", patient(id="p")))
    clock.at(15)
    written["q"].append(hub.put("Patient/q", patient(id="q")))
    clock.at(20)
    written["p"].append(hub.delete("Patient/p"))
    clock.at(25)
    written["o"].append(hub.put("Observation/o", observation(id="o")))
    clock.at(30)
    written["p"].append(hub.put("Patient/p", patient(id="p", active=True)))
    return written


def named(answer: Answer) -> list[str]:
    """The versions in a history Bundle: `p2` is the second version of `p`."""
    assert answer.resource["type"] == "history"
    return [
        entry["fullUrl"].rsplit("/", 1)[1] + entry["response"]["etag"].removeprefix('W/"').rstrip('"')
        for entry in answer.entries
    ]


def instant(seconds: float) -> str:
    return (EPOCH + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.usefixtures("lives")
class TestThreeLevels:
    @pytest.mark.parametrize(
        ("path", "versions"),
        [
            ("Patient/p/_history", ["p3", "p2", "p1"]),
            ("Patient/_history", ["p3", "p2", "q1", "p1"]),
            ("_history", ["p3", "o1", "p2", "q1", "p1"]),
            ("Observation/_history", ["o1"]),
            ("Patient/q/_history", ["q1"]),
            ("Device/_history", []),
        ],
    )
    def test_lists_all_versions_newest_first(self, hub: HubClient, path: str, versions: list[str]) -> None:
        answer = hub.get(path)
        assert (answer.status, named(answer)) == (200, versions)
        assert answer.resource["total"] == len(versions)
        assert answer.resource["link"] == [{"relation": "self", "url": f"{BASE}/{path}"}]

    @pytest.mark.parametrize("path", ["Patient/p/_history", "Patient/_history", "_history"])
    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_pages_hold_every_version_once(self, hub: HubClient, path: str, count: int) -> None:
        whole = hub.get(path)
        pages = list(hub.pages(f"{path}?_count={count}"))
        assert [name for page in pages for name in named(page)] == named(whole)
        assert all(len(page.entries) == count for page in pages[:-1])
        assert {page.resource["total"] for page in pages} == {whole.resource["total"]}

    @pytest.mark.parametrize(
        ("query", "versions"),
        [
            (f"_since={instant(20)}", ["p3", "o1", "p2"]),
            (f"_since={instant(20.001)}", ["p3", "o1"]),
            (f"_since={instant(31)}", []),
            ("_since=2026-03-01", ["p3", "o1", "p2", "q1", "p1"]),
            ("_since=2027", []),
            ("_since=2026-03-01T01:00:15%2B01:00", ["p3", "o1", "p2", "q1"]),
            # q exists all the time from 15, p does not between 20 and 30.
            (f"_at={instant(22)}", ["q1"]),
            (f"_at={instant(20)}", ["p2", "q1"]),
            (f"_at={instant(12)}", ["p1"]),
            (f"_at={instant(9)}", []),
            (f"_at={instant(99)}", ["p3", "o1", "q1"]),
            ("_at=2026-03-01T00:00:15Z", ["q1", "p1"]),
            ("_at=2026-03", ["p3", "o1", "p2", "q1", "p1"]),
            ("_at=2025", []),
            (f"_at=2026-03&_since={instant(25)}", ["p3", "o1"]),
        ],
    )
    def test_of_the_system_since_or_at_a_time(self, hub: HubClient, query: str, versions: list[str]) -> None:
        answer = hub.get(f"_history?{query}")
        assert named(answer) == versions
        assert answer.resource["total"] == len(versions)
        paged = [name for page in hub.pages(f"_history?{query}&_count=1") for name in named(page)]
        assert paged == versions

    @pytest.mark.parametrize(
        ("path", "query", "versions"),
        [
            ("Patient/p/_history", f"_since={instant(20)}", ["p3", "p2"]),
            ("Patient/p/_history", f"_at={instant(12)}", ["p1"]),
            ("Patient/p/_history", f"_at={instant(25)}", []),
            ("Patient/p/_history", f"_at={instant(20)}", ["p2"]),
            ("Patient/p/_history", f"_at={instant(40)}", ["p3"]),
            ("Patient/_history", f"_at={instant(25)}", ["q1"]),
            ("Patient/_history", f"_since={instant(25)}", ["p3"]),
        ],
    )
    def test_of_one_and_of_a_type_since_or_at_a_time(
        self, hub: HubClient, path: str, query: str, versions: list[str]
    ) -> None:
        answer = hub.get(f"{path}?{query}")
        assert named(answer) == versions
        assert answer.resource["total"] == len(versions)

    def test_entries_say_how_each_version_came_to_be(self, hub: HubClient, lives: dict[str, list[Answer]]) -> None:
        back, deletion, creation = hub.get("Patient/p/_history").entries
        full_url = f"{BASE}/Patient/p"
        assert creation == {
            "fullUrl": full_url,
            "resource": lives["p"][0].resource,
            "request": {"method": "PUT", "url": "Patient/p"},
            "response": {"status": "201", "etag": 'W/"1"', "lastModified": instant(10)},
        }
        assert deletion == {
            "fullUrl": full_url,
            "request": {"method": "DELETE", "url": "Patient/p"},
            "response": {"status": "204", "etag": 'W/"2"', "lastModified": instant(20)},
        }
        assert back == {
            "fullUrl": full_url,
            "resource": lives["p"][2].resource,
            "request": {"method": "PUT", "url": "Patient/p"},
            "response": {"status": "201", "etag": 'W/"3"', "lastModified": instant(30)},
        }

    def test_count_zero_answers_the_total_alone(self, hub: HubClient) -> None:
        answer = hub.get("_history?_count=0")
        assert (answer.entries, answer.resource["total"], answer.link("next")) == ([], 5, None)

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("_count=-1", "value"),
            ("_count=x", "value"),
            ("_count=", "value"),
            ("_since=yesterday", "value"),
            ("_since=2026-02-30", "value"),
            ("_at=25:00", "value"),
            ("_cursor=zz", "value"),
            ("_cursor=", "value"),
            ("_cursor=ffffffffffffffffffffffff", "value"),
            ("_cursor=-1", "value"),
            ("_sort=_lastUpdated", "not-supported"),
        ],
    )
    def test_refuses_parameters_it_does_not_understand(self, hub: HubClient, query: str, code: str) -> None:
        for path in ("Patient/p/_history", "Patient/_history", "_history"):
            answer = hub.get(f"{path}?{query}")
            assert (answer.status, answer.issue["code"]) == (400, code)
            assert query.partition("=")[0] in answer.issue["diagnostics"]

    def test_of_an_unknown_resource_is_404(self, hub: HubClient) -> None:
        answer = hub.get("Patient/nobody/_history")
        assert (answer.status, answer.issue["code"]) == (404, "not-found")
        assert hub.get("Patient/nobody/_history?_since=2020").status == 404


def test_versions_of_ids_that_begin_alike_do_not_mix(hub: HubClient, clock: Clock) -> None:
    clock.at(100)
    for logical_id in ("a", "a.", "a-", "a0", "aa", "A"):
        for number in range(2):
            hub.put(f"Group/{logical_id}", group(logical_id, number))
    for logical_id in ("a", "a.", "a-", "a0", "aa", "A"):
        answer = hub.get(f"Group/{logical_id}/_history")
        assert {entry["resource"]["id"] for entry in answer.entries} == {logical_id}
        assert answer.resource["total"] == 2


def group(logical_id: str, quantity: int) -> Json:
    return {"resourceType": "Group", "id": logical_id, "type": "person", "actual": True, "quantity": quantity}


def test_version_ten_follows_version_nine(hub: HubClient, clock: Clock) -> None:
    clock.at(100)
    for number in range(12):
        hub.put("Group/ten", group("ten", number))
    versions = [entry["resource"]["quantity"] for entry in hub.get("Group/ten/_history").entries]
    assert versions == list(range(11, -1, -1))


def test_versions_of_one_moment_have_an_order_and_times_that_rise(hub: HubClient, clock: Clock) -> None:
    """The clock stands still; every version is still later than the one before."""
    clock.at(200)
    answers = [hub.put("Group/still", group("still", number)) for number in range(5)]
    times = [answer.last_updated for answer in answers if answer.last_updated]
    assert len(set(times)) == 5
    assert sorted(times) == times


def test_a_clock_that_goes_back_does_not_turn_versions_around(hub: HubClient, clock: Clock) -> None:
    clock.at(300)
    first = hub.put("Group/back", group("back", 1))
    clock.at(250)
    second = hub.put("Group/back", group("back", 2))
    assert first.last_updated is not None
    assert second.last_updated is not None
    assert second.last_updated > first.last_updated
    assert [each["resource"]["quantity"] for each in hub.get("Group/back/_history").entries] == [2, 1]


def test_every_version_ever_answered_is_served_again_byte_for_byte(hub: HubClient, clock: Clock) -> None:
    """Through single writes, patches, conditional ones and Bundles."""
    clock.at(400)
    value = unique()
    written = [hub.put("Patient/every", patient(value, id="every"))]
    written.append(hub.patch("Patient/every", {"active": True}, MERGE_PATCH))
    written.append(hub.put(f"Patient?{mrn(value)}", patient(value, gender="other")))
    contents = {answer.version_id: answer.content for answer in written}
    for bundle in (hub.batch, hub.transaction):
        body = patient(value, id="every", language=bundle.__name__)
        response = bundle(entry("PUT", "Patient/every", body), prefer_return="representation").entries[0]
        version = response["response"]["etag"].removeprefix('W/"').rstrip('"')
        contents[version] = hub.get("Patient/every").content
        assert response["resource"] == hub.get("Patient/every").resource
    assert contents.keys() == {"1", "2", "3", "4", "5"}
    for version, content in contents.items():
        assert hub.get(f"Patient/every/_history/{version}").content == content


@pytest.mark.parametrize(("level", "count"), [("List/_history", 7), ("_history", 40)])
def test_pages_hold_every_version_once_while_others_write(hub: HubClient, clock: Clock, level: str, count: int) -> None:
    """Versions move from current to history all the time; those that were there at the start are met exactly once."""
    clock.at(500)
    names = [unique() for _ in range(40)]

    def body(name: str, number: int) -> Json:
        return {"resourceType": "List", "id": name, "status": "current", "mode": "working", "title": str(number)}

    for number in range(3):
        hub.transaction(*(entry("PUT", f"List/{name}", body(name, number)) for name in names))
    wanted = {(name, str(version)) for name in names for version in (1, 2, 3)}
    stop = threading.Event()

    def write() -> None:
        number = 3
        while not stop.is_set():
            for name in names:
                hub.put(f"List/{name}", body(name, number))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            seen = Counter(
                (entry["resource"]["id"], entry["resource"]["meta"]["versionId"])
                for page in hub.pages(f"{level}?_count={count}")
                for entry in page.entries
                if "resource" in entry
            )
            assert wanted <= seen.keys()
            assert set(seen.values()) == {1}
    finally:
        stop.set()
        writer.join()
