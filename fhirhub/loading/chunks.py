"""Chunks: the work that is handed to one process at a time, small enough that memory stays flat.

A block is a piece of one file: some lines of NDJSON, or a whole document. A chunk is some blocks that are written
together. https://hl7.org/fhir/R4/nd-json.html
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from fhirhub.loading.results import Refusal, Skipped

Syntax = Literal["json", "xml", "ndjson"]
Codec = Literal["gz", "bz2", "xz"]

MOST_RESOURCES: Final = 500
"""Lines or documents of a chunk, and resources of one database transaction."""

MOST_BYTES: Final = 4 * 1024 * 1024
"""Bytes after which a chunk is full."""

# FHIR JSON compresses about that well.
_EXPANSION: Final = 16


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of one file.

    Arguments:
        source: the name to report it by.
        data: its bytes, still compressed where `codec` says so.
        line: where it begins in its file, from 1; only for NDJSON.
        weight: how many bytes of the disk it stands for.
        leads: the file is to be loaded before those that do not lead.
    """

    source: str
    data: bytes
    syntax: Syntax
    codec: Codec | None = None
    line: int = 1
    weight: int = 0
    leads: bool = False

    @property
    def is_full(self) -> bool:
        """Whether it makes a chunk of its own. NDJSON was cut into chunks when it was read."""
        return self.syntax == "ndjson" or self.size >= MOST_BYTES

    @property
    def size(self) -> int:
        """Bytes to work on, roughly."""
        return len(self.data) * (_EXPANSION if self.codec else 1)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Blocks that one process writes, in their order; all of them lead or none."""

    blocks: tuple[Block, ...]

    @property
    def weight(self) -> int:
        """Bytes of the disk it stands for."""
        return sum(block.weight for block in self.blocks)

    @property
    def leads(self) -> bool:
        """Whether it is to be written before all that do not lead."""
        return self.blocks[0].leads


def chunked(found: Iterable[Block | Refusal | Skipped]) -> Iterator[Chunk | Refusal | Skipped]:
    """Gather small documents to chunks, keeping the order. What is no block passes through."""
    gathered: list[Block] = []
    size = 0
    for each in found:
        if not isinstance(each, Block):
            yield each
            continue
        if gathered and (each.is_full or each.leads != gathered[0].leads):
            yield Chunk(tuple(gathered))
            gathered, size = [], 0
        gathered.append(each)
        size += each.size
        if each.is_full or size >= MOST_BYTES or len(gathered) >= MOST_RESOURCES:
            yield Chunk(tuple(gathered))
            gathered, size = [], 0
    if gathered:
        yield Chunk(tuple(gathered))
