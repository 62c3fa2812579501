"""What must be true of every database fhirhub has written, whatever happened to it."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

from fhirhub.model.json import decode_trusted
from fhirhub.search.extract import extract
from fhirhub.search.site import Site
from fhirhub.store.entries import entries_of
from fhirhub.store.stamp import format_instant

Version = tuple[str, str, int]


def check_store(database: Any, base_url: str) -> Counter[str]:
    """Assert all invariants of the storage layout and return how many versions of which method there are."""
    superseded: dict[tuple[str, str], dict[int, dict[str, Any]]] = defaultdict(dict)
    for row in database["history"].find():
        resource_type, logical_id, version = row["_id"].split("/")
        assert row["t"] == resource_type
        superseded[resource_type, logical_id][int(version)] = row
    versions: Counter[tuple[str, str, int, str]] = Counter()
    stamps: list[int] = []
    for resource_type in (name for name in database.list_collection_names() if name[0].isupper()):
        for current in database[resource_type].find():
            key = (resource_type, current["_id"])
            life = superseded.pop(key, {})
            assert sorted(life) == list(range(1, current["v"])), f"{key}: versions are missing"
            rows = [*(life[version] for version in sorted(life)), current]
            for older, newer in pairwise(rows):
                assert older["s"] == newer["u"] > older["u"]
                assert older["m"] != "DELETE" or newer["m"] != "DELETE"
            _check_births(rows)
            for version, row in enumerate(rows, 1):
                _check_content(key, version, row)
                versions[(*key, version, row["m"])] += 1
                stamps.append(row["u"])
            _check_entries(resource_type, current, base_url)
    assert not superseded, "history of resources that have no current version"
    assert len(stamps) == len(set(stamps)), "two versions share a stamp"
    told = Counter(
        (change["t"], change["i"], change["v"], change["m"]) for row in database["outbox"].find() for change in row["c"]
    )
    assert told == versions, "the outbox does not list every version exactly once"
    return Counter(method for *_, method in versions.elements())


def _check_births(rows: list[dict[str, Any]]) -> None:
    """`n` is the stamp of the version with which the resource last came into being."""
    born = None
    for row in rows:
        if row["m"] == "DELETE":
            born = None
            assert not {"n", "r", "k", "d"} & row.keys()
            continue
        born = born or row["u"]
        assert row["n"] == born


def _check_content(key: tuple[str, str], version: int, row: dict[str, Any]) -> None:
    if row["m"] == "DELETE":
        return
    resource = decode_trusted(row["r"])
    assert (resource["resourceType"], resource["id"]) == key
    assert resource["meta"]["versionId"] == str(version)
    assert resource["meta"]["lastUpdated"] == format_instant(row["u"])


def _check_entries(resource_type: str, current: dict[str, Any], base_url: str) -> None:
    if current["m"] == "DELETE":
        return
    rebuilt = extract(decode_trusted(current["r"]), resource_type, Site(base_url))
    held = entries_of(current)
    assert (sorted(held.tokens), sorted(held.dates, key=str)) == (
        sorted(rebuilt.tokens),
        sorted(rebuilt.dates, key=str),
    )
