"""Writers that remember what was acknowledged, and the checks that hold the database to it.

Invariants: every acknowledged version is readable and byte-equal; versions are contiguous with one current; no half
transaction; the outbox names every version once; index entries equal a rebuild from the stored bytes.
"""

import itertools
import random
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import requests
from pymongo import MongoClient

from fhirhub.search.extract import extract
from fhirhub.search.site import Site
from fhirhub.store.entries import entries_of
from fhirhub.store.stored import from_current, from_history

GROUP = "urn:example:group"
GROUP_SIZE = 7
Key = tuple[str, str, int]


@dataclass
class Journal:
    """What the server has acknowledged: the bytes of every version, None for a deletion; and whole transactions."""

    versions: dict[Key, bytes | None] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    identifiers: set[str] = field(default_factory=set)
    refused: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledge(self, key: Key, content: bytes | None) -> None:
        """Remember a version the server said it had stored."""
        with self.lock:
            assert key not in self.versions, f"{key} was acknowledged twice"
            self.versions[key] = content


def key_of(location: str) -> Key:
    """Return type, id and version of a Location."""
    resource_type, logical_id, _, version = location.split("/")[-4:]
    return resource_type, logical_id, int(version)


class Writer(threading.Thread):
    """Writes until stopped: creates, updates, deletions, transactions, conditional creates."""

    def __init__(self, base: str, journal: Journal, number: int) -> None:
        super().__init__(name=f"writer {number}", daemon=True)
        self._base = base
        self._journal = journal
        self._random = random.Random(number)
        self._prefix = f"w{number}"
        self._serial = itertools.count()
        self._own: dict[str, int] = {}
        self._session = requests.Session()
        self.stopping = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        actions = [self._create, self._update, self._update, self._delete, self._transaction, self._if_none_exist]
        while not self.stopping.is_set():
            try:
                self._random.choice(actions)()
            except requests.RequestException:
                # Nobody knows what became of it: neither kept nor lost may be held against the server.
                time.sleep(0.02)
            except BaseException as error:
                self.failure = error
                return

    def _patient(self, **more: Any) -> dict[str, Any]:
        value = f"{self._prefix}-{next(self._serial)}"
        family = [{"family": f"Fall {value}", "given": ["测试"]}]
        return {"resourceType": "Patient", "name": family, "birthDate": "1980-05-17", **more}

    def _send(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response | None:
        response = self._session.request(
            method,
            f"{self._base}/{path}" if path else self._base,
            json=body,
            headers={"Content-Type": "application/fhir+json", "Prefer": "return=representation", **headers},
            timeout=30,
        )
        if response.status_code < 300:
            return response
        # The only excuses: the database is away, or somebody else's change came first.
        assert response.status_code in {503, 502, 412, 409}, f"{method} {path}: {response.status_code} {response.text}"
        assert response.json()["resourceType"] == "OperationOutcome"
        with self._journal.lock:
            self._journal.refused[response.status_code] += 1
        return None

    def _create(self) -> None:
        if response := self._send("POST", "Patient", self._patient()):
            key = key_of(response.headers["Location"])
            self._own[key[1]] = key[2]
            self._journal.acknowledge(key, response.content)

    def _update(self) -> None:
        if not self._own:
            return
        logical_id = self._random.choice(list(self._own))
        # Whatever happens now, the version this writer knows is no longer sure to be the current one.
        version = self._own.pop(logical_id)
        body = self._patient(id=logical_id)
        if response := self._send("PUT", f"Patient/{logical_id}", body, **{"If-Match": f'W/"{version}"'}):
            key = key_of(response.headers["Location"])
            self._own[logical_id] = key[2]
            self._journal.acknowledge(key, response.content)

    def _delete(self) -> None:
        if len(self._own) < 4:
            return
        logical_id = self._random.choice(list(self._own))
        del self._own[logical_id]
        if response := self._send("DELETE", f"Patient/{logical_id}"):
            version = int(response.headers["ETag"].removeprefix('W/"').rstrip('"'))
            self._journal.acknowledge(("Patient", logical_id, version), None)

    def _transaction(self) -> None:
        group = f"{self._prefix}-{next(self._serial)}"
        tagged = {"meta": {"tag": [{"system": GROUP, "code": group}]}}
        observation = {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "crash"},
            "subject": {"reference": "urn:uuid:a53dbb10-2f04-4a3b-9b4c-0ea7ed4f6e05"},
            **tagged,
        }
        entries = [
            {
                "fullUrl": "urn:uuid:a53dbb10-2f04-4a3b-9b4c-0ea7ed4f6e05",
                "resource": self._patient(**tagged),
                "request": {"method": "POST", "url": "Patient"},
            }
        ]
        entries += [{"resource": observation, "request": {"method": "POST", "url": "Observation"}}] * (GROUP_SIZE - 1)
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        if self._send("POST", "", bundle, Prefer="return=minimal"):
            with self._journal.lock:
                self._journal.groups.add(group)

    def _if_none_exist(self) -> None:
        # All writers ask for the same few, at the same time.
        value = str(int(time.time()) % 100_000)
        body = self._patient(identifier=[{"system": "urn:example:once", "value": value}])
        if self._send("POST", "Patient", body, **{"If-None-Exist": f"identifier=urn:example:once|{value}"}):
            with self._journal.lock:
                self._journal.identifiers.add(value)


