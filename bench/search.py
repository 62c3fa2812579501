"""Searches at growing sizes: `python -m bench.search [--sizes 10000,100000,1000000] [--quick] [--write]`.

In process, through `hub.answer`; what each search examines is what `_explain` says of it.
"""

import argparse
import os
import platform
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from bench.search_data import BASE_URL, load
from fhirhub.demo.bundles import SEED, UNTIL
from fhirhub.demo.measures import MEASURES
from fhirhub.demo.people import draw_person, patient_id
from fhirhub.errors import FhirError
from fhirhub.hub import Hub, open_hub
from fhirhub.model.json import Json, decode_trusted
from fhirhub.model.request import FhirRequest
from fhirhub.search.keys import system_id
from fhirhub.settings import Settings
from fhirhub.store.embedded import find_mongod, start
from fhirhub.store.entries import WITHOUT_ENTRIES
from fhirhub.store.replica_set import server_version

PAGE = Path("docs/performance.md")
BEGIN, END = "<!-- bench search: begin -->", "<!-- bench search: end -->"
LOINC = "http://loinc.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
UCUM = "http://unitsofmeasure.org"
CODES = [measure.loinc for measure in MEASURES if measure.intervals and measure.category == "laboratory"]
HEAD = ("search", "Observations", "p50 ms", "p95 ms", "rows", "keys examined", "documents examined", "note")


@dataclass(frozen=True, slots=True)
class Asked:
    """A kind of search: `make` gives one with other values each time."""

    name: str
    make: Callable[[random.Random, int], str]
    note: str = ""


def _patient(dice: random.Random, population: int) -> str:
    return patient_id(dice.randint(1, population))


def _record(dice: random.Random, population: int) -> str:
    return f"patient={_patient(dice, population)}&category={CATEGORY}|laboratory"


def _name(dice: random.Random, population: int) -> str:
    return draw_person(SEED, dice.randint(1, population), UNTIL).name.written


def _value_range(dice: random.Random, _: int) -> str:
    low = 60 + dice.random() * 20
    return f"value-quantity=ge{low:.4f}|{UCUM}|umol/L&value-quantity=lt{low + 0.5:.4f}|{UCUM}|umol/L"


def _day(dice: random.Random) -> date:
    return date(2018, 1, 1) + timedelta(days=dice.randint(0, 2800))


def _month(dice: random.Random, _: int) -> str:
    first = _day(dice)
    return f"date=ge{first}&date=lt{first + timedelta(days=30)}"


ASKED = (
    Asked(
        "patient + code, newest first",
        lambda d, n: f"Observation?patient={_patient(d, n)}&code={LOINC}|{d.choice(CODES)}&_sort=-date&_count=50",
    ),
    Asked("patient + category, newest first", lambda d, n: f"Observation?{_record(d, n)}&_sort=-date&_count=50"),
    Asked("token", lambda d, n: f"Observation?code={LOINC}|{d.choice(CODES)}&_count=50"),
    Asked("value-quantity range with units", lambda d, n: f"Observation?{_value_range(d, n)}&_count=50"),
    Asked("string prefix", lambda d, n: f"Patient?name={_name(d, n)[:2]}&_count=50"),
    Asked("chained patient.name", lambda d, n: f"Observation?patient.name={_name(d, n)}&_count=50"),
    Asked(
        "_has with a value",
        lambda d, n: f"Patient?_has:Observation:patient:value-quantity={d.uniform(60, 90):.1f}|{UCUM}|umol/L&_count=50",
    ),
    Asked(
        "_include + _revinclude",
        lambda d, n: (
            f"Encounter?patient={_patient(d, n)}&_include=Encounter:patient&_revinclude=Observation:encounter&_count=50"
        ),
    ),
    Asked("date range, _total=accurate", lambda d, n: f"Observation?{_month(d, n)}&_total=accurate&_count=50"),
    Asked("date range, oldest first", lambda d, n: f"Observation?{_month(d, n)}&_sort=date&_count=50"),
    Asked(
        "patient + code since a day, oldest first",
        lambda d, n: (
            f"Observation?patient={_patient(d, n)}&code={LOINC}|{d.choice(CODES)}&date=ge{_day(d)}&_sort=date&_count=50"
        ),
    ),
)


