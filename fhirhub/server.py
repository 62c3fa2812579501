"""Runs the web workers: one port, processes that share it, an orderly stop.

What they serve is https://hl7.org/fhir/R4/http.html. Each worker builds an application of its own.
"""

import contextlib
import errno
import gc
import http.client
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Final

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]  # imported there for others, without saying so
from granian.server.mp import MPServer, WorkerProcess

from fhirhub.http.logs import configure_logs
from fhirhub.settings import ConfigurationError, Settings
from fhirhub.worker.beside import WorkerBeside

BACKLOG: Final = 1024
"""Connections that wait while all workers are busy, or while one is replaced."""

STOP_SECONDS: Final = 20
"""How long requests may take to end after the server was told to stop."""

_PROBE_SECONDS: Final = 5.0
_YOUNG_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.5

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Factory = Callable[[Settings, Path], WsgiApplication]
"""Builds the application of one worker, from the settings and the folder its metrics share. A function of a module:
it is called in another process."""


class WorkersFailed(Exception):
    """The web workers could not start; their log says why."""


class Listener:
    """The open port: one socket for each worker, between which the kernel shares the connections out evenly.

    The sockets belong to the process that watches the workers, so a connection that waits for a worker which dies waits
    for its successor.
    """

    def __init__(self, host: str, port: int, sockets: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Sockets that share a port would share it with another fhirhub, too: one that does not share finds that out.
        with socket.create_server((host, port), family=family) as alone:
            self.address: tuple[str, int] = alone.getsockname()[:2]
        self.sockets = [
            socket.create_server(self.address, family=family, backlog=BACKLOG, reuse_port=True) for _ in range(sockets)
        ]

    @property
    def port(self) -> int:
        """The port, also where any free one was asked for."""
        return self.address[1]

    def close(self) -> None:
        """Close the sockets of this process."""
        for each in self.sockets:
            each.close()


def listen(settings: Settings) -> Listener:
    """Open the port. Whoever connects from now on waits until the workers are there.

    Raises ConfigurationError when it cannot be opened; port 0 takes any free one.
    """
    try:
        return Listener(settings.host, settings.port, settings.workers)
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "another program uses it; stop that, or choose another port with --port" if taken else str(error)
        raise ConfigurationError(
            f"fhirhub cannot listen on port {settings.port} of {settings.host}: {reason}."
        ) from None


def serve(
    settings: Settings,
    factory: Factory,
    listener: Listener,
    *,
    on_ready: Callable[[str], None] | None = None,
    worker: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT, then let the requests that are being worked on end. Only from the main thread.

    Arguments:
        settings: with the real port and, for an embedded MongoDB, its URI.
        factory: builds the application in each worker.
        listener: from `listen`; closed at the end.
        on_ready: called once with the base URL when `/ready` says yes; without it the line `fhirhub ready at URL` is
            printed.
        worker: whether a worker for what happens after the response runs beside the web workers, once these are ready.

    Raises WorkersFailed when a worker dies again and again before the server was ready.
    """
    # A worker is a fresh process: a fork would copy the locks that other threads of this one hold.
    multiprocessing.set_start_method("spawn", force=True)
    with contextlib.closing(listener), tempfile.TemporaryDirectory(prefix="fhirhub-") as folder:
        beside = WorkerBeside(settings) if worker else None
        server = _Server(settings, listener)

        def announce() -> None:
            (on_ready or _print_ready)(settings.public_url)
            if beside is not None:
                beside.start()

        threading.Thread(target=server.announce, args=(announce,), name="readiness", daemon=True).start()
        try:
            server.serve(target_loader=partial(_load, factory, settings, Path(folder)), wrap_loader=False)
        except SystemExit:
            # At Ctrl-C the workers hear the signal too and may end before they are told: that is no failure.
            if not server.interrupt_signal:
                raise WorkersFailed("The web workers do not start; the log says why.") from None
        finally:
            if beside is not None:
                beside.stop()


class _Awake(threading.Event):
    """An event whose waiter looks up now and then.

    A signal that another thread of the process takes, as one that starts a process can, does not wake the main thread,
    and only the main thread runs its handler.
    """

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is not None:
            return super().wait(timeout)
        while not super().wait(_LOOK_SECONDS):
            pass
        return True


class _Server(MPServer):
    """Granian with the sockets of a `Listener`, which never gives up once it has been ready."""

    def __init__(self, settings: Settings, listener: Listener) -> None:
        configuration = configure_logs(settings.log_level, settings.log_format)
        super().__init__(
            "fhirhub",
            address=settings.host,
            port=listener.port,
            interface=Interfaces.WSGI,
            workers=settings.workers,
            blocking_threads=settings.blocking_threads,
            backlog=BACKLOG,
            websockets=False,
            respawn_failed_workers=True,
            workers_kill_timeout=STOP_SECONDS,
            log_level=LogLevels.info if settings.log_level == "debug" else LogLevels.error,
            log_dictconfig=configuration,
        )
        self.main_loop_interrupt = _Awake()
        self._listener = listener
        self._was_ready = threading.Event()

    def announce(self, on_ready: Callable[[], None]) -> None:
        """Wait until the server answers that it is ready, then say so."""
        while not self.interrupt_signal and not self._is_ready():
            time.sleep(0.05)
        if not self.interrupt_signal:
            self._was_ready.set()
            on_ready()

    def _is_ready(self) -> bool:
        host, port = self._listener.address
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        connection = http.client.HTTPConnection(reachable, port, timeout=_PROBE_SECONDS)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        return False

    def _init_shared_socket(self) -> None:
        # Granian lets each worker open its own socket on Linux; what waits in it dies with the worker.
        self._ssp: Any = None

    def _spawn_worker(self, idx: int, *arguments: Any, **options: Any) -> WorkerProcess:
        self._sso: Any = self._listener.sockets[idx]
        # The published type is that of another platform: descriptor, whether it is a Unix socket, backlog.
        holder: Any = SocketHolder
        self._shd: Any = holder(self._sso.fileno(), False, BACKLOG)
        return super()._spawn_worker(idx, *arguments, **options)

    def _drop_shared_socket(self) -> None:
        self._listener.close()

    def _respawn_workers(self, workers: list[int], *arguments: Any, **options: Any) -> None:
        # Granian ends everything when a worker dies twice within seconds. A server that has been ready goes on, and
        # takes a breath where its workers die young.
        if self._was_ready.is_set():
            if any(time.monotonic() - self.wrks[index].birth < _YOUNG_SECONDS for index in workers):
                time.sleep(_PAUSE_SECONDS)
            super()._respawn_workers(workers, *arguments, **options)
            self.respawned_wrks.clear()
        else:
            super()._respawn_workers(workers, *arguments, **options)


def _load(factory: Factory, settings: Settings, metrics_folder: Path) -> WsgiApplication:
    """Build the application; runs in the worker."""
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()
    application = factory(settings, metrics_folder)
    # What start-up made lives as long as the process: no collection need look at it again.
    gc.collect()
    gc.freeze()
    return application


def _end_with_parent() -> None:
    """Stop this worker when the process that watches it is gone, even killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _print_ready(url: str) -> None:
    sys.stdout.write(f"fhirhub ready at {url}\n")
    sys.stdout.flush()
