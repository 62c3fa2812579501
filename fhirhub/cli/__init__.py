"""The command `fhirhub`: its subcommands and their options. What they do is in the module of each.

https://hl7.org/fhir/R4/http.html

This module stays light: it is imported again in every worker process.
"""

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn

from fhirhub import __version__
from fhirhub.cli import options
from fhirhub.settings import ConfigurationError, Settings, add_options, overrides

OK: Final = 0
USAGE: Final = 2
INTERRUPTED: Final = 130
TERMINATED: Final = 143

_HELP: Final = frozenset({"-h", "--help"})
Run = Callable[[Settings, argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 not (all of it), 2 something to set right first."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of people must not stop a command on a terminal that cannot show them.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        namespace = parser(_of_plugins(given)).parse_args(given)
        # A command that is told to end puts away what it started, such as the embedded MongoDB.
        signal.signal(signal.SIGTERM, partial(_end, OK if namespace.command in options.SERVERS else TERMINATED))
        settings = Settings.load(overrides(namespace), os.environ, Path.cwd())
        run: Run = namespace.contributed_run or import_module(f"fhirhub.cli.{namespace.command.replace('-', '_')}").run
        return run(settings, namespace)
    except ConfigurationError as error:
        sys.stderr.write(f"fhirhub: {error}\n")
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED


Addition = tuple[str, str, Callable[[argparse.ArgumentParser], None], Run]
"""A command of a plugin: name, help, what adds its options, what runs it."""


def parser(additions: Sequence[Addition] = ()) -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(prog="fhirhub", description="A FHIR R4 server for hospitals.")
    top.add_argument("--version", action="version", version=f"fhirhub {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, add in options.COMMANDS.items():
        summary = add.__doc__ or ""
        own = commands.add_parser(name, help=summary[:1].lower() + summary[1:].rstrip("."), description=summary)
        own.set_defaults(contributed_run=None)
        add(own)
    for name, summary, configure, run in additions:
        added = commands.add_parser(name, help=summary, description=summary)
        added.set_defaults(contributed_run=run)
        options.add_server_options(added)
        try:
            configure(added)
        except argparse.ArgumentError as error:
            raise ConfigurationError(f"The command {name!r} of a plugin: {error}") from None
    return top


def _of_plugins(given: Sequence[str]) -> Sequence[Addition]:
    """The commands of plugins, where one is asked for, or a list of all commands.

    Raises ConfigurationError: a plugin cannot be loaded.
    """
    first = given[0] if given else ""
    if first in options.COMMANDS or (first.startswith("-") and first not in _HELP):
        return ()
    # Which plugins there are decides which options there are, so these are looked for beforehand.
    early = argparse.ArgumentParser(add_help=False, exit_on_error=False, argument_default=argparse.SUPPRESS)
    add_options(early, "plugins", "plugin_files")
    try:
        namespace, _ = early.parse_known_args(list(given))
        settings = Settings.load(overrides(namespace), os.environ, Path.cwd())
        if not settings.plugins:
            return ()
        # Only now: what this imports is heavy.
        from fhirhub.cli.contributed import contributed

        found = contributed(settings, options.COMMANDS)
    except (ConfigurationError, argparse.ArgumentError):
        # Whoever looks for help gets it, whatever is wrong.
        if first in _HELP or not first:
            return ()
        raise
    return [(each.command.name, each.command.help, each.command.configure, each.run) for each in found]


def _end(status: int, number: int, frame: object) -> NoReturn:
    # Once is enough: a second signal must not disturb the putting away.
    signal.signal(number, signal.SIG_IGN)
    sys.exit(status)
