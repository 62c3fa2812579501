"""A worker from its settings: what the process of one does.

docs/how-it-works/worker.md
"""

import contextlib
import threading

from fhirhub.hub import open_hub
from fhirhub.settings import Settings
from fhirhub.worker.pace import Pace
from fhirhub.worker.threads import Worker


def run_worker(settings: Settings, stop: threading.Event) -> None:
    """Work until told to stop, then end what has been begun.

    Raises ConfigurationError: the settings, a plugin or the schedule of a job are wrong.
    """
    with contextlib.closing(open_hub(settings)) as hub:
        hub.start()
        Worker(hub, stop, pace_of(settings)).run()


def pace_of(settings: Settings) -> Pace:
    """Return how a worker of these settings works."""
    return Pace(attempts=settings.delivery_attempts)
