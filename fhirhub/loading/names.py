"""What a file is, told by its name.

https://hl7.org/fhir/R4/resource.html#mime, https://hl7.org/fhir/R4/nd-json.html
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

from fhirhub.loading.chunks import Codec, Syntax

_SYNTAXES: Final[dict[str, Syntax]] = {".json": "json", ".xml": "xml", ".ndjson": "ndjson", ".jsonl": "ndjson"}
_CODECS: Final[dict[str, Codec]] = {".gz": "gz", ".bz2": "bz2", ".xz": "xz"}
_TAR: Final = (".tar", ".tgz", ".tbz2", ".txz")
# What FHIR packages hold besides resources.
_NO_RESOURCES: Final = frozenset({"package.json", "ig-r4.json", "validation-summary.json", "spec.internals"})
_OPENAPI: Final = ".openapi.json"
# Synthea writes what all its patients refer to into files of these names.
_LEADING: Final = ("hospital", "practitioner", "0-")

EXPECTED: Final = ".json, .xml, .ndjson, .jsonl (also .gz, .bz2, .xz), .zip, .tar and .tar.gz, .tgz, .tar.bz2, .tar.xz"
"""What names the loader reads, for messages."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a name says: an archive, or a document or NDJSON of some syntax, compressed or not."""

    archive: Literal["zip", "tar"] | None = None
    syntax: Syntax | None = None
    codec: Codec | None = None


def kind_of(name: str) -> Kind | None:
    """Return what a file of this name is, None when it is nothing the loader reads."""
    lower = PurePosixPath(name).name.lower()
    if lower.endswith(".zip"):
        return Kind(archive="zip")
    codec = next((each for ending, each in _CODECS.items() if lower.endswith(ending)), None)
    inner = lower.removesuffix(f".{codec}")
    if inner.endswith(_TAR):
        return Kind(archive="tar")
    syntax = next((each for ending, each in _SYNTAXES.items() if inner.endswith(ending)), None)
    return None if syntax is None else Kind(syntax=syntax, codec=codec)


def skip_reason(path: str) -> str | None:
    """Return why a file found in a folder or archive is passed over, None when it is to be read.

    Arguments:
        path: below the folder or in the archive, with slashes.
    """
    parts = PurePosixPath(path).parts
    if any(part.startswith(".") for part in parts if part not in {".", ".."}):
        return "its name begins with a dot"
    name = parts[-1] if parts else ""
    if name.lower() in _NO_RESOURCES or name.lower().endswith(_OPENAPI):
        return "part of a package, not a resource"
    if kind_of(name) is None:
        return "its name is not that of a FHIR file"
    return None


def leads(name: str) -> bool:
    """Whether others refer to what is in a file of this name, so that it is loaded before them."""
    return PurePosixPath(name).name.lower().startswith(_LEADING)
