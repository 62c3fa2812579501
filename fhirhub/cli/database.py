"""The database of a command: the one the settings name, or the embedded one for as long as the command runs.

https://hl7.org/fhir/R4/http.html#create
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from fhirhub.settings import Settings
from fhirhub.store.embedded import find_mongod, start
from fhirhub.store.replica_set import end_of_life, server_version


@contextmanager
def database(settings: Settings, *, revive: bool = False) -> Iterator[Settings]:
    """Give settings that name a running MongoDB; end it afterwards when it was started here.

    Arguments:
        revive: start the embedded one again whenever it dies.

    Raises:
        ConfigurationError: there is none, it cannot be reached or started, or it has no transactions.
    """
    if settings.mongodb_uri is not None:
        _warn(server_version(settings.mongodb_uri))
        yield settings
        return
    program = find_mongod(settings.mongod, os.environ)
    with start(settings.data, program, cache_gb=settings.mongod_cache_gb, revive=revive) as mongod:
        _warn(server_version(mongod.uri))
        yield replace(settings, mongodb_uri=mongod.uri)


def _warn(version: str) -> None:
    if (sentence := end_of_life(version)) is not None:
        sys.stderr.write(f"fhirhub: {sentence}\n")
