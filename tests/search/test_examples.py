"""The official R4 examples: extraction takes them all, and each entry, turned back into a query, finds its resource."""

import tarfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from fhirhub.definitions import SearchParameter, r4
from fhirhub.errors import FhirError
from fhirhub.model.json import Json, decode_trusted
from fhirhub.search import syntax
from fhirhub.search.dates import BEGINNING, END
from fhirhub.search.extract import extract
from fhirhub.search.filter import Filter
from fhirhub.search.keys import STRING_LIMIT
from fhirhub.search.match import matches
from fhirhub.search.numeric import MAX_DIGITS
from fhirhub.search.parameters import SearchParameters, r4_parameters
from fhirhub.search.parse import parse
from fhirhub.search.predicates import is_supported
from fhirhub.search.site import Site
from fhirhub.search.unions import sources
from fhirhub.search.values import Group, IndexEntries, RangeEntry

from .conftest import BASE_URL, NOW

# Examples that are not valid: the type of the resource is none the element may refer to.
NO_TARGETS = {
    "DeviceMetric?parent=DeviceDefinition/dc102",
    "MedicationRequest?intended-dispenser=Practitioner/f001",
    "Observation?performer=Encounter/example",
}

UNSEEN = Path(__file__).parent / "unseen_parameters.txt"
"""`Type code` of the parameters that no example has a value for."""
ELSEWHERE = ("_id", "_lastUpdated", "_filter", "phonetic")
"""Parameters that are no index entries, or whose entries do not tell the value."""

Query = tuple[str, str]

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
    return escaped.replace("\x1f", "|")


def token_value(kind: str, key: str) -> str | None:
    """A value that the key of a token answers to; None where the key does not tell the value."""
    value, bar, system = key.partition("|")
    if "%#" in value or not value or (kind == "string" and len(value) > STRING_LIMIT):
        return None
    text = syntax.escape(plain(value))
    return f"|{text}" if kind == "token" and bar and not system else text


def token_query(resource_type: str, token: str) -> Query | None:
    """A parameter and value that the token answers to; None where the key does not tell the value."""
    name, _, key = token.partition("=")
    code, _, modifier = name.partition(":")
    if not key:
        return f"{code}:missing", "false"
    if modifier == "of-type":
        # The key holds a hash in place of the system.
        return None
    kind = {"text": "string", "identifier": "token"}.get(modifier) or r4().search_parameters(resource_type)[code].type
    value = token_value(kind, key)
    return None if value is None or code == "phonetic" else (name, value)


def date_values(entry: RangeEntry) -> Iterator[str]:
    if entry.low in CALENDAR and entry.low != BEGINNING:
        yield f"ge{(EPOCH + timedelta(microseconds=int(entry.low))).isoformat()}"
    if entry.high - 1 in CALENDAR and entry.high != END:
        yield f"le{(EPOCH + timedelta(microseconds=int(entry.high) - 1)).isoformat()}"


def number_values(entry: RangeEntry) -> Iterator[str]:
    """Values by which the entry is found: raw, in its canonical unit, by its unit as written."""
    _, _, unit = entry.parameter.partition("|")
    if "%#" in unit or unit.startswith("s:"):
        return
    text = syntax.escape(plain(unit[2:]))
    if max(len(f"{end}") for end in (entry.low, entry.high)) > MAX_DIGITS:
        return
    ending = {"": "", "c:": f"|http://unitsofmeasure.org|{text}", "u:": f"||{text}"}[unit[:2]]
    if entry.low == entry.high:
        yield f"{entry.low}{ending}"
        yield f"ap{entry.low}{ending}"
    if Decimal(entry.low).is_finite():
        yield f"ge{entry.low}{ending}"
    if Decimal(entry.high).is_finite():
        yield f"le{entry.high}{ending}"