def check_acknowledged(base: str, journal: Journal, sample: list[Key]) -> None:
    """Read acknowledged versions over HTTP and compare them byte for byte."""
    with requests.Session() as session:
        for key in sample:
            response = session.get(f"{base}/{key[0]}/{key[1]}/_history/{key[2]}", timeout=30)
            content = journal.versions[key]
            if content is None:
                assert response.status_code == 410, f"{key}: {response.status_code}"
            else:
                assert response.content == content, f"{key}: {response.status_code} {response.text}"


def check_database(uri: str, database: str, journal: Journal, base: str) -> int:
    """Hold the whole database to the invariants; return how many versions it has."""
    with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        store = client[database]
        versions: dict[tuple[str, str], list[int]] = defaultdict(list)
        contents: dict[Key, bytes | None] = {}
        groups: Counter[str] = Counter()
        once: Counter[str] = Counter()
        for name in [name for name in store.list_collection_names() if name[0].isupper()]:
            for document in store[name].find():
                stored = from_current(name, document)
                versions[name, stored.logical_id].append(stored.version)
                contents[name, stored.logical_id, stored.version] = stored.content
                if stored.content is None:
                    assert "n" not in document and "k" not in document
                    continue
                resource = stored.resource()
                # Their order is that of the elements in what was sent, which `meta` may have stood anywhere in.
                held, rebuilt = entries_of(document), extract(resource, name, Site(base))
                assert sorted(held.tokens) == sorted(rebuilt.tokens), f"{name}/{stored.logical_id}"
                assert set(held.dates) == set(rebuilt.dates), f"{name}/{stored.logical_id}"
                for tag in resource["meta"].get("tag", ()):
                    groups[tag["code"]] += 1
                for identifier in resource.get("identifier", ()):
                    once[identifier["value"]] += 1
        for document in store["history"].find():
            stored = from_history(document)
            versions[stored.resource_type, stored.logical_id].append(stored.version)
            contents[stored.resource_type, stored.logical_id, stored.version] = stored.content
        for key, numbers in versions.items():
            assert sorted(numbers) == list(range(1, len(numbers) + 1)), f"{key} has the versions {sorted(numbers)}"
        for acknowledged, content in journal.versions.items():
            assert contents.get(acknowledged, b"lost") == content, f"{acknowledged} was lost or changed"
        assert set(groups.values()) <= {GROUP_SIZE}, "a transaction is there in part"
        assert journal.groups <= set(groups), "an acknowledged transaction is lost"
        assert set(once.values()) <= {1}, "a conditional create made two"
        assert journal.identifiers <= set(once), "an acknowledged conditional create is lost"
        announced = Counter(
            (change["t"], change["i"], change["v"]) for row in store["outbox"].find() for change in row["c"]
        )
        assert announced == Counter(dict.fromkeys(contents, 1)), "the outbox does not name every version once"
        return len(contents)
