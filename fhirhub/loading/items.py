"""From blocks to resources: decompressed, parsed, each with its place.

https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/nd-json.html
"""

import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fhirhub.errors import Failure, FhirError
from fhirhub.loading.chunks import Block
from fhirhub.loading.results import Place, Refusal
from fhirhub.loading.sources import MOST_DOCUMENT_BYTES, opened
from fhirhub.model.json import Json, decode

ParseXml = Callable[[bytes], Json]
"""Reads FHIR XML, or raises FhirError."""

_MARK = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Item:
    """A resource to load, and the JSON it was parsed from; None where it came as XML."""

    place: Place
    resource: Json
    text: bytes | None

    @property
    def document(self) -> bytes | None:
        """The text in which to look for the line of an error; a line of NDJSON has only one."""
        return self.text if self.place.line is None else None

    @property
    def resource_type(self) -> str:
        """What it says it is, "" when it does not."""
        said = self.resource.get("resourceType")
        return said if isinstance(said, str) else ""

    @property
    def name(self) -> str:
        """`Type/id`, `Type` or ""."""
        return named(self.resource)


def named(resource: object) -> str:
    """Return `Type/id` or `Type` of a resource, "" for what does not say its type."""
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        return ""
    logical_id = resource.get("id")
    return f"{resource['resourceType']}/{logical_id}" if isinstance(logical_id, str) else resource["resourceType"]


def items(block: Block, parse_xml: ParseXml) -> Iterator[Item | Refusal]:
    """Yield what is in a block, or why it cannot be read."""
    if block.syntax == "ndjson":
        yield from _lines(block)
        return
    place = Place(block.source)
    try:
        data = _decompressed(block)
        if block.syntax == "xml":
            yield Item(place, parse_xml(data), None)
        else:
            yield Item(place, _object(data), data)
    except FhirError as error:
        yield Refusal(place, "", error.issues)


def _lines(block: Block) -> Iterator[Item | Refusal]:
    for number, line in enumerate(block.data.removeprefix(_MARK).split(b"\n"), block.line):
        text = line.strip(_BLANK)
        if not text:
            continue
        place = Place(block.source, number)
        try:
            yield Item(place, _object(text), text)
        except FhirError as error:
            yield Refusal(place, "", error.issues)


def _object(data: bytes) -> Json:
    resource = decode(data)
    if not isinstance(resource, dict):
        raise FhirError(Failure.MALFORMED, "This is not a resource: it has to be one JSON object.")
    return resource


def _decompressed(block: Block) -> bytes:
    if block.codec is None:
        return block.data.removeprefix(_MARK)
    try:
        data = opened(io.BytesIO(block.data), block.codec).read(MOST_DOCUMENT_BYTES + 1)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise FhirError(Failure.MALFORMED, f"The file cannot be decompressed: {str(error).rstrip('.')}.") from None
    if len(data) > MOST_DOCUMENT_BYTES:
        raise FhirError(Failure.TOO_LARGE, f"The file is larger than {MOST_DOCUMENT_BYTES} bytes when decompressed.")
    return data.removeprefix(_MARK)
