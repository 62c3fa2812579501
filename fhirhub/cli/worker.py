"""`fhirhub worker`: one more worker, on this machine or another; or how the work of all of them stands.

docs/operations.md
"""

import argparse
import sys
from contextlib import closing

from fhirhub.cli.database import database
from fhirhub.cli.telling import stopping
from fhirhub.http.logs import configure_logs
from fhirhub.hub import open_hub
from fhirhub.settings import Settings
from fhirhub.worker.process import pace_of, run_worker
from fhirhub.worker.status import status


def run(settings: Settings, namespace: argparse.Namespace) -> int:
    """Work until SIGTERM or Ctrl-C; with `--status` say how things stand: 1 when something is parked."""
    configure_logs(settings.log_level, settings.log_format)
    with database(settings) as ready:
        if namespace.status:
            return _tell(ready)
        with stopping() as stop:
            run_worker(ready, stop)
    return 0


def _tell(settings: Settings) -> int:
    with closing(open_hub(settings)) as hub:
        now = status(hub.database, hub.call.now, pace_of(settings))
    for line in now.lines():
        sys.stdout.write(f"{line}\n")
    return 1 if now.parked else 0
