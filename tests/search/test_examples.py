"""The official R4 examples: extraction takes them all, and each entry, turned back into a query, finds its resource."""

import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fhirhub.definitions import r4
from fhirhub.errors import FhirError
from fhirhub.model.json import Json, decode_trusted
from fhirhub.search import syntax
from fhirhub.search.dates import BEGINNING, END
from fhirhub.search.extract import extract
from fhirhub.search.filter import Filter
from fhirhub.search.match import matches
from fhirhub.search.parse import parse
from fhirhub.search.predicates import is_supported
from fhirhub.search.site import Site
from fhirhub.search.values import IndexEntries, RangeEntry

from .conftest import BASE_URL, NOW

# Examples that are not valid: the type of the resource is none the element may refer to.
NO_TARGETS = {
    "DeviceMetric?parent=DeviceDefinition/dc102",
    "MedicationRequest?intended-dispenser=Practitioner/f001",
    "Observation?performer=Encounter/example",
}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CALENDAR = range(-62_135_596_800_000_000, 253_402_300_800_000_000)

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def examples(test_data: Path) -> list[Json]:
    with tarfile.open(test_data / "hl7-r4-examples-4.0.1.tar.xz") as archive:
        files = (archive.extractfile(member) for member in archive if member.name.endswith(".json"))
        found = [decode_trusted(file.read()) for file in files if file is not None]
    return [resource for resource in found if r4().is_resource_type(resource.get("resourceType", ""))]


def plain(escaped: str) -> str:
    return escaped.replace("%7C", "|").replace("%25", "%")


def token_query(resource_type: str, token: str) -> tuple[str, str] | None:
    """A parameter and value that the token answers to; None where the key does not tell the value."""
    code, _, key = token.partition("=")
    if not key:
        return f"{code}:missing", "false"
    kind = "token" if ":" in code else r4().search_parameters(resource_type)[code].type
    value, bar, system = key.partition("|")
    if "%#" in value or (kind == "token" and not value):
        return None
    text = syntax.escape(plain(value))
    if kind == "token" and bar and not system:
        text = f"|{text}"
    return code, text


def date_queries(entry: RangeEntry) -> Iterator[tuple[str, str]]:
    if entry.low in CALENDAR and entry.low != BEGINNING:
        yield entry.parameter, f"ge{(EPOCH + timedelta(microseconds=int(entry.low))).isoformat()}"
    if entry.high - 1 in CALENDAR and entry.high != END:
        yield entry.parameter, f"le{(EPOCH + timedelta(microseconds=int(entry.high) - 1)).isoformat()}"


def compiled(resource_type: str, query: tuple[str, str]) -> Filter:
    return parse(resource_type, [query], handling="strict", site=Site(BASE_URL, lambda: NOW)).filter


def test_every_entry_of_every_example_finds_its_resource(examples: list[Json]) -> None:
    assert len(examples) > 5000
    filters: dict[tuple[str, tuple[str, str]], Filter] = {}
    searched: set[tuple[str, str]] = set()
    refused: set[str] = set()
    for resource in examples:
        resource_type = resource["resourceType"]
        entries = extract(resource, resource_type, Site(BASE_URL))
        queries = [query for token in entries.tokens if (query := token_query(resource_type, token))]
        queries += [query for entry in entries.dates for query in date_queries(entry)]
        for query in queries:
            key = (resource_type, query)
            if key not in filters:
                try:
                    filters[key] = compiled(resource_type, query)
                except FhirError as error:
                    assert "none of its target types" in str(error)
                    refused.add(f"{resource_type}?{'='.join(query)}")
                    continue
                assert not matches(filters[key], logical_id="x", updated=0, entries=IndexEntries()), query
            assert matches(filters[key], logical_id="x", updated=0, entries=entries), (resource.get("id"), query)
            searched.add((resource_type, query[0]))
    assert refused == NO_TARGETS
    supported = {
        (resource_type, parameter.code)
        for resource_type in r4().resource_types
        for parameter in r4().search_parameters(resource_type).values()
        if is_supported(parameter, resource_type)
    }
    # Many parameters have no value in any example.
    assert len(supported & searched) > 1250
