"""Processes in tests: which ones a process has started, and waiting for what they do."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import requests

PROC = Path("/proc")


def children() -> dict[int, list[int]]:
    """The ids of all processes by that of the one that started them."""
    found: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit() and len(fields := _fields(folder)) > 1:
            found.setdefault(int(fields[1]), []).append(int(folder.name))
    return found


def descendants(pid: int) -> set[int]:
    """The ids of everything a process has started, and of what these have started."""
    known = children()
    found: set[int] = set()
    left = [pid]
    while left:
        below = known.get(left.pop(), [])
        found.update(below)
        left += below
    return found


def web_workers(server: int) -> list[int]:
    """The ids of a server's web workers: its children that are no resource tracker."""
    return [pid for pid in children().get(server, []) if b"spawn_main" in (PROC / f"{pid}" / "cmdline").read_bytes()]


def freeze(pid: int) -> None:
    """Stop a process and wait until all its threads stand still: one that still runs could answer."""
    os.kill(pid, signal.SIGSTOP)
    threads = PROC / f"{pid}" / "task"
    assert eventually(lambda: all(_fields(each)[:1] == ["T"] for each in threads.iterdir()))


def alive(pids: set[int]) -> set[int]:
    """Those of the processes that still run."""
    return {pid for pid in pids if _fields(PROC / f"{pid}")[:1] not in ([], ["Z"])}


def eventually(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + seconds
    while not (done := true()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return done


def await_ready(root: str, seconds: float = 60.0) -> None:
    """Wait until the server at a URL without path says that it takes requests."""

    def ready() -> bool:
        try:
            return requests.get(f"{root}/ready", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    assert eventually(ready, seconds), f"the server did not come back within {seconds:.0f} s"


def _fields(folder: Path) -> list[str]:
    """State, parent and so on of a process, [] when it is gone."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
