"""NDJSON: a resource in each line, so that a page of a search goes into a table or a file without a Bundle around it.

https://hl7.org/fhir/R4/nd-json.html
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fhirhub.plugin import Failure, FhirError, Format, Json, decode_json, encode_json, hook

MEDIA_TYPE: Final = "application/fhir+ndjson"


@hook
def fhirhub_register_formats(settings: Any) -> Sequence[Format]:
    """Return the format."""
    return [Format("ndjson", MEDIA_TYPE, ndjson, resource)]


def ndjson(answer: Json) -> bytes:
    """Return the resources of a searchset, or the one resource, a line each.

    Raises FhirError: another Bundle, whose entries say more than their resources do (a deletion, a status).
    """
    return b"".join(encode_json(each) + b"\n" for each in _resources(answer))


def resource(body: bytes) -> Json:
    """Return the resource of the only line of a body. Raises FhirError: there are more, or it is none."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) != 1:
        text = (
            f"A request has one resource, and the body has {len(lines)} lines; `fhirhub load` takes many, or a Bundle."
        )
        raise FhirError(Failure.MALFORMED, text)
    found = decode_json(lines[0])
    if not isinstance(found, dict):
        raise FhirError(Failure.MALFORMED, "The line is not a resource: it has to be one JSON object.")
    return found


def _resources(answer: Json) -> Iterator[Json]:
    if answer["resourceType"] != "Bundle":
        yield answer
        return
    if answer["type"] not in ("searchset", "collection"):
        text = f"Lines of resources cannot tell all that a Bundle of type {answer['type']} does; ask for JSON or XML."
        raise FhirError(Failure.NOT_ACCEPTABLE, text)
    for entry in answer.get("entry", ()):
        if "resource" in entry:
            yield entry["resource"]
