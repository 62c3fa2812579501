"""The folder of an embedded MongoDB: who uses it, what its last owner noted, what its mongod complained of.

It is private, as records of patients need: https://hl7.org/fhir/R4/security.html
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TAIL_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Note:
    """What the owner of a mongod leaves for processes that come later."""

    pid: int
    port: int
    owner: int
    started: int

    @property
    def owner_lives(self) -> bool:
        """Whether the process that started the mongod still exists."""
        try:
            os.kill(self.owner, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


class MongodFolder:
    """One folder; `path` may be absent and is then made, readable by this user alone."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path.resolve()
        self.records.mkdir(mode=0o700, exist_ok=True)

    @property
    def records(self) -> Path:
        """mongod's own files."""
        return self.path / "db"

    @property
    def log(self) -> Path:
        return self.path / "mongod.log"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder's lock, so that of two processes that start at once one owns and the other attaches."""
        with (self.path / "start.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def running(self) -> int:
        """The process id of the mongod on this folder, or 0: mongod holds a lock on this file while it lives."""
        try:
            with (self.records / "mongod.lock").open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(file.read().strip() or 0)
                return 0
        except FileNotFoundError:
            return 0

    def note(self) -> Note | None:
        """What the last owner noted; None when it noted nothing, or nothing readable."""
        try:
            return Note(**json.loads((self.path / "mongod.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def save_note(self, pid: int, port: int) -> None:
        """Note that this process owns the mongod `pid`."""
        text = json.dumps({"pid": pid, "port": port, "owner": os.getpid(), "started": int(time.time())})
        draft = self.path / "mongod.json.new"
        draft.write_text(text)
        draft.rename(self.path / "mongod.json")

    @contextlib.contextmanager
    def open_log(self) -> Iterator[int]:
        """The descriptor of mongod's log, to append to."""
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def complaint(self) -> str:
        """The last errors in mongod's log: its own are JSON objects, one a line; what the system says is plain text."""
        with self.log.open("rb") as file:
            if self.log.stat().st_size > _TAIL_BYTES:
                file.seek(-_TAIL_BYTES, os.SEEK_END)
                file.readline()
            lines = file.read().decode(errors="replace").splitlines()
        errors = [line for line in lines if not line.startswith("{") or '"s":"E"' in line or '"s":"F"' in line]
        return "\n".join([*errors[-3:], f"(more in {self.log})"])
