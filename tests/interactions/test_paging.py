"""Cursors: https://hl7.org/fhir/R4/http.html#paging."""

import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator

import pytest

from fhirhub.errors import FhirError
from fhirhub.store.cursor import Cursor, Seal, cursor_key
from tests.interactions.hub_client import Answer, HubClient, mrn, observation, patient, unique


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.resource
    return [resource["id"] for resource in answer.resources]


def cursor_of(url: str | None) -> str:
    assert url is not None
    return url.partition("_cursor=")[2]


@pytest.fixture(scope="module")
def nine(hub: HubClient) -> list[str]:
    """The ids of nine Patients, newest first."""
    return [hub.post("Patient", patient("nine", gender="other", birthDate=f"199{n}")).id for n in range(9)][::-1]


@pytest.mark.usefixtures("nine")
@pytest.mark.parametrize("sort", ["", "&_sort=_id", "&_sort=birthdate", "&_sort=gender,-birthdate"])
def test_links_lead_to_neighbours_and_to_the_first_page(hub: HubClient, sort: str) -> None:
    path = f"Patient?{mrn('nine')}&_count=3{sort}"
    first = hub.get(path)
    assert {link["relation"] for link in first.resource["link"]} == {"self", "first", "next"}
    second = hub.get(first.link("next") or "")
    assert {link["relation"] for link in second.resource["link"]} == {"self", "first", "previous", "next"}
    assert second.link("first") == first.link("self") == path
    assert second.link("self") == first.link("next")
    third = hub.get(second.link("next") or "")
    assert {link["relation"] for link in third.resource["link"]} == {"self", "first", "previous"}
    assert ids(hub.get(third.link("previous") or "")) == ids(second)
    assert ids(hub.get(second.link("previous") or "")) == ids(first)
    back_at_first = hub.get(second.link("previous") or "")
    assert back_at_first.link("previous") is None
    assert ids(hub.get(back_at_first.link("next") or "")) == ids(second)


def test_one_page_has_no_links_but_self(hub: HubClient, nine: list[str]) -> None:
    answer = hub.get(f"Patient?{mrn('nine')}&_count=9")
    assert ids(answer) == nine
    assert [link["relation"] for link in answer.resource["link"]] == ["self"]


@pytest.mark.usefixtures("nine")
@pytest.mark.parametrize(
    "other",
    [
        "Patient?gender=other&_count=3&_cursor={}",
        "Patient?{mrn}&_count=4&_cursor={}",
        "Patient?{mrn}&_count=3&_sort=_id&_cursor={}",
        "Observation?{mrn}&_count=3&_cursor={}",
        "?_type=Patient&_count=3&_cursor={}",
        "Patient/1/Patient?{mrn}&_count=3&_cursor={}",
    ],
)
def test_cursor_of_another_search_is_refused(hub: HubClient, other: str) -> None:
    cursor = cursor_of(hub.get(f"Patient?{mrn('nine')}&_count=3").link("next"))
    answer = hub.get(other.replace("{mrn}", mrn("nine")).format(cursor))
    assert (answer.status, answer.issue["code"], answer.issue["expression"]) == (400, "value", ["http._cursor"])


@pytest.mark.usefixtures("nine")
def test_cursor_that_was_changed_anywhere_is_refused(hub: HubClient) -> None:
    path = f"Patient?{mrn('nine')}&_count=3&_cursor="
    cursor = cursor_of(hub.get(f"Patient?{mrn('nine')}&_count=3").link("next"))
    assert hub.get(f"{path}{cursor}").status == 200
    sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        answer = hub.get(f"{path}{urlsafe_b64encode(changed).decode().rstrip('=')}")
        assert (answer.status, answer.issue["code"]) == (400, "value")
    for nonsense in ("x", "AAAA", cursor[:-3], "%00", "é"):
        assert hub.get(f"{path}{nonsense}").status == 400


