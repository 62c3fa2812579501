"""The options of each command; those that are settings come from the table of settings.

https://hl7.org/fhir/R4/http.html, docs/settings.md
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fhirhub.settings import add_options

_DATABASE: Final = ("data", "mongodb_uri", "database", "mongod", "mongod_cache_gb")
_INDEX: Final = ("base_url", "time_zone", "full_text")
_PLUGINS: Final = ("plugins", "plugin_files")
_BUNDLES: Final = ("max_bundle_entries",)


def _serve(parser: argparse.ArgumentParser) -> None:
    """Run the server until it is told to stop."""
    add_options(parser)


def _load(parser: argparse.ArgumentParser) -> None:
    """Load Bundles, resources and NDJSON from files, folders and archives."""
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="file, folder or archive to load")
    parser.add_argument(
        "--entries",
        action="store_true",
        help="load the entries of Bundles that are neither batch nor transaction, instead of storing the Bundle itself",
    )
    parser.add_argument(
        "--report", metavar="FILE", type=Path, help="write every refusal as an OperationOutcome, one a line"
    )
    _add_workers(parser)
    add_options(parser, *_DATABASE, *_INDEX, *_BUNDLES, *_PLUGINS)


def _reindex(parser: argparse.ArgumentParser) -> None:
    """Make the index entries of stored resources anew."""
    parser.add_argument(
        "--type",
        dest="types",
        metavar="TYPE",
        action="append",
        default=[],
        help="a resource type, again for more of them (default: all)",
    )
    parser.add_argument(
        "--wait", action="store_true", help="take part in it and show how far it is, instead of leaving it to a server"
    )
    add_options(parser, *_DATABASE, *_INDEX, "host", "port", "reindex_pause")


def _demo(parser: argparse.ArgumentParser) -> None:
    """Run the server with an invented population in it, to try things out."""
    parser.add_argument("--patients", metavar="N", type=_at_least_1, default=100, help="people in it (default 100)")
    parser.add_argument(
        "--years", metavar="N", type=_at_least_1, default=8, help="years of checkups they look back on (default 8)"
    )
    add_options(parser)


def _worker(parser: argparse.ArgumentParser) -> None:
    """Run one more worker, which hands changes to plugins and does their jobs."""
    parser.add_argument("--status", action="store_true", help="say how the work of all workers stands, and end")
    add_options(parser)


def _replay(parser: argparse.ArgumentParser) -> None:
    """Hand changes to plugins again: those that were given up, or all there is of a type."""
    parser.add_argument("--plugin", metavar="NAME", help="only those of this plugin (default: of all)")
    parser.add_argument("--resource", metavar="TYPE/ID", help="only those of this resource")
    parser.add_argument("--now", action="store_true", help="also those that would be tried again later by themselves")
    parser.add_argument("--forget", action="store_true", help="give the parked ones up instead, for good")
    parser.add_argument(
        "--all-of",
        dest="types",
        metavar="TYPE",
        action="append",
        default=[],
        help="hand the current versions of all resources of this type to the plugin; again for more types",
    )
    add_options(parser)


def _doctor(parser: argparse.ArgumentParser) -> None:
    """Say what is missing on this machine, and how to get it."""
    add_options(parser, "host", "port", *_DATABASE)


def _plugins(parser: argparse.ArgumentParser) -> None:
    """List the plugins: which are enabled, where they come from, and in which order they are called."""
    add_options(parser, *_PLUGINS)


def _hooks(parser: argparse.ArgumentParser) -> None:
    """List the hooks of plugins, and who implements them."""
    add_options(parser, *_PLUGINS)


def _new_plugin(parser: argparse.ArgumentParser) -> None:
    """Write a new plugin that works, with a test that passes."""
    parser.add_argument("name", metavar="NAME", help="its name: a lower case letter, then such letters, digits or '_'")
    parser.add_argument(
        "--in",
        dest="folder",
        metavar="DIR",
        type=Path,
        help="folder it is written into (default: the setting plugin_files, or else the current folder)",
    )
    add_options(parser, "plugin_files")


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command of a plugin, which works with the data of the server."""
    add_options(parser, *_DATABASE, *_INDEX, *_PLUGINS)


COMMANDS: Final[dict[str, Callable[[argparse.ArgumentParser], None]]] = {
    "serve": _serve,
    "load": _load,
    "reindex": _reindex,
    "demo": _demo,
    "worker": _worker,
    "replay": _replay,
    "plugins": _plugins,
    "hooks": _hooks,
    "new-plugin": _new_plugin,
    "doctor": _doctor,
}
"""Every command: the module of its name has a function `run(settings, namespace)`; the docstring here is its help."""

SERVERS: Final = frozenset({"serve", "demo", "worker"})
"""Commands that run until they are told to end, which then is no failure."""


def _add_workers(parser: argparse.ArgumentParser) -> None:
    cores = os.cpu_count() or 1
    # Not the setting of this name, which counts the web workers.
    parser.add_argument(
        "--workers",
        dest="processes",
        metavar="N",
        type=_at_least_1,
        default=cores,
        help=f"processes that parse, validate and write (default: one per core, here {cores})",
    )


def _at_least_1(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it has to be at least 1")
    return number