def group_query(parameter: SearchParameter, resource_type: str, group: Group, known: SearchParameters) -> Query | None:
    """A value for every component of one element; None where the keys do not tell one."""
    parts = []
    for number, component in enumerate(parameter.components, 1):
        kind = next(each.type for each in by_url(known, resource_type) if each.url == component.definition)
        tokens = (token[2:] for token in group.entries.tokens if token.startswith(f"{number}="))
        values = [text for token in tokens if (text := token_value(kind, token))]
        values += [text for each in group.entries.dates if each.parameter == str(number) for text in date_values(each)]
        names = (each for each in group.entries.numbers if each.parameter.partition("|")[0] == str(number))
        values += [text for each in names for text in number_values(each)]
        if not values:
            return None
        parts.append(values[0])
    return parameter.code, "$".join(parts)


def by_url(known: SearchParameters, resource_type: str) -> Iterator[SearchParameter]:
    yield from known.of(resource_type).values()
    for name in r4().resource_types:
        yield from known.of(name).values()


@cache
def unions(resource_type: str) -> Mapping[str, list[str]]:
    """By the code of a parameter: those that find what it finds and more."""
    found: dict[str, list[str]] = defaultdict(list)
    for parameter in r4().search_parameters(resource_type).values():
        for source in sources(parameter, resource_type):
            if source != parameter:
                found[source.code].append(parameter.code)
    return found


def queries(resource_type: str, entries: IndexEntries) -> Iterator[Query]:
    for name, value in indexed(resource_type, entries):
        yield name, value
        code, colon, modifier = name.partition(":")
        for union in unions(resource_type).get(code, ()):
            yield f"{union}{colon}{modifier}", value


def indexed(resource_type: str, entries: IndexEntries) -> Iterator[Query]:
    known = r4_parameters()
    for token in entries.tokens:
        if query := token_query(resource_type, token):
            yield query
    for date in entries.dates:
        yield from ((date.parameter, value) for value in date_values(date))
    for number in entries.numbers:
        yield from ((number.parameter.partition("|")[0], value) for value in number_values(number))
    for group in entries.groups:
        if query := group_query(known.of(resource_type)[group.parameter], resource_type, group, known):
            yield query
    for point in entries.points:
        yield "near", f"{point.latitude}|{point.longitude}|1|km"
    for word in entries.words[:: max(len(entries.words) // 5, 1)]:
        yield ("_text" if word.startswith(".") else "_content"), f'"{word.removeprefix(".")}"'


def compiled(resource_type: str, query: Query) -> Filter:
    return parse(resource_type, [query], handling="strict", site=Site(BASE_URL, lambda: NOW)).filter


def test_every_entry_of_every_example_finds_its_resource(examples: list[Json]) -> None:
    assert len(examples) > 5000
    filters: dict[tuple[str, Query], Filter] = {}
    searched: set[str] = set()
    refused: set[str] = set()
    for resource in examples:
        resource_type = resource["resourceType"]
        entries = extract(resource, resource_type, Site(BASE_URL))
        for query in queries(resource_type, entries):
            key = (resource_type, query)
            if key not in filters:
                try:
                    filters[key] = compiled(resource_type, query)
                except FhirError as error:
                    assert "none of its target types" in str(error), (resource_type, query)
                    refused.add(f"{resource_type}?{'='.join(query)}")
                    continue
                assert not matches(filters[key], logical_id="x", updated=0, entries=IndexEntries()), query
            found = matches(filters[key], logical_id="x", updated=0, entries=entries)
            assert found, (resource_type, resource.get("id"), query)
            searched.add(f"{resource_type} {query[0].partition(':')[0]}")
    assert refused == NO_TARGETS
    supported = {
        f"{resource_type} {parameter.code}"
        for resource_type in r4().resource_types
        for parameter in r4().search_parameters(resource_type).values()
        if is_supported(parameter, resource_type)
    }
    # What all types have needs one value in any of them; what stands in the file has none.
    everywhere = {code for _, code in map(str.split, searched) if code.startswith("_")} | set(ELSEWHERE)
    unseen = {
        f"Resource {code}" if code.startswith("_") else f"{name} {code}"
        for name, code in map(str.split, supported - searched)
        if code not in everywhere
    }
    assert sorted(unseen) == UNSEEN.read_text().splitlines()
