"""From paths to blocks: files, folders and archives, read one piece at a time. Nothing is unpacked to disk.

https://hl7.org/fhir/R4/nd-json.html
"""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from fhirhub.errors import Failure, Issue
from fhirhub.loading.chunks import MOST_BYTES, MOST_RESOURCES, Block, Codec
from fhirhub.loading.names import EXPECTED, Kind, kind_of, leads, skip_reason
from fhirhub.loading.results import Place, Refusal, Skipped

MOST_DOCUMENT_BYTES: Final = 1024 * 1024 * 1024
"""Largest document that is read, decompressed: a Bundle of that size would not fit into one transaction anyway."""

MOST_LINE_BYTES: Final = 64 * 1024 * 1024
"""Longest line of NDJSON: four times the largest resource the database holds."""

_UNREADABLE: Final = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    RuntimeError,  # what zipfile raises for encrypted members and unknown compression
)

_MARKS: Final[dict[bytes, Codec]] = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz"}
"""How compressed files begin."""

Found = Block | Refusal | Skipped


@dataclass(frozen=True, slots=True)
class File:
    """A file to read. `leads`: before those that do not."""

    path: Path
    kind: Kind
    size: int
    leads: bool


def find(paths: Iterable[Path]) -> tuple[list[File], list[Refusal | Skipped]]:
    """Return the files of the given files and folders in the order to load them, and what is passed over or refused.

    Folders are searched to their depth in alphabetical order; links to folders are not followed. Files that others
    refer to (`names.leads`) come first.

    Raises:
        FileNotFoundError: one of the paths is not there.
    """
    files: list[File] = []
    others: list[Refusal | Skipped] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(path)
        if path.is_dir():
            _search(path, files, others)
        elif (kind := kind_of(path.name)) is not None:
            files.append(_file(path, kind))
        else:
            others.append(_refused(str(path), f"The name is not one the loader knows: {EXPECTED}."))
    # Sorting keeps the order of equals.
    files.sort(key=lambda file: not file.leads)
    return files, others


def _search(folder: Path, files: list[File], others: list[Refusal | Skipped]) -> None:
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        others.append(_refused(str(folder), f"The folder cannot be read: {error.strerror}."))
        return
    for child in children:
        if child.is_dir():
            if child.name.startswith("."):
                others.append(Skipped(str(child), "its name begins with a dot"))
            elif not child.is_symlink():
                _search(child, files, others)
            else:
                others.append(Skipped(str(child), "links to folders are not followed"))
        elif (reason := skip_reason(child.name)) is not None:
            others.append(Skipped(str(child), reason))
        elif (kind := kind_of(child.name)) is not None:
            files.append(_file(child, kind))


def _file(path: Path, kind: Kind) -> File:
    return File(path, kind, path.stat().st_size, leads(path.name))


def read(files: Sequence[File]) -> Iterator[Found]:
    """Yield the blocks of the files in order; a file that cannot be read, or not to its end, is a refusal."""
    for file in files:
        try:
            if file.kind.archive == "zip":
                yield from _zip(file)
            elif file.kind.archive == "tar":
                yield from _tar(file)
            else:
                yield from _single(file)
        except _UNREADABLE as error:
            yield _refused(str(file.path), f"The file cannot be read (to its end): {_reason(error)}.")


def _single(file: File) -> Iterator[Found]:
    with file.path.open("rb") as raw:
        position = _Position(raw)
        yield from _blocks(str(file.path), file.kind, raw, position, leads=file.leads)


def _zip(file: File) -> Iterator[Found]:
    with zipfile.ZipFile(file.path) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            name = f"{file.path}!{member.filename}"
            kind = kind_of(member.filename)
            if (skipped := _skipped(name, member.filename, kind)) is not None:
                yield skipped
                continue
            assert kind is not None
            try:
                with archive.open(member) as stream:
                    weight = _Fixed(member.compress_size)
                    yield from _blocks(name, kind, stream, weight, leads=file.leads or leads(member.filename))
            except _UNREADABLE as error:
                yield _refused(name, f"The file cannot be read (to its end): {_reason(error)}.")