def test_cursor_of_another_installation_is_refused(hub: HubClient) -> None:
    own, other = Seal(cursor_key()), Seal(b"0" * 32)
    sealed = own.close(Cursor((1,)), "Patient?")
    assert own.open(sealed, "Patient?") == Cursor((1,))
    assert Seal(cursor_key()).open(sealed, "Patient?") == Cursor((1,))
    with pytest.raises(FhirError):
        other.open(sealed, "Patient?")
    assert hub.hub.call.find.seal.open(sealed, "Patient?") == Cursor((1,))


def test_rows_deleted_between_pages_do_not_break_the_cursor(hub: HubClient) -> None:
    value = unique()
    names = [hub.post("Patient", patient(value)).id for _ in range(6)][::-1]
    first = hub.get(f"Patient?{mrn(value)}&_count=2")
    for name in names[:3]:
        hub.delete(f"Patient/{name}")
    second = hub.get(first.link("next") or "")
    assert ids(second) == names[3:5]
    nothing = hub.get(second.link("previous") or "")
    assert (ids(nothing), nothing.link("previous")) == ([], None)
    assert ids(hub.get(nothing.link("next") or "")) == names[3:5]
    for name in names[5:]:
        hub.delete(f"Patient/{name}")
    end = hub.get(second.link("next") or "")
    assert (ids(end), end.link("next")) == ([], None)
    assert ids(hub.get(end.link("first") or "")) == names[3:5]


class Writers:
    """Others who insert, delete and update Observations while a test reads."""

    def __init__(self, hub: HubClient, value: str, lasting: dict[str, str]) -> None:
        self._hub = hub
        self._value = value
        self._lasting = lasting
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._insert, self._update)]
        self.writes = 0

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _insert(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            date = f"2026-01-{number % 28 + 1:02}"
            name = f"passing-{self._value[:8]}-{number}"
            self._hub.put(f"Observation/{name}", observed(self._value, date, id=name))
            if number > 3:
                self._hub.delete(f"Observation/passing-{self._value[:8]}-{number - 3}")
            self.writes += 1

    def _update(self) -> None:
        number = 0
        while not self._stop.is_set():
            for name, date in self._lasting.items():
                number += 1
                self._hub.put(f"Observation/{name}", observed(self._value, date, id=name, valueInteger=number))
                self.writes += 1


def observed(value: str, date: str, **more: object) -> dict[str, object]:
    body = observation(identifier=[{"value": value}], effectiveDateTime=date, **more)
    return body if date else {name: each for name, each in body.items() if name != "effectiveDateTime"}


@pytest.fixture(scope="module")
def lasting(hub: HubClient) -> dict[str, str]:
    """Sixty Observations that exist throughout, with their dates; many dates are equal, some are missing."""
    found = {}
    for number in range(60):
        date = f"2026-01-{number % 9 + 10}" if number % 6 else ""
        found[hub.post("Observation", observed("lasting", date)).id] = date
    return found


@pytest.mark.parametrize("sort", ["", "_id", "-_id", "date", "-date", "-date,_id", "status,date"])
def test_pages_skip_and_repeat_nothing_while_others_write(hub: HubClient, lasting: dict[str, str], sort: str) -> None:
    path = f"Observation?identifier=lasting&_count=7{'&_sort=' + sort if sort else ''}"
    with Writers(hub, "lasting", lasting) as writers:
        for _ in range(3):
            pages = list(hub.pages(path))
            seen = Counter(name for page in pages for name in ids(page))
            assert lasting.keys() <= seen.keys()
            assert set(seen.values()) == {1}
            behind = Counter(name for page in _backward(hub, pages[-1]) for name in ids(page))
            assert lasting.keys() <= behind.keys()
            assert set(behind.values()) == {1}
        assert writers.writes > 10


def _backward(hub: HubClient, page: Answer) -> Iterator[Answer]:
    yield page
    while (onward := page.link("previous")) is not None:
        page = hub.get(onward)
        yield page
