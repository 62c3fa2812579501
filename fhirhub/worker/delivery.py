"""Delivers the changes of one partition to the plugins: in the order of versions, each until it was taken.

docs/adr/0016-delivery.md, docs/how-it-works/worker.md

What was done is noted only afterwards, in one transaction: who is killed before that leaves it to be done again.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from types import MappingProxyType
from typing import Final

from fhirhub.plugin import Change
from fhirhub.plugin.records import ChangeKind
from fhirhub.store.deliveries import Attempted, Deliveries, Queue, QueueKey, Settlement, State
from fhirhub.store.outbox import Announced, OutboxRow, pending
from fhirhub.store.stored import Stored
from fhirhub.store.versions import load
from fhirhub.worker.contract import LoadedPlugin, WorkerHub
from fhirhub.worker.pace import Pace
from fhirhub.worker.reason import reason_of
from fhirhub.worker.share import Lost, Share

HOOK: Final = "fhirhub_on_change"

_KINDS: Final[Mapping[str, ChangeKind]] = MappingProxyType(
    {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
)
_LOG: Final = logging.getLogger("fhirhub.worker")


class Delivery:
    """Hands on what one partition holds.

    Arguments:
        number: of the partition.
        share: the lease of it.
        is_stopping: says that it has to come to an end soon.
    """

    def __init__(
        self,
        hub: WorkerHub,
        number: int,
        share: Share,
        pace: Pace,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hub = hub
        self._number = number
        self._share = share
        self._pace = pace
        self._is_stopping = is_stopping
        self._collections = hub.database.collections
        self._deliveries = Deliveries(hub.call.now)
        self.is_behind = False
        """Whether the last step left something that could have been done at once."""

    def step(self) -> bool:
        """Do some of what is due and note it; return whether there was anything.

        Raises:
            Lost: another worker has the partition. What was not noted will be done again by that one.
            PyMongoError: the database is away.
        """
        fence = self._share.fence
        if fence is None:
            raise Lost
        plugins = self._hub.hooks.implementers(HOOK)
        retried = self.is_behind = self._retry(plugins, fence)
        return self._hand_on(plugins, fence) or retried

    def _hand_on(self, plugins: Sequence[LoadedPlugin], fence: int) -> bool:
        """Empty the outbox."""
        rows = pending(self._collections, self._number, documents=self._pace.rows, changes=self._pace.changes)
        if not rows:
            return False
        until = time.monotonic() + self._pace.settle_seconds
        work = Settlement()
        wanted = {change: _who_wants(change, plugins) for row in rows for change in row.changes}
        keys = (_key(plugin, change) for change, those in wanted.items() for plugin in those)
        behind = self._deliveries.waiting_for(keys)
        contents = self._contents([change for change, those in wanted.items() if those])
        self.is_behind |= len(rows) >= self._pace.rows or len(wanted) >= self._pace.changes
        for row in rows:
            done = self._hand_on_row(row, wanted, contents, behind, work, fence, until)
            if done < len(row.changes):
                if done:
                    work.begun = (row, done)
                self.is_behind = True
                break
            work.done.append(row.number)
        self._settle(fence, work)
        return True

    def _hand_on_row(
        self,
        row: OutboxRow,
        wanted: Mapping[Announced, Sequence[LoadedPlugin]],
        contents: Callable[[Announced], Stored | None],
        behind: set[QueueKey],
        work: Settlement,
        fence: int,
        until: float,
    ) -> int:
        """Hand on the changes of a document, until time is up; return how many."""
        for count, change in enumerate(row.changes):
            if not wanted[change]:
                continue
            # What takes long to read or to do is still done one by one.
            if self._is_stopping() or ((count or work) and time.monotonic() > until):
                return count
            for plugin in wanted[change]:
                self._share.require(fence)
                key = _key(plugin, change)
                if key in behind:
                    self._line_up(work, key, change.version)
                elif (reason := self._give(plugin, contents(change), 1)) is not None:
                    self._begin_queue(work, key, change.version, reason)
                    behind.add(key)
        return len(row.changes)

    def _line_up(self, work: Settlement, key: QueueKey, version: int) -> None:
        """Have a version wait behind others."""
        now = self._hub.call.now()
        queue = work.queued.get(key) or Queue(key, (), "waiting", now, 0, None, now)
        work.queued[key] = replace(queue, versions=(*queue.versions, version))

    def _begin_queue(self, work: Settlement, key: QueueKey, version: int, reason: str) -> None:
        """Have a version wait that failed for the first time."""
        now = self._hub.call.now()
        state = self._state(key, 1, reason)
        work.queued[key] = Queue(key, (version,), state, now + self._pace.pause(1), 1, reason, now)

    def _state(self, key: QueueKey, attempts: int, reason: str) -> State:
        if attempts < self._pace.attempts:
            return "waiting"
        _LOG.error("%s is parked after %d attempts: %s", key, attempts, reason)
        return "parked"

    def _retry(self, plugins: Sequence[LoadedPlugin], fence: int) -> bool:
        """Try queues whose time has come."""
        named = {plugin.name: plugin for plugin in plugins}
        queues = self._deliveries.due(self._number, list(named), self._pace.queues) if named else []
        if not queues:
            return False
        until = time.monotonic() + self._pace.settle_seconds
        work = Settlement()
        contents = self._contents([change for queue in queues for change in _named(queue)])
        for queue in queues:
            if self._is_stopping() or (work and time.monotonic() > until):
                break
            work.attempted.append(self._try(queue, named[queue.key.plugin], contents, fence, until))
        self._settle(fence, work)
        return bool(work)

    def _try(
        self,
        queue: Queue,
        plugin: LoadedPlugin,
        contents: Callable[[Announced], Stored | None],
        fence: int,
        until: float,
    ) -> Attempted:
        """Give a plugin the versions of a queue, until one fails or time is up."""
        now = self._hub.call.now()
        taken: list[int] = []
        attempts = queue.attempts
        for change in _named(queue):
            if taken and (time.monotonic() > until or self._is_stopping()):
                break
            self._share.require(fence)
            reason = self._give(plugin, contents(change), attempts + 1)
            if reason is not None:
                attempts += 1
                state = self._state(queue.key, attempts, reason)
                return Attempted(queue, tuple(taken), state, now + self._pace.pause(attempts), attempts, reason)
            taken.append(change.version)
            attempts = 0
        return Attempted(queue, tuple(taken), "waiting", now, 0, None)

    def _give(self, plugin: LoadedPlugin, stored: Stored | None, attempt: int) -> str | None:
        """Call the plugin; return why it failed."""
        if stored is None:
            # Taken out of the database by hand: nobody can ever deliver it.
            _LOG.error("a version that was announced is not in the database; %s does not hear of it", plugin.name)
            return None
        try:
            hub = self._hub.hub_of(plugin)
            self._hub.hooks.call_one(plugin, HOOK, change=change_of(stored, attempt), hub=hub)
        except (Exception, SystemExit) as error:  # whatever it is, it is the plugin's, and the others go on
            reason = reason_of(error)
            _LOG.warning("%s failed on a %s, attempt %d: %s", plugin.name, stored.resource_type, attempt, reason)
            return reason
        return None

    def _contents(self, wanted: Sequence[Announced]) -> Callable[[Announced], Stored | None]:
        """Return what gives the content of versions that are asked for in this order, or of others one by one."""
        ahead = iter(dict.fromkeys(wanted))
        known: dict[Announced, Stored | None] = {}

        def content(change: Announced) -> Stored | None:
            if change not in known:
                known.clear()
                others = (each for each in ahead if each != change)
                known.update(load(self._collections, [change, *islice(others, self._pace.loaded - 1)]))
            return known[change]

        return content

    def _settle(self, fence: int, work: Settlement) -> None:
        if work and not self._deliveries.settle(self._share.lease, fence, work):
            raise Lost


def change_of(stored: Stored, attempt: int) -> Change:
    """Return what a plugin is told of a version."""
    return Change(
        kind=_KINDS[stored.method],
        resource_type=stored.resource_type,
        logical_id=stored.logical_id,
        version=stored.version,
        at=stored.last_updated,
        resource=None if stored.is_deleted else stored.resource(),
        attempt=attempt,
    )


def _key(plugin: LoadedPlugin, change: Announced) -> QueueKey:
    return QueueKey(plugin.name, change.resource_type, change.logical_id)


def _named(queue: Queue) -> list[Announced]:
    return [Announced(queue.key.resource_type, queue.key.logical_id, version) for version in queue.versions]


def _who_wants(change: Announced, plugins: Sequence[LoadedPlugin]) -> tuple[LoadedPlugin, ...]:
    return tuple(each for each in plugins if not each.on_change_types or change.resource_type in each.on_change_types)
