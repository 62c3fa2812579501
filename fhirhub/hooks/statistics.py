"""How often each plugin's hooks were called, how long they took, and how often they failed.

docs/operations.md
"""

import threading
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One hook of one plugin.

    Arguments:
        calls: how often it was called, failures included.
        seconds: how long that took, in sum; what it had the server do for it is part of that.
        failures: how often it raised something that is no answer (a refusal by a check or shape is one).
        last_error: class and place of the last failure. Not its message, which may hold patient data.
    """

    plugin: str
    hook: str
    calls: int = 0
    seconds: float = 0.0
    failures: int = 0
    last_error: str | None = None

    def __add__(self, later: "Row") -> "Row":
        """Return the sum with a row of the same hook that was counted elsewhere or later."""
        return Row(
            self.plugin,
            self.hook,
            self.calls + later.calls,
            self.seconds + later.seconds,
            self.failures + later.failures,
            later.last_error or self.last_error,
        )


def merged(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return one row for each hook of each plugin, with the sums of all processes."""
    sums: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row.plugin, row.hook)
        sums[key] = sums[key] + row if key in sums else row
    return tuple(sums.values())


class Counter:
    """Counts one hook of one plugin; threads may share it."""

    __slots__ = ("_calls", "_error", "_failures", "_hook", "_lock", "_plugin", "_seconds")

    def __init__(self, plugin: str, hook: str) -> None:
        self._plugin = plugin
        self._hook = hook
        self._lock = threading.Lock()
        self._calls = 0
        self._seconds = 0.0
        self._failures = 0
        self._error: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The names of plugin and hook."""
        return self._plugin, self._hook

    def note(self, seconds: float) -> None:
        """Count a call."""
        with self._lock:
            self._calls += 1
            self._seconds += seconds

    def note_failure(self, seconds: float, error: Exception) -> None:
        """Count a call that failed."""
        text = described(error)
        with self._lock:
            self._calls += 1
            self._seconds += seconds
            self._failures += 1
            self._error = text

    def give_back(self, row: Row) -> None:
        """Count again what was taken before."""
        with self._lock:
            self._calls += row.calls
            self._seconds += row.seconds
            self._failures += row.failures
            self._error = self._error or row.last_error

    def row(self) -> Row:
        """Return what was counted so far."""
        with self._lock:
            return Row(self._plugin, self._hook, self._calls, self._seconds, self._failures, self._error)

    def take(self) -> Row:
        """Return what was counted so far and begin anew."""
        with self._lock:
            row = Row(self._plugin, self._hook, self._calls, self._seconds, self._failures, self._error)
            self._calls, self._seconds, self._failures, self._error = 0, 0.0, 0, None
        return row


class Statistics:
    """The counters of all hooks of all plugins of one process."""

    def __init__(self, counters: Iterable[Counter]) -> None:
        self._counters = tuple(counters)

    def rows(self) -> tuple[Row, ...]:
        """Return what was counted since the last `take`, in the order of plugins and hooks."""
        return tuple(each.row() for each in self._counters)

    def take(self) -> tuple[Row, ...]:
        """Return what was counted since the last time, and begin anew: for sums that are kept elsewhere."""
        return tuple(row for each in self._counters if (row := each.take()).calls)

    def give_back(self, rows: Iterable[Row]) -> None:
        """Count again what was taken and could not be kept elsewhere."""
        counters = {each.key: each for each in self._counters}
        for row in rows:
            counters[row.plugin, row.hook].give_back(row)


def described(error: Exception) -> str:
    """Return class and place of an error, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
