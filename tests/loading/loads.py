"""Loading in tests: in this process, chunk by chunk, or with worker processes as the command does."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fhirhub.http.xml import from_xml
from fhirhub.hub import Hub, open_hub
from fhirhub.loading import Block, Chunk, Done, Event, Job, Refusal, Skipped, Summary, chunked, find, load, read
from fhirhub.loading.report import sentences
from fhirhub.loading.writer import Writer
from fhirhub.model.json import Json, encode
from fhirhub.search.filter import All
from fhirhub.settings import Settings
from fhirhub.store.plan import Page


@dataclass
class Loaded:
    """What came of a load."""

    summary: Summary = field(default_factory=Summary)
    refusals: list[Refusal] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    waiting: list[Block] = field(default_factory=list)
    stopped: str | None = None

    @property
    def tally(self) -> dict[str, dict[str, int]]:
        """Type, fate, number."""
        table: dict[str, dict[str, int]] = {}
        for (name, fate), count in self.summary.tally.items():
            table.setdefault(name, {})[fate] = count
        return table

    @property
    def sentences(self) -> list[str]:
        """What the operator reads."""
        return [line for refusal in self.refusals for line in sentences(refusal)]

    def take(self, event: Event) -> None:
        """Count one event."""
        if isinstance(event, Done):
            self.summary.tally.update(event.tally)
            self.refusals += event.refusals
            self.stopped = self.stopped or event.stopped
        elif isinstance(event, Refusal):
            self.refusals.append(event)
        else:
            self.skipped.append(event)


def written(hub: Hub, *blocks: Block, entries: bool = False, may_wait: bool = False) -> Loaded:
    """Load blocks as one chunk, in this process."""
    done, waiting = Writer(hub.call, from_xml, entries=entries).write(Chunk(blocks), may_wait=may_wait)
    loaded = Loaded(waiting=waiting)
    loaded.take(done)
    return loaded


def document(resource: Json | bytes, name: str = "one.json") -> Block:
    """A block of one JSON document."""
    return Block(name, resource if isinstance(resource, bytes) else encode(resource), "json")


def ndjson(*rows: Json | bytes, name: str = "many.ndjson") -> Block:
    """A block of lines."""
    return Block(name, b"\n".join(row if isinstance(row, bytes) else encode(row) for row in rows), "ndjson")


def load_paths(
    settings: Settings, *paths: Path, workers: int = 2, entries: bool = False, stop: threading.Event | None = None
) -> Loaded:
    """Load files with worker processes."""
    files, others = find(paths)
    return load_feed(settings, [*others, *chunked(read(files))], workers=workers, entries=entries, stop=stop)


def load_feed(
    settings: Settings,
    feed: Iterable[Chunk | Refusal | Skipped],
    *,
    workers: int = 2,
    entries: bool = False,
    stop: threading.Event | None = None,
) -> Loaded:
    """Load chunks with worker processes."""
    # Two workers that make the collections of a new database at the same time would be in each other's way.
    open_hub(settings).close()
    loaded = Loaded()
    for event in load(feed, Job(partial(open_hub, settings), from_xml, entries, workers), stop=stop):
        loaded.take(event)
    return loaded


def stored(hub: Hub, resource_type: str, logical_id: str) -> Json:
    """The current version of a resource that is there."""
    found = hub.call.find.current(resource_type, logical_id)
    assert found is not None, f"{resource_type}/{logical_id} is not there"
    return found.resource()


def all_of(hub: Hub, resource_type: str) -> list[Json]:
    """All resources of a type."""
    return [each.stored.resource() for each in hub.call.find.search(resource_type, All(), Page(limit=100_000))]


def references(node: Any) -> Iterator[str]:
    """All literal references in a resource."""
    if isinstance(node, Mapping):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def patient(logical_id: str | None = None, **elements: Any) -> Json:
    """A Patient."""
    head: Json = {"resourceType": "Patient"} | ({} if logical_id is None else {"id": logical_id})
    return head | elements


def transaction(*entries: tuple[str, str, Json], kind: str = "transaction", **facts: str) -> Json:
    """A Bundle of (method, url, resource)."""
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {"fullUrl": f"urn:uuid:0000000{index}-0000-4000-8000-000000000000", "resource": resource}
            | {"request": {"method": method, "url": url} | facts}
            for index, (method, url, resource) in enumerate(entries)
        ],
    }
