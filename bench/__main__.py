"""Run all benchmarks and print them as a table: `python -m bench [--quick] [--write]`."""

import argparse
import os
import platform
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import requests

from bench import bare, load, server
from fhirhub.demo import observations
from fhirhub.model.json import Json, encode
from fhirhub.store.embedded import find_mongod, start
from fhirhub.store.replica_set import server_version
from fhirhub.store.stamp import StampClock

PAGE = Path("docs/performance.md")
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was measured, against what, and what is aimed at."""

    workload: str
    rate: float
    unit: str
    limit: str
    limit_rate: float
    target: str
    note: str = ""

    @property
    def cells(self) -> list[str]:
        """The texts of the line."""
        ratio = f"{self.rate / self.limit_rate:.2f} x"
        limit = f"{self.limit}: {self.limit_rate:,.0f}"
        return [self.workload, f"{self.rate:,.0f} {self.unit}", limit, ratio, self.target, self.note]


def _bundle(resources: list[Json]) -> bytes:
    patient = "urn:uuid:" + str(uuid.uuid4())
    rows: list[tuple[str, Json]] = [(patient, {"resourceType": "Patient", "name": [{"family": "Bench"}]})]
    rows += [(f"urn:uuid:{uuid.uuid4()}", {**each, "subject": {"reference": patient}}) for each in resources]
    entries = [
        {"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
        for full_url, resource in rows
    ]
    return encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})


class Bench:
    """The benchmarks over one MongoDB; each uses a database of its own."""

    def __init__(self, uri: str, folder: Path, *, scale: float, workers: int) -> None:
        self._uri = uri
        self._folder = folder
        self._seconds = 10 * scale
        self._scale = scale
        self._workers = workers
        self._clock = StampClock(1023, lambda: datetime.now(UTC))
        self._names = (f"bench{number}" for number in count())

    def rows(self) -> Iterator[Row]:
        """Measure everything, one row after the other."""
        yield from self._single()
        for size in (100, 1000):
            yield self._transactions(size)
        yield self._load()

    def _observations(self, number: int) -> list[Json]:
        return list(observations(number, 200, 7))

    def _single(self) -> Iterator[Row]:
        bodies = [encode(resource) for resource in self._observations(2000)]
        posts = [load.request("POST", "/fhir/Observation", body, Prefer="return=minimal") for body in bodies]
        name = next(self._names)
        with server.fhirhub(self._uri, name, workers=self._workers, log=self._folder / "fhirhub.log") as port:
            self._warm(port, posts)
            created = load.run(port, lambda: _cycle(posts), clients=32, seconds=self._seconds)
            self._must_succeed(created)
            prebuilt = bare.documents(self._observations(int(4000 * self._scale)), self._clock)
            limit = bare.insert_one(self._uri, next(self._names), prebuilt, clients=8)
            note = f"p50 {created.percentile(0.5):.1f} ms, p99 {created.percentile(0.99):.1f} ms"
            yield Row("create, 32 clients", created.rate, "/s", "insert_one majority, 8 clients", limit, "2.0 x", note)
            yield self._update(port)
            ids = self._ids(port)
            gets = [load.request("GET", f"/fhir/Observation/{logical_id}") for logical_id in ids]
            read32 = load.run(port, lambda: _cycle(gets), clients=32, seconds=self._seconds)
            read1 = load.run(port, lambda: _cycle(gets), clients=1, seconds=self._seconds / 2)
            self._must_succeed(read32)
        with server.bare(self._uri, name, workers=self._workers, log=self._folder / "bare.log") as port:
            bare32 = load.run(port, lambda: _cycle(gets), clients=32, seconds=self._seconds)
            bare1 = load.run(port, lambda: _cycle(gets), clients=1, seconds=self._seconds / 2)
        label = "bare WSGI + find_one"
        note = f"p50 {read32.percentile(0.5):.1f} ms, p99 {read32.percentile(0.99):.1f} ms"
        yield Row("read by id, 32 clients", read32.rate, "/s", label, bare32.rate, "2.0 x", note)
        ratio = read1.percentile(0.5) / bare1.percentile(0.5)
        note = f"p50 {read1.percentile(0.5):.2f} ms, {ratio:.2f} x of bare (target 1.3 x)"
        yield Row("read by id, 1 client", read1.rate, "/s", label, bare1.rate, "p50 1.3 x", note)

    def _update(self, port: int) -> Row:
        resources = self._observations(int(3000 * self._scale))
        puts = []
        for round_number in range(2):
            for number, resource in enumerate(resources):
                body = encode({**resource, "id": f"u{number}", "language": f"x-{round_number}"})
                puts.append(load.request("PUT", f"/fhir/Observation/u{number}", body, Prefer="return=minimal"))
        half = len(resources)
        self._must_succeed(load.run(port, lambda: iter(puts[:half]), clients=32, seconds=600))
        updated = load.run(port, lambda: iter(puts[half:]), clients=32, seconds=self._seconds)
        self._must_succeed(updated)
        prebuilt = bare.documents(resources[: half // 3], self._clock)
        limit = bare.update(self._uri, next(self._names), prebuilt, clients=4)
        note = f"p50 {updated.percentile(0.5):.1f} ms"
        return Row(
            "update with history, 32 clients", updated.rate, "/s", "unbatched calls, 4 clients", limit, "2.0 x", note
        )

    def _transactions(self, size: int) -> Row:
        bundles = max(int(20_000 * self._scale / size), 4)
        resources = self._observations((size - 1) * bundles)
        parts = [resources[start : start + size - 1] for start in range(0, len(resources), size - 1)]
        posts = [load.request("POST", "/fhir", _bundle(part)) for part in parts]
        with server.fhirhub(
            self._uri, next(self._names), workers=self._workers, log=self._folder / "fhirhub.log"
        ) as port:
            self._warm(port, posts[:4])
            done = load.run(port, lambda: iter(posts), clients=4, seconds=600)
            self._must_succeed(done)
        prebuilt = [bare.documents(part, self._clock) for part in parts]
        limit = bare.transactions(self._uri, next(self._names), prebuilt, clients=4)
        note = f"{done.percentile(0.5):.0f} ms a Bundle"
        label = "the same documents prebuilt, 4 clients"
        target = "0.35 x and 5,000/s"
        return Row(f"transaction of {size}", done.rate * size, "resources/s", label, limit, target, note)

    def _load(self) -> Row:
        resources = self._observations(int(40_000 * self._scale))
        file = self._folder / "observations.ndjson"
        file.write_bytes(b"\n".join(encode(resource) for resource in resources))
        began = time.perf_counter()
        server.run_load(self._uri, next(self._names), file, workers=2)
        rate = len(resources) / (time.perf_counter() - began)
        prebuilt = bare.documents(resources, self._clock)
        limit = bare.insert_many(self._uri, next(self._names), prebuilt, size=500, clients=2)
        label = "insert_many of 500, same indexes, 2 threads"
        return Row("fhirhub load of NDJSON, 2 processes", rate, "resources/s", label, limit, "0.45 x", "start included")

    def _warm(self, port: int, posts: list[bytes]) -> None:
        load.run(port, lambda: _cycle(posts), clients=8, seconds=2)

    def _ids(self, port: int) -> list[str]:
        url = f"http://127.0.0.1:{port}/fhir/Observation?_count=1000&_elements=id"
        bundle = requests.get(url, headers={"Accept": "application/fhir+json"}, timeout=60).json()
        return [entry["resource"]["id"] for entry in bundle["entry"]]

    def _must_succeed(self, measured: load.Measured) -> None:
        failed = {status: number for status, number in measured.statuses.items() if status >= 400}
        if failed:
            raise RuntimeError(f"requests failed: {failed}")


def _cycle(messages: list[bytes]) -> Iterator[bytes]:
    while True:
        yield from messages


def _table(rows: list[Row]) -> str:
    head = ["workload", "fhirhub", "bare limit", "ratio", "target", "note"]
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *(row.cells for row in rows)]]
    return "\n".join(lines)


def _machine(workers: int, version: str) -> str:
    return (
        f"{date.today().isoformat()}: {os.cpu_count()} cores shared with mongod {version} and the load generator, "
        f"{workers} web workers, Python {platform.python_version()}, {platform.system()} {platform.machine()}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: to see that it runs")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    parser.add_argument("--workers", type=int, default=2, help="web worker processes")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fhirhub-bench-") as folder:
        program = find_mongod(None, os.environ)
        with start(Path(folder) / "mongo", program, cache_gb=1.0, oplog_mb=1024) as mongod:
            bench = Bench(mongod.uri, Path(folder), scale=0.1 if chosen.quick else 1.0, workers=chosen.workers)
            rows = []
            for row in bench.rows():
                rows.append(row)
                print(" | ".join(row.cells), flush=True)
            version = server_version(mongod.uri)
    text = f"{_machine(chosen.workers, version)}\n\n{_table(rows)}"
    print(f"\n{text}")
    if chosen.write:
        page = PAGE.read_text()
        before, after = page.partition(BEGIN)[0], page.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
