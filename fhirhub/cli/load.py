"""`fhirhub load`: files into the database, every refusal with its reason.

https://hl7.org/fhir/R4/bundle.html, https://hl7.org/fhir/R4/nd-json.html
"""

import argparse
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Final

from fhirhub.cli.database import database
from fhirhub.cli.telling import Teller, stopping
from fhirhub.http.xml import from_xml
from fhirhub.hub import Hub, open_hub
from fhirhub.loading import Job, chunked, find, load, read
from fhirhub.settings import ConfigurationError, Settings

INTERRUPTED: Final = 130


def run(settings: Settings, namespace: argparse.Namespace) -> int:
    """Load the paths; 0 when everything is in, 1 when something was refused, 130 when it was interrupted."""
    try:
        files, others = find(namespace.paths)
    except FileNotFoundError as error:
        raise ConfigurationError(f"There is no file or folder {error.args[0]}.") from None
    with _report(namespace.report) as report, database(settings) as ready, stopping() as stop:
        job = Job(opener(ready), from_xml, entries=namespace.entries, workers=namespace.processes)
        began = time.monotonic()
        teller = Teller(sum(file.size for file in files), "B", report)
        teller.follow(load(chain(others, chunked(read(files))), job, stop=stop))
        for line in teller.summary.lines(time.monotonic() - began):
            sys.stdout.write(f"{line}\n")
    if teller.too_large and settings.mongodb_uri is None:
        sys.stderr.write(
            "fhirhub: a transaction has to fit into about a fifth of the cache of the embedded MongoDB, now "
            f"{settings.mongod_cache_gb:g} GB; --mongod-cache-gb {settings.mongod_cache_gb * 2:g} takes larger ones.\n"
        )
    if teller.stopped is None and stop.is_set():
        sys.stderr.write("fhirhub: interrupted. What had been begun is stored whole, the rest is not loaded.\n")
        return INTERRUPTED
    return 1 if teller.summary.refusals or teller.stopped is not None else 0


def opener(settings: Settings) -> partial[Hub]:
    """Return what opens the database in each worker process, after it was opened once here.

    Raises:
        ConfigurationError: the database is not one fhirhub can use.
    """
    # Whoever loads owns the data: that clients may not choose ids is a rule for clients.
    own = replace(settings, update_create=True)
    open_hub(own).close()
    return partial(open_hub, own)


def _report(path: Path | None) -> AbstractContextManager[IO[bytes] | None]:
    if path is None:
        return nullcontext()
    try:
        return path.open("wb")
    except OSError as error:
        raise ConfigurationError(f"The report {path} cannot be written: {error.strerror}.") from None
