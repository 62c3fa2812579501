"""Opening a database: what is made, what is refused: docs/adr/0006-storage-layout.md."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from pymongo import MongoClient

from fhirhub.settings import ConfigurationError
from fhirhub.store.collections import LAYOUT, resource_indexes
from fhirhub.store.database import open_database
from fhirhub.store.documents import LOCK_STRIPES
from tests.interactions.hub_client import HubClient, hub_on, patient


def now() -> datetime:
    return datetime.now(UTC)


def test_first_opening_makes_what_the_server_itself_needs(hub: HubClient) -> None:
    database = hub.database
    assert {"history", "outbox", "lock", "counter", "installation"} <= set(database.list_collection_names())
    assert database["lock"].count_documents({}) == LOCK_STRIPES
    assert database["installation"].find_one()["layout"] == LAYOUT
    keys = [index["key"] for index in database["history"].index_information().values()]
    assert [("t", 1), ("u", 1)] in keys
    assert [("u", 1)] in keys


def test_second_opening_finds_everything_and_has_another_process_number(mongodb_uri: str, database_name: str) -> None:
    numbers = []
    for _ in range(2):
        database = open_database(mongodb_uri, database_name, max_time_ms=1000, now=now)
        numbers.append(database.client[database_name]["counter"].find_one({"_id": "process"})["c"])  # type: ignore[index]  # it exists
        assert database.unavailable() is None
        database.close()
    assert numbers == [1, 2]


def test_resources_are_there_for_the_next_hub(mongodb_uri: str, hub: HubClient) -> None:
    hub.put("Patient/a", patient(id="a"))
    content = hub.get("Patient/a").content
    name = hub.database.name
    hub.hub.close()
    database = open_database(mongodb_uri, name, max_time_ms=1000, now=now)
    try:
        stored = database.find.current("Patient", "a")
        assert stored is not None
        assert stored.content == content
    finally:
        database.close()


def test_database_of_another_layout_is_refused(mongodb_uri: str, database_name: str) -> None:
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        client[database_name]["installation"].insert_one({"_id": "fhirhub", "layout": 99, "created": now()})
    with pytest.raises(ConfigurationError, match=f"storage layout 99.* layout {LAYOUT}"):
        open_database(mongodb_uri, database_name, max_time_ms=1000, now=now)
    # The refusal leaves no connection behind that would keep the next one from opening.
    with hub_on(mongodb_uri) as client:
        assert client.get("Patient").status == 200


def test_types_that_others_begin_at_the_same_time_get_their_indexes_once(hub: HubClient) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda n: hub.post("Patient", patient(str(n))), range(32)))
    assert {answer.status for answer in answers} == {201}
    expected = {"_id_", *(index.document["name"] for index in resource_indexes("Patient"))}
    assert set(hub.database["Patient"].index_information()) == expected
    assert {"tokens", "dates", "numbers", "words", "created", "updated"} <= expected
