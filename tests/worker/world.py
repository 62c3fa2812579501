"""A server of the test's own making: a real database, plugins that are functions of the test, a clock that it moves.

What a worker does must not depend on how plugins are loaded or requests are answered, so neither is here.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from pymongo import MongoClient

from fhirhub.model.json import Json
from fhirhub.plugin import Change, Job
from fhirhub.search.site import Site
from fhirhub.store.database import Database, open_database
from fhirhub.store.deliveries import Deliveries
from fhirhub.store.documents import Outbox
from fhirhub.store.stored import Draft
from fhirhub.store.unit_of_work import Unit
from fhirhub.worker.pace import Pace

NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
PACE = Pace(attempts=3, chance=lambda: 0.5)
"""Without chance: pauses of 5 and 15 seconds, then parked."""

Told = tuple[str, str, int]
"""Plugin, reference, version."""


@dataclass
class Clock:
    """Stands still until it is moved; or goes with the real one."""

    at: datetime | None = NOW

    def __call__(self) -> datetime:
        return self.at or datetime.now(UTC)

    def advance(self, **by: float) -> None:
        assert self.at is not None
        self.at += timedelta(**by)


@dataclass(eq=False)
class Plugin:
    """A plugin: what it does with a change, which jobs it has."""

    name: str
    on_change: Callable[[Change], None] | None = None
    on_change_types: frozenset[str] = frozenset()
    jobs: tuple[Job, ...] = ()
    settings: Any = field(default_factory=lambda: MappingProxyType({}))


class PluginHooks:
    """The plugins of a test, called as they are."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self.plugins = tuple(plugins)

    def implementers(self, name: str) -> tuple[Plugin, ...]:
        assert name == "fhirhub_on_change"
        return tuple(each for each in self.plugins if each.on_change is not None)

    def call(self, name: str, **arguments: Any) -> Any:
        assert name == "fhirhub_register_jobs"
        return [(each, each.jobs) for each in self.plugins]

    def call_one(self, plugin: Plugin, name: str, **arguments: Any) -> None:
        assert plugin.on_change is not None
        plugin.on_change(arguments["change"])


@dataclass(frozen=True)
class Surroundings:
    """What a worker knows of the site."""

    now: Callable[[], datetime]
    site: Site


class World:
    """The server; `hub_of` gives none, as the plugins here need none."""

    def __init__(self, database: Database, clock: Clock, plugins: Sequence[Plugin], site: Site) -> None:
        self.database = database
        self.clock = clock
        self.hooks = PluginHooks(plugins)
        self.call = Surroundings(clock, site)
        self.deliveries = Deliveries(clock)

    def hub_of(self, plugin: Any) -> Any:
        return None

    def hub_for(self, agent: Any) -> Any:
        return None

    def with_plugins(self, *plugins: Plugin) -> "World":
        """The same database, seen by a worker with other plugins."""
        return World(self.database, self.clock, plugins, self.call.site)

    def put(self, reference: str, **elements: Any) -> int:
        """Write the next version of a resource in a commit of its own and return its number."""
        resource_type, logical_id = reference.split("/")
        return self.put_all([(resource_type, logical_id, elements)])[0]

    def put_all(self, rows: Sequence[tuple[str, str, Json]]) -> list[int]:
        """Write versions in one commit."""
        drafts = [
            (Draft.of({"resourceType": name, "id": logical_id, **elements}, self.call.site), logical_id)
            for name, logical_id, elements in rows
        ]

        def act(unit: Unit) -> list[int]:
            return [unit.put(draft, logical_id, "PUT").version for draft, logical_id in drafts]

        return self.database.commits.run_alone(act, types={name for name, _, _ in rows})

    def delete(self, reference: str) -> None:
        resource_type, logical_id = reference.split("/")
        self.database.commits.run(lambda unit: unit.delete(resource_type, logical_id), types={resource_type})

    @property
    def outbox(self) -> list[Json]:
        """What is in the outbox."""
        return list(Outbox._get_collection().find(sort=[("_id", 1)]))

    @property
    def mongo(self) -> Any:
        """The MongoDB database."""
        return Outbox._get_collection().database


@contextmanager
def world_on(
    mongodb_uri: str, *plugins: Plugin, clock: Clock | None = None, name: str | None = None
) -> Iterator[World]:
    """Open a world on a database of its own, which is dropped afterwards; one with a name stays."""
    clock = clock or Clock()
    chosen = name or f"test_{uuid.uuid4().hex[:12]}"
    database = open_database(mongodb_uri, chosen, max_time_ms=5_000, now=clock)
    try:
        site = Site("http://127.0.0.1:8080/fhir", clock, parameters=database.parameters.current())
        yield World(database, clock, plugins, site)
    finally:
        database.close()
        if name is None:
            with MongoClient[Json](mongodb_uri) as client:
                client.drop_database(chosen)


class Listener:
    """A plugin's `on_change` that remembers what it was told, and fails where it is told to."""

    def __init__(self, name: str = "listener", types: Sequence[str] = ()) -> None:
        self.told: list[Change] = []
        self.fails: Callable[[Change], bool] = lambda change: False
        self.plugin = Plugin(name, self.hear, frozenset(types))

    def hear(self, change: Change) -> None:
        self.told.append(change)
        if self.fails(change):
            raise ValueError(f"the phone number 555-1234 of {change.reference} is in here")

    @property
    def versions(self) -> dict[str, list[int]]:
        """The versions it was told of, by reference, in the order of telling."""
        found: dict[str, list[int]] = defaultdict(list)
        for change in self.told:
            found[change.reference].append(change.version)
        return dict(found)
