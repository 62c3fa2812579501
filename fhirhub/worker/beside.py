"""The worker that a server runs beside its web workers: a process of its own, replaced when it dies.

docs/how-it-works/worker.md
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Final

from fhirhub.http.logs import configure_logs
from fhirhub.settings import ConfigurationError, Settings
from fhirhub.worker.process import run_worker

STOP_SECONDS: Final = 20.0
"""How long what was begun may take to end after the worker was told to stop."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_YOUNG_SECONDS: Final = 5.0
_LONGEST_PAUSE: Final = 30.0


class WorkerBeside:
    """Watches one worker process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="worker watch", daemon=True)

    def start(self) -> None:
        """Start the worker, and again whenever it dies."""
        self._thread.start()

    def stop(self) -> None:
        """End the worker and wait until it has ended; killed when it takes too long."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _watch(self) -> None:
        # The worker inherits it: what comes before it has said what to do about a signal waits until then.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pause = 1.0
        while not self._stop.is_set():
            began = time.monotonic()
            # Not a fork, which would copy the locks that other threads of this process hold.
            process = multiprocessing.get_context("spawn").Process(
                target=run_beside, args=(self._settings,), name="worker", daemon=True
            )
            process.start()
            while process.is_alive() and not self._stop.is_set():
                process.join(0.2)
            if self._stop.is_set():
                _end(process)
                return
            # One that dies at once would else be started without end.
            pause = min(2 * pause, _LONGEST_PAUSE) if time.monotonic() - began < _YOUNG_SECONDS else 1.0
            self._stop.wait(pause)


def run_beside(settings: Settings) -> None:
    """Work until SIGTERM, or until the process that watches is gone."""
    configure_logs(settings.log_level, settings.log_format)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    # Ctrl-C reaches all processes of a terminal: the one that watches says when.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_end_with_parent, args=(stop,), name="parent watch", daemon=True).start()
    try:
        run_worker(settings, stop)
    except ConfigurationError as error:
        sys.stderr.write(f"fhirhub: the worker cannot start: {error}\n")
        sys.exit(2)


def _end_with_parent(stop: threading.Event) -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    stop.set()
    time.sleep(STOP_SECONDS)
    # A plugin that does not return must not outlive the server.
    os._exit(1)


def _end(process: BaseProcess) -> None:
    process.terminate()
    process.join(STOP_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
