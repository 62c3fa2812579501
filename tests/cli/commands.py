"""Running `fhirhub` the way a person does: as a process with its own output and exit status."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO, Final

from tests.processes import descendants

PROJECT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "fhirhub")
SECONDS = 120
NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process, with these FHIRHUB_ variables and no others but the program of mongod."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FHIRHUB_")}
    if "FHIRHUB_MONGOD" in os.environ:
        kept["FHIRHUB_MONGOD"] = os.environ["FHIRHUB_MONGOD"]
    return kept | {"PYTHONPATH": str(PROJECT)} | {f"FHIRHUB_{name}": value for name, value in settings.items()}


def fhirhub(
    *arguments: object, cwd: Path, settings: Mapping[str, str] = NO_SETTINGS
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with settings as FHIRHUB_ variables."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


class Running:
    """A command that goes on until it is told to end, in a process group of its own as in a terminal."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self.process = process
        self._errors = errors

    @property
    def errors(self) -> str:
        """What it has written to standard error."""
        return self._errors.read_text()

    def line(self) -> str:
        """The next line of its standard output, "" when it ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def interrupt(self) -> None:
        """Press Ctrl-C: the terminal tells every process of the group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal to the command alone; return its exit status and the rest of its standard output."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        """Wait for its end; return its exit status and the rest of its standard output."""
        # Not communicate(): it passes over what was read ahead of the last line.
        assert self.process.stdout is not None
        output = self.process.stdout.read()
        return self.process.wait(SECONDS), output

    def descendants(self) -> set[int]:
        """The process ids of everything it has started, and of what these have started."""
        return descendants(self.process.pid)


@contextmanager
def started(
    *arguments: object, cwd: Path, settings: Mapping[str, str] = NO_SETTINGS, stderr: IO[str] | int | None = None
) -> Iterator[Running]:
    """Start a command and kill what is left of it afterwards. `stderr` replaces the file of `Running.errors`."""
    errors = cwd / "stderr.txt"
    with errors.open("w") as file:
        process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=cwd,
            env=environment(settings),
            stdout=subprocess.PIPE,
            stderr=file if stderr is None else stderr,
            text=True,
            start_new_session=True,
        )
    try:
        yield Running(process, errors)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        assert process.stdout is not None
        process.stdout.close()
        process.wait()
