"""What the database holds after every kind of write: see the ADRs on the storage layout and on history."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from fhirhub.store.outbox import PARTITIONS, partition_of
from tests.interactions.hub_client import BASE, MERGE_PATCH, Answer, HubClient, entry, mrn, observation, patient, unique
from tests.store.store_check import check_store


def test_store_is_sound_after_every_kind_of_write(hub: HubClient) -> None:
    database = hub.database
    value = unique()
    steps: list[Callable[[], Answer]] = [
        lambda: hub.post("Patient", patient(value, birthDate="1980-02-03", name=[{"family": "Müller"}])),
        lambda: hub.put("Patient/a", patient(id="a", gender="female")),
        lambda: hub.put("Patient/a", patient(id="a", gender="male")),
        lambda: hub.put("Patient/a", patient(id="a", gender="male")),
        lambda: hub.patch("Patient/a", {"active": True}, MERGE_PATCH),
        lambda: hub.put(f"Patient?{mrn(value)}", patient(value, birthDate="1981")),
        lambda: hub.post("Patient", patient(value), if_none_exist=mrn(value)),
        lambda: hub.delete("Patient/a"),
        lambda: hub.delete("Patient/a"),
        lambda: hub.put("Patient/a", patient(id="a")),
        lambda: hub.delete(f"Patient?{mrn(value)}"),
        lambda: hub.batch(entry("POST", "Patient", patient()), entry("PUT", "Patient/a", patient(id="a", active=True))),
        lambda: hub.transaction(
            entry("POST", "Patient", patient(), "urn:uuid:p"),
            entry("POST", "Observation", observation(subject={"reference": "urn:uuid:p"}, effectiveDateTime="2020")),
            entry("PUT", "Patient/b", patient(id="b")),
            entry("DELETE", "Patient/a"),
            entry("GET", "Patient"),
        ),
    ]
    for step in steps:
        answer = step()
        assert answer.status < 300, answer.resource
        check_store(database, BASE)
    assert check_store(database, BASE) == Counter(POST=4, PUT=6, PATCH=1, DELETE=3)


def test_store_is_sound_after_refused_writes(hub: HubClient) -> None:
    hub.put("Patient/a", patient(id="a"))
    refused = [
        hub.put("Patient/a", patient(id="b")),
        hub.put("Patient/a", patient(id="a", gender="x")),
        hub.put("Patient/a", patient(id="a", active=True), if_match='W/"7"'),
        hub.patch("Patient/none", {}, MERGE_PATCH),
        hub.delete("Patient?nope=1"),
        hub.transaction(entry("DELETE", "Patient/a"), entry("POST", "Patient", patient(gender="x"))),
        hub.transaction(entry("PUT", "Patient/a", patient(id="a", active=True)), entry("GET", "Patient/none")),
    ]
    assert all(400 <= answer.status < 500 for answer in refused)
    assert check_store(hub.database, BASE) == Counter(PUT=1)
    assert hub.get("Patient/a").version_id == "1"


def test_store_is_sound_after_many_threads_have_written(hub: HubClient) -> None:
    ids = [unique() for _ in range(5)]

    def work(number: int) -> None:
        for step in range(10):
            logical_id = ids[(number + step) % 5]
            body = patient(id=logical_id, multipleBirthInteger=number * 100 + step)
            match (number + step) % 6:
                case 0:
                    hub.delete(f"Patient/{logical_id}")
                case 1:
                    hub.transaction(entry("PUT", f"Patient/{logical_id}", body), entry("POST", "Patient", patient()))
                case 2:
                    hub.patch(f"Patient/{logical_id}", {"active": bool(step % 2)}, MERGE_PATCH)
                case 3:
                    hub.post("Patient", patient(str(step)), if_none_exist=mrn(str(step)))
                case _:
                    hub.put(f"Patient/{logical_id}", body)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(32)))
    methods = check_store(hub.database, BASE)
    assert methods["PUT"] > 50
    assert methods["POST"] > 10
    for step in range(10):
        assert hub.get(f"Patient?{mrn(str(step))}").resource["total"] <= 1


def test_deleted_resource_is_met_by_no_query_the_store_makes(hub: HubClient) -> None:
    hub.put("Patient/a", patient("1", id="a", birthDate="2000"))
    hub.put("Patient/b", patient("1", id="b"))
    hub.delete("Patient/a")
    for query in ("", "_id=a,b", mrn("1"), "birthdate:missing=true", "gender:not=male", "_lastUpdated=gt2000"):
        found = hub.get(f"Patient?{query}&_total=accurate".replace("?&", "?"))
        assert [resource["id"] for resource in found.resources] == ["b"]
        assert found.resource["total"] == 1
    # Conditional ones look inside a transaction.
    assert hub.put(f"Patient?{mrn('1')}", patient("1", active=True)).id == "b"


def test_large_transaction_fills_several_outbox_rows(hub: HubClient) -> None:
    hub.transaction(*(entry("POST", "Patient", patient()) for _ in range(2_345)))
    rows = list(hub.database["outbox"].find())
    assert sorted(row["p"] for row in rows) == list(range(PARTITIONS))
    assert sum(len(row["c"]) for row in rows) == 2_345
    assert all(partition_of(change["t"], change["i"]) == row["p"] for row in rows for change in row["c"])
    assert check_store(hub.database, BASE) == Counter(POST=2_345)


def test_resource_may_change_twice_in_one_commit(hub: HubClient) -> None:
    """Single writes that commit together may be writes of one resource."""
    with ThreadPoolExecutor(32) as threads:
        list(threads.map(lambda n: hub.put("Patient/a", patient(id="a", multipleBirthInteger=n)), range(64)))
    assert check_store(hub.database, BASE) == Counter(PUT=64)
    commits = hub.database["outbox"].count_documents({})
    assert commits < 64, "no two writes ever shared a commit"