def _tar(file: File) -> Iterator[Found]:
    with file.path.open("rb") as raw:
        position = _Position(raw)
        codec = next((each for mark, each in _MARKS.items() if raw.peek(len(mark)).startswith(mark)), None)
        tail = _Tail(opened(raw, codec))
        # As a stream: the members in their order, none of them held for longer than its turn.
        with tarfile.open(fileobj=cast(IO[bytes], tail), mode="r|") as archive:
            yield from _members(file, archive, position)
        if any(tail.last):
            yield _refused(str(file.path), "The archive has no end mark: it was cut short, and members may be missing.")


def _members(file: File, archive: tarfile.TarFile, position: "_Position") -> Iterator[Found]:
    for member in archive:
        name = f"{file.path}!{member.name}"
        if member.isdir():
            continue
        if not member.isfile():
            yield Skipped(name, "not a regular file")
            continue
        kind = kind_of(member.name)
        if (skipped := _skipped(name, member.name, kind)) is not None:
            yield skipped
            continue
        assert kind is not None
        stream = archive.extractfile(member)
        assert stream is not None
        yield from _blocks(name, kind, stream, position, leads=file.leads or leads(member.name))


def _skipped(name: str, member: str, kind: Kind | None) -> Skipped | None:
    reason = skip_reason(member)
    if reason is None and (kind is None or kind.archive is not None):
        reason = "an archive in an archive is not opened"
    return None if reason is None else Skipped(name, reason)


class _Tail:
    """Remembers the last bytes of a tar archive: tarfile takes one that is cut short for one that has ended.

    A stream as far as tarfile needs one.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.last = b""

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.last = (self.last + data)[-tarfile.BLOCKSIZE :]
        return data


class _Position:
    """Tells how many bytes of a file were read since it was last asked."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._last = 0

    def advanced(self) -> int:
        before, self._last = self._last, self._raw.tell()
        return self._last - before


class _Fixed:
    """A number of bytes that is known beforehand, told once."""

    def __init__(self, size: int) -> None:
        self._left = size

    def advanced(self) -> int:
        told, self._left = self._left, 0
        return told


def _blocks(
    name: str, kind: Kind, stream: IO[bytes], position: _Position | _Fixed, *, leads: bool
) -> Iterator[Block | Refusal]:
    assert kind.syntax is not None
    if kind.syntax == "ndjson":
        with opened(stream, kind.codec) as lines:
            yield from _lines(name, lines, position, leads=leads)
        return
    # Documents stay compressed on their way to the process that parses them.
    data = stream.read(MOST_DOCUMENT_BYTES + 1)
    if len(data) > MOST_DOCUMENT_BYTES:
        yield _refused(name, f"The file is larger than {MOST_DOCUMENT_BYTES} bytes.")
        return
    yield Block(name, data, kind.syntax, kind.codec, weight=position.advanced(), leads=leads)


def _lines(name: str, stream: IO[bytes], position: _Position | _Fixed, *, leads: bool) -> Iterator[Block | Refusal]:
    number = first = 1
    gathered: list[bytes] = []
    size = 0

    def block() -> Block:
        return Block(name, b"".join(gathered), "ndjson", line=first, weight=position.advanced(), leads=leads)

    while line := stream.readline(MOST_LINE_BYTES):
        if len(line) >= MOST_LINE_BYTES and not line.endswith(b"\n"):
            if gathered:
                yield block()
            text = f"Line {number} is longer than {MOST_LINE_BYTES} bytes; nothing after it was read."
            yield _refused(name, text, line=number)
            return
        gathered.append(line)
        size += len(line)
        number += 1
        if len(gathered) >= MOST_RESOURCES or size >= MOST_BYTES:
            yield block()
            gathered, size, first = [], 0, number
    if gathered:
        yield block()


def opened(stream: IO[bytes], codec: Codec | None) -> IO[bytes]:
    """Return a stream of what is compressed in another one."""
    match codec:
        case "gz":
            return cast(IO[bytes], gzip.GzipFile(fileobj=stream))
        case "bz2":
            return cast(IO[bytes], bz2.BZ2File(stream))
        case "xz":
            return cast(IO[bytes], lzma.LZMAFile(stream))
        case None:
            return stream


def _refused(source: str, text: str, line: int | None = None) -> Refusal:
    issue = Issue("error", Failure.MALFORMED.issue_code, text)
    return Refusal(Place(source, line), "", (issue,))


def _reason(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
