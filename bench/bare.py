"""The bare limits: what pymongo and WSGI alone do with the same documents, the same indexes, the same durability."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pymongo import MongoClient
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from fhirhub.model.json import Json
from fhirhub.search.site import Site
from fhirhub.store.collections import resource_indexes
from fhirhub.store.stamp import StampClock
from fhirhub.store.stored import Draft, Stored, current_document

Document = dict[str, Any]

DURABLE: dict[str, Any] = {"w": "majority", "journal": True, "readConcernLevel": "majority", "timeoutMS": 60_000}
BASE_URL = "http://127.0.0.1/fhir"


def documents(resources: Iterable[Json], clock: StampClock) -> list[Document]:
    """Return the documents fhirhub would store for these resources, made beforehand."""
    made = []
    for number, resource in enumerate(resources):
        draft = Draft.of(resource, Site(BASE_URL))
        stamp = clock.next()
        content = draft.content(f"{os.getpid()}-{number}-{stamp}", 1, stamp)
        stored = Stored(draft.resource_type, f"{os.getpid()}-{number}-{stamp}", 1, stamp, "POST", content, stamp)
        made.append(current_document(stored, draft.entries))
    return made


def _collection(uri: str, database: str, name: str) -> Any:
    collection = MongoClient[Document](uri, **DURABLE)[database][name]
    collection.create_indexes(resource_indexes("Observation"))
    return collection


def insert_one(uri: str, database: str, prebuilt: Sequence[Document], *, clients: int) -> float:
    """Return documents a second that `clients` threads insert one by one, majority and journaled."""
    collection = _collection(uri, database, "Observation")
    return _threads(clients, prebuilt, lambda document: collection.insert_one(document))


def update(uri: str, database: str, prebuilt: Sequence[Document], *, clients: int) -> float:
    """Return updates a second done as the unbatched calls: read, archive and replace in a transaction each."""
    collection = _collection(uri, database, "Observation")
    collection.insert_many(prebuilt)
    client: MongoClient[Document] = collection.database.client
    history = client[database]["history"]
    history.insert_one({"_id": "first"})

    def change(document: Document) -> None:
        with client.start_session() as session, session.start_transaction(*_concerns()):
            old = collection.find_one({"_id": document["_id"]}, session=session)
            history.insert_one({"_id": f"{old['_id']}/{old['v']}", "r": old["r"]}, session=session)
            collection.replace_one({"_id": document["_id"]}, {**document, "v": 2}, session=session)

    return _threads(clients, prebuilt, change)


def transactions(uri: str, database: str, bundles: Sequence[Sequence[Document]], *, clients: int) -> float:
    """Return documents a second written in one transaction per bundle, one insert_many each."""
    collection = _collection(uri, database, "Observation")
    client: MongoClient[Document] = collection.database.client
    outbox = client[database]["outbox"]
    outbox.insert_one({"_id": -1})

    def write(bundle: Sequence[Document]) -> None:
        with client.start_session() as session, session.start_transaction(*_concerns()):
            collection.insert_many(bundle, ordered=False, session=session)
            changes = [{"t": "Observation", "i": row["_id"], "v": 1, "m": "POST"} for row in bundle]
            outbox.insert_one({"_id": bundle[0]["u"], "c": changes}, session=session)

    return _threads(clients, bundles, write) * len(bundles[0])


def insert_many(uri: str, database: str, prebuilt: Sequence[Document], *, size: int, clients: int) -> float:
    """Return documents a second by plain `insert_many` of `size`, with the same indexes."""
    collection = _collection(uri, database, "Observation")
    chunks = [prebuilt[start : start + size] for start in range(0, len(prebuilt), size)]
    rate = _threads(clients, chunks, lambda chunk: collection.insert_many(chunk, ordered=False))
    return rate * len(prebuilt) / len(chunks)


def _concerns() -> tuple[ReadConcern, WriteConcern]:
    return ReadConcern("snapshot"), WriteConcern("majority", j=True)


def _threads(count: int, items: Sequence[Any], act: Callable[[Any], object]) -> float:
    """Let `count` threads work through the items; return items a second."""
    waiting = iter(items)
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                item = next(waiting, None)
            if item is None:
                return
            act(item)

    threads = [threading.Thread(target=work) for _ in range(count)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(items) / (time.perf_counter() - began)


def read_application() -> Callable[..., Iterable[bytes]]:
    """Return a WSGI application that answers `/Type/id` with the bytes of one find_one and nothing else."""
    database = MongoClient[Document](os.environ["BENCH_MONGODB_URI"], **DURABLE)[os.environ["BENCH_DATABASE"]]

    def application(environ: Document, start_response: Callable[..., object]) -> Iterable[bytes]:
        _, _, resource_type, logical_id = environ["PATH_INFO"].split("/")
        body = database[resource_type].find_one({"_id": logical_id}, {"r": 1})
        content = body["r"] if body else b""
        start_response("200 OK", [("Content-Type", "application/fhir+json"), ("Content-Length", str(len(content)))])
        return [content]

    return application
