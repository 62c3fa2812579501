"""`fhirhub serve`: the server, with its database where it has none.

https://hl7.org/fhir/R4/http.html
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from fhirhub.app import web_application
from fhirhub.builtin import BUILTIN
from fhirhub.cli.database import database
from fhirhub.hooks.loader import load
from fhirhub.server import Listener, WorkersFailed, listen, serve
from fhirhub.settings import ConfigurationError, Settings, listen_refusal


def run(settings: Settings, _: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C. Prints one line, `fhirhub ready at URL`, when it is ready."""
    with listening(settings) as (named, listener), database(named, revive=True) as ready:
        return serve_until_stopped(ready, listener)


@contextmanager
def listening(settings: Settings) -> Iterator[tuple[Settings, Listener]]:
    """Open the port before anything is started, and give the settings with its real number.

    Raises:
        ConfigurationError: fhirhub must not listen there, or cannot; a plugin cannot be loaded.
    """
    if (refusal := listen_refusal(settings)) is not None:
        raise ConfigurationError(refusal)
    # Each web worker loads them for itself; what is wrong with them is told here, before anything runs.
    load(settings, builtin=BUILTIN)
    with closing(listen(settings)) as listener:
        yield replace(settings, port=listener.port), listener


def serve_until_stopped(
    settings: Settings, listener: Listener, *, on_ready: Callable[[str], None] | None = None
) -> int:
    """Run the web workers, and a worker beside them; return the exit status."""
    try:
        serve(settings, web_application, listener, on_ready=on_ready, worker=settings.worker)
    except WorkersFailed as error:
        sys.stderr.write(f"fhirhub: {error}\n")
        return 1
    return 0