class Searches:
    """The searches over one database."""

    def __init__(self, hub: Hub, size: int, population: int, *, rounds: int, pages: Sequence[int]) -> None:
        self._hub = hub
        self._size = size
        self._population = population
        self._rounds = rounds
        self._pages_timed = pages

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Measure everything, one line after the other."""
        for asked in ASKED:
            dice = random.Random(7)
            yield self._row(asked.name, [asked.make(dice, self._population) for _ in range(self._rounds)], asked.note)
        yield from self._pages()
        yield self._against_bare()

    def _row(self, name: str, searches: list[str], note: str = "") -> tuple[str, ...]:
        try:
            found = [self._timed(search) for search in searches]
            explained = [self._explained(search) for search in searches[:10]]
        except FhirError as error:
            return (name, f"{self._size:,}", "", "", "", "", "", f"refused: {error.issues[0].diagnostics[:80]}")
        seconds = sorted(each[0] for each in found)
        rows = sum(each[1] for each in found) / len(found)
        keys = sum(each["keysExamined"] for each in explained) / len(explained)
        documents = sum(each["documentsExamined"] for each in explained) / len(explained)
        scans = "scans the collection" if any(each["scansCollection"] for each in explained) else ""
        notes = ", ".join(filter(None, (note, scans)))
        figures = (_milliseconds(seconds, 0.5), _milliseconds(seconds, 0.95), f"{rows:,.1f}")
        return (name, f"{self._size:,}", *figures, f"{keys:,.0f}", f"{documents:,.0f}", notes)

    def _timed(self, search: str) -> tuple[float, int]:
        request = _request(search)
        began = time.perf_counter()
        response = self._hub.answer(request)
        seconds = time.perf_counter() - began
        return seconds, len(decode_trusted(response.body or b"{}").get("entry", ()))

    def _explained(self, search: str) -> dict[str, Any]:
        parameters: Json = decode_trusted(self._hub.answer(_request(f"{search}&_explain=true")).body or b"{}")
        return {
            each["name"]: value
            for each in parameters["parameter"]
            for key, value in each.items()
            if key.startswith("value")
        }

    def _pages(self) -> Iterator[tuple[str, ...]]:
        search: str | None = "Observation?status=final&_count=10"
        number = 1
        for wanted in self._pages_timed:
            while search is not None and number < wanted:
                search, number = self._onward(search), number + 1
            if search is not None:
                yield self._row(f"page {number:,}", [search] * self._rounds)

    def _onward(self, search: str) -> str | None:
        bundle = decode_trusted(self._hub.answer(_request(search)).body or b"{}")
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        return links["next"].removeprefix(f"{BASE_URL}/") if "next" in links else None

    def _against_bare(self) -> tuple[str, ...]:
        """The second search again, and the same rows read by pymongo alone, in turns."""
        dice = random.Random(11)
        collection = self._hub.database.collections.of("Observation")
        ours, bare = [], []
        for _ in range(self._rounds):
            person = _patient(dice, self._population)
            search = f"Observation?patient={person}&category={CATEGORY}|laboratory&_sort=-date&_count=50"
            ours.append(self._timed(search)[0])
            key = f"patient=Patient/{person}&category=laboratory|{system_id(CATEGORY)}"
            began = time.perf_counter()
            list(collection.find({"a": key}, projection=WITHOUT_ENTRIES, sort=[("e", -1), ("n", -1)], limit=50))
            bare.append(time.perf_counter() - began)
        ours.sort()
        bare.sort()
        ratio = bare[len(bare) // 2] / ours[len(ours) // 2]
        note = f"{ratio:.2f} x of pymongo alone (target 0.60 x)"
        figures = (_milliseconds(bare, 0.5), _milliseconds(bare, 0.95), "", "", "")
        return ("patient + category by pymongo alone", f"{self._size:,}", *figures, note)


def _request(search: str) -> FhirRequest:
    path, _, query = search.partition("?")
    return FhirRequest(method="GET", path=(path,), query=tuple(parse_qsl(query, keep_blank_values=True)))


def _milliseconds(ordered: list[float], part: float) -> str:
    return f"{1000 * ordered[min(int(len(ordered) * part), len(ordered) - 1)]:.2f}"


def _table(rows: list[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [HEAD, ("---",) * len(HEAD), *rows])


def measured(uri: str, size: int, *, rounds: int, pages: Sequence[int], processes: int) -> Iterator[tuple[str, ...]]:
    """Load one size into a database of its own and yield its rows."""
    name = f"search{size}"
    began = time.perf_counter()
    population = load(uri, name, size, processes=processes)
    print(f"{size:,} Observations of {population:,} patients in {time.perf_counter() - began:.0f} s", flush=True)
    hub = open_hub(Settings(mongodb_uri=uri, database=name))
    try:
        yield from Searches(hub, size, population, rounds=rounds, pages=pages).rows()
    finally:
        hub.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.search", description=__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000", help="numbers of Observations, with commas")
    parser.add_argument("--quick", action="store_true", help="2,000 Observations, few rounds: to see that it runs")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    parser.add_argument("--processes", type=int, default=2, help="processes that load")
    chosen = parser.parse_args()
    sizes = [2_000] if chosen.quick else [int(text) for text in chosen.sizes.split(",")]
    rounds, pages = (10, (1, 50)) if chosen.quick else (100, (1, 1_000, 10_000))
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory(prefix="fhirhub-bench-") as folder:
        program = find_mongod(None, os.environ)
        with start(Path(folder) / "mongo", program, cache_gb=4.0, oplog_mb=1024) as mongod:
            for size in sizes:
                for row in measured(mongod.uri, size, rounds=rounds, pages=pages, processes=chosen.processes):
                    rows.append(row)
                    print(" | ".join(row), flush=True)
            version = server_version(mongod.uri)
    text = (
        f"{date.today().isoformat()}: {os.cpu_count()} cores shared with mongod {version}, in process, one client, "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}.\n\n{_table(rows)}"
    )
    print(f"\n{text}")
    if chosen.write:
        page = PAGE.read_text()
        if BEGIN not in page:
            page += f"\n## Searches, in process\n\n{BEGIN}\n{END}\n"
        before, after = page.partition(BEGIN)[0], page.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
