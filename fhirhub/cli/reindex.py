"""`fhirhub reindex`: makes the index entries of what is stored anew.

https://hl7.org/fhir/R4/search.html, docs/operations.md
"""

import argparse
import sys
from contextlib import closing
from difflib import get_close_matches
from typing import Any, Final

from tqdm import tqdm

from fhirhub.cli.database import database
from fhirhub.cli.telling import stopping
from fhirhub.definitions import r4
from fhirhub.hub import Hub, open_hub
from fhirhub.settings import ConfigurationError, Settings
from fhirhub.store.reindex import Pace
from fhirhub.store.reindex_queue import Run

INTERRUPTED: Final = 130
_LOOK_SECONDS: Final = 0.5


def run(settings: Settings, namespace: argparse.Namespace) -> int:
    """Ask for a reindex and, to wait for it, take part in it; 0 when it is asked for or done, 1 when some failed."""
    for name in namespace.types:
        _check_type(name)
    with database(settings) as ready, closing(open_hub(ready)) as hub:
        asked = hub.database.reindex.request(namespace.types)
        if not namespace.wait:
            sys.stdout.write(f"Reindex {asked.number} is asked for; a server does it, or `fhirhub reindex --wait`.\n")
            return 0
        return _wait(hub, asked, settings)


def _wait(hub: Hub, asked: Run, settings: Settings) -> int:
    """Follow the run to its end. Whoever has the lease does it: this process, or one of a server."""
    reindexer = hub.reindexer(Pace(pause_share=settings.reindex_pause))
    thread = reindexer.start()
    try:
        with stopping() as stop, _bar() as bar:
            while True:
                now = hub.database.reindex.run(asked.number)
                if now is None:
                    sys.stderr.write(f"fhirhub: reindex {asked.number} is gone.\n")
                    return 1
                bar.total = now.total or None
                bar.update(now.done - bar.n)
                if now.ended is not None:
                    break
                if stop.wait(_LOOK_SECONDS):
                    sys.stderr.write("fhirhub: interrupted. A server goes on with it, or the next reindex --wait.\n")
                    return INTERRUPTED
    finally:
        reindexer.stop()
        thread.join()
    for each in now.progress:
        failed = f", {each.failed} failed" if each.failed else ""
        sys.stdout.write(f"{each.resource_type:30} {each.done:>10,}{failed}\n")
    sys.stdout.write(f"Reindex {now.number} is done: {now.done:,} resources, {now.failed:,} failed.\n")
    return 1 if now.failed else 0


def _bar() -> "tqdm[Any]":
    return tqdm(unit=" resources", disable=not sys.stderr.isatty(), file=sys.stderr, dynamic_ncols=True)


def _check_type(name: str) -> None:
    if not r4().is_resource_type(name):
        near = get_close_matches(name, r4().resource_types, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ConfigurationError(f"{name!r} is not a resource type of FHIR R4.{hint}")
