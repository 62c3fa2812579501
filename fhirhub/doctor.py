"""`fhirhub doctor`: what is missing on this machine for a FHIR server, and how to get it.

The server it prepares is the one of https://hl7.org/fhir/R4/http.html.
"""

import ctypes
import errno
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module, metadata, resources
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from fhirhub.settings import ConfigurationError, Settings, listen_refusal
from fhirhub.store.embedded import MongodNotFound, find_mongod
from fhirhub.store.replica_set import end_of_life, server_version

OLDEST, NEWEST = (3, 11), (3, 13)
GIB = 1024**3
# MongoDB stops accepting writes when its disk is full; the oplog and the journal of an empty one take about this much.
_SPACE_NEEDED, _SPACE_WISHED = GIB // 2, 4 * GIB
_EMBEDDED = "the embedded MongoDB"
_MARKS = {"ok": "ok  ", "warning": "note", "problem": "FAIL"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. A `problem` keeps fhirhub from starting, a `warning` does not."""

    name: str
    state: Literal["ok", "warning", "problem"]
    detail: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        return self.state != "problem"


def examine(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """Look at everything `fhirhub serve` needs with these settings. Starts nothing and changes nothing."""
    database = _own_mongodb(settings.mongodb_uri) if settings.mongodb_uri else _embedded(settings, environ)
    return [
        _python(sys.version_info[:2]),
        _packages(),
        *database,
        *_system_libraries(embedded=settings.mongodb_uri is None),
        _address(settings),
    ]


def render(findings: Iterable[Finding]) -> str:
    """The findings as lines for a terminal."""
    lines = []
    for each in findings:
        lines.append(f"{_MARKS[each.state]}  {each.name}: {each.detail}")
        lines += (f"        {line}" for line in each.remedy.splitlines())
    return "\n".join(lines)


def exit_status(findings: Iterable[Finding]) -> int:
    """0 when fhirhub can start, 1 when a problem keeps it from starting."""
    return 0 if all(each.ok for each in findings) else 1


def _python(version: tuple[int, ...]) -> Finding:
    words = ".".join(map(str, version))
    if OLDEST <= version <= NEWEST:
        return Finding("Python", "ok", words)
    return Finding(
        "Python", "problem", f"{words} is not one of 3.11, 3.12, 3.13", "make PYTHON=/path/to/python3.12 install"
    )


_MODULES: Final = MappingProxyType({"pyyaml": "yaml"})
"""Packages whose module has another name."""


def _packages() -> Finding:
    remedy = "make install"
    try:
        required = metadata.requires("fhirhub") or []
    except metadata.PackageNotFoundError:
        return Finding("Python packages", "problem", "fhirhub runs, but is not installed", remedy)
    missing = []
    for name in _names(required):
        try:
            import_module(_MODULES.get(name, name.replace("-", "_")))
        except ImportError as error:
            missing.append(f"{name} ({error})")
    if not missing:
        return Finding("Python packages", "ok", "all there")
    return Finding("Python packages", "problem", f"not importable: {', '.join(missing)}", remedy)


def _names(requirements: Iterable[str]) -> Iterator[str]:
    """The distributions that requirements of a package's metadata name, those of its extras left out."""
    for requirement in requirements:
        name, _, marker = requirement.partition(";")
        if "extra" not in marker:
            yield re.split(r"[^\w.-]", name, maxsplit=1)[0]


def _own_mongodb(uri: str) -> Iterator[Finding]:
    try:
        version = server_version(uri)
    except ConfigurationError as error:
        yield Finding("MongoDB", "problem", str(error), "see FHIRHUB_MONGODB_URI in docs/settings.md")
        return
    old = end_of_life(version)
    yield Finding("MongoDB", "warning" if old else "ok", old or f"{version}, a replica set")


def _embedded(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        program = find_mongod(settings.mongod, environ)
    except MongodNotFound as error:
        first, _, rest = str(error).partition("\n")
        yield Finding("MongoDB", "problem", first, rest.strip())
    else:
        yield _mongod(program)
    yield from _folder(settings.data)


def _mongod(program: Path) -> Finding:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("MongoDB", "problem", f"{program} does not run: {error}")
    if said.returncode:
        return Finding(
            "MongoDB", "problem", f"{program} does not run: {said.stderr.strip()}", _missing_libraries(program)
        )
    version = said.stdout.split()[2].removeprefix("v")
    old = end_of_life(version)
    return Finding("MongoDB", "warning" if old else "ok", old or f"{version} at {program}")


def _missing_libraries(program: Path) -> str:
    """Lines of ldd that name what the loader does not find."""
    if not (ldd := shutil.which("ldd")):
        return ""
    said = subprocess.run([ldd, program], capture_output=True, text=True, check=False)
    return "\n".join(line.strip() for line in said.stdout.splitlines() if "not found" in line)


def _folder(data: Path) -> Iterator[Finding]:
    existing = next(folder for folder in (data, *data.absolute().parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        remedy = "name another one: --data DIR or FHIRHUB_DATA"
        yield Finding("data folder", "problem", f"{data} cannot be written: no right to write in {existing}", remedy)
        return
    yield Finding("data folder", "ok", str(data))
    free = shutil.disk_usage(existing).free
    state: Literal["ok", "warning", "problem"] = "ok" if free >= _SPACE_WISHED else "warning"
    remedy = "" if state == "ok" else "free some, or name a folder on another disk: --data DIR or FHIRHUB_DATA"
    yield Finding("disk space", state if free >= _SPACE_NEEDED else "problem", f"{free / GIB:.1f} GiB free", remedy)


def _system_libraries(*, embedded: bool) -> Iterator[Finding]:
    missing: dict[str, dict[str, str]] = {}
    for library, package, purpose in _listed():
        if purpose != _EMBEDDED or embedded:
            missing.setdefault(purpose, {})
            if not _loads(library):
                missing[purpose][library] = package
    for purpose, libraries in missing.items():
        if libraries:
            packages = " ".join(sorted(set(libraries.values())))
            remedy = f"sudo apt-get install {packages}    (the names are Debian's and Ubuntu's)"
            # Only the database is needed to start; other purposes are features.
            state: Literal["warning", "problem"] = "problem" if purpose == _EMBEDDED else "warning"
            yield Finding(f"libraries for {purpose}", state, f"missing: {', '.join(libraries)}", remedy)
        else:
            yield Finding(f"libraries for {purpose}", "ok", "all there")


def _listed() -> Iterator[tuple[str, str, str]]:
    """Library, package and purpose of each line of system-packages.txt."""
    text = resources.files("fhirhub").joinpath("system-packages.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            library, package, purpose = line.split(maxsplit=2)
            yield library, package, purpose


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _address(settings: Settings) -> Finding:
    if refusal := listen_refusal(settings):
        return Finding("address", "problem", refusal)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "another program (perhaps fhirhub itself) listens there" if taken else error.strerror
            remedy = "stop it, or choose another port: --port or FHIRHUB_PORT"
            return Finding("address", "problem", f"{settings.host}:{settings.port}: {why}", remedy)
    return Finding("address", "ok", f"{settings.host}:{settings.port} is free")
