"""The command `fhirhub`: its subcommands and their options. What they do is in the module of each.

https://hl7.org/fhir/R4/http.html

This module stays light: it is imported again in every worker process.
"""

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn

from fhirhub import __version__
from fhirhub.cli import options
from fhirhub.settings import ConfigurationError, Settings, overrides

OK: Final = 0
USAGE: Final = 2
INTERRUPTED: Final = 130
TERMINATED: Final = 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 not (all of it), 2 something to set right first."""
    namespace = parser().parse_args(arguments)
    command: str = namespace.command
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of people must not stop a command on a terminal that cannot show them.
        sys.stdout.reconfigure(errors="backslashreplace")
    # A command that is told to end puts away what it started, such as the embedded MongoDB.
    signal.signal(signal.SIGTERM, partial(_end, OK if command in options.SERVERS else TERMINATED))
    try:
        settings = Settings.load(overrides(namespace), os.environ, Path.cwd())
        status: int = import_module(f"fhirhub.cli.{command}").run(settings, namespace)
    except ConfigurationError as error:
        sys.stderr.write(f"fhirhub: {error}\n")
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(prog="fhirhub", description="A FHIR R4 server for hospitals.")
    top.add_argument("--version", action="version", version=f"fhirhub {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, add in options.COMMANDS.items():
        summary = add.__doc__ or ""
        add(commands.add_parser(name, help=summary[:1].lower() + summary[1:].rstrip("."), description=summary))
    return top


def _end(status: int, number: int, frame: object) -> NoReturn:
    # Once is enough: a second signal must not disturb the putting away.
    signal.signal(number, signal.SIG_IGN)
    sys.exit(status)
