"""The form of an answer: what `_format`, `_pretty` and Accept ask for, and what fhirhub can give.

https://hl7.org/fhir/R4/http.html#mime-type, https://hl7.org/fhir/R4/http.html#version-parameter
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

from fhirhub.errors import Failure, FhirError
from fhirhub.http.fields import MediaType, parse_media_type, parse_ranges
from fhirhub.model.url import Query

Syntax = Literal["json", "xml"]

FHIR_TYPES: Final[dict[str, Syntax]] = {"application/fhir+json": "json", "application/fhir+xml": "xml"}
GENERIC_TYPES: Final[dict[str, Syntax]] = {
    "application/json": "json",
    "text/json": "json",
    "application/xml": "xml",
    "text/xml": "xml",
}
RESOURCE_TYPES: Final = FHIR_TYPES | GENERIC_TYPES
FHIR_VERSIONS: Final = ("4.0", "4.0.0", "4.0.1")

_OF_RESOURCES: Final = frozenset({"_format", "_summary", "_elements"})
PRESENTATION: Final = ("_format", "_pretty")
"""The parameters that say how the answer is written."""

_SHORT: Final = {"json": "application/fhir+json", "xml": "application/fhir+xml"}
_OFFERED: Final = "application/fhir+json and application/fhir+xml"
# Of two types a range allows equally, the earlier is given.
_OFFERS: Final = tuple(RESOURCE_TYPES)


@dataclass(frozen=True, slots=True)
class Format:
    """How to write a resource: its syntax, the Content-Type that says so, indented for people or not."""

    syntax: Syntax
    content_type: str
    pretty: bool = False


JSON: Final = Format("json", "application/fhir+json; charset=utf-8")


def negotiate(query: Query, accept: str) -> tuple[Format | None, Query]:
    """Choose the format of the answer and return it with the parameters that are left.

    None: nothing that Accept lists can be given. `_format` beats Accept. Raises FhirError (NOT_ACCEPTABLE) for a
    `_format` that cannot be given, or for a `_pretty` that is neither true nor false.
    """
    if not query:
        return accepted(accept), query
    named: str | None = None
    pretty = False
    rest: list[tuple[str, str]] = []
    for name, value in query:
        if name == "_format":
            named = value
        elif name == "_pretty":
            pretty = _boolean(value)
        else:
            rest.append((name, value))
    if len(rest) == len(query):
        return accepted(accept), query
    chosen = accepted(accept) if named is None else _named(named)
    return replace(chosen, pretty=pretty) if pretty and chosen is not None else chosen, tuple(rest)


def wants_native(query: Query, accept: str) -> bool:
    """Whether the content of a Binary is asked for: nothing names a FHIR format, or elements of the resource."""
    return not any(name in _OF_RESOURCES for name, _ in query) and not _names_fhir(accept)


def not_acceptable(accept: str) -> FhirError:
    """The refusal of an Accept header."""
    return FhirError(Failure.NOT_ACCEPTABLE, f"Accept asks for {accept!r}; this server answers in {_OFFERED}.")


@lru_cache(512)
def accepted(accept: str) -> Format | None:
    """The best format an Accept header allows, None where it allows none."""
    if not accept.strip():
        return JSON
    ranges = parse_ranges(accept)
    best: Format | None = None
    best_quality = 0.0
    # In the client's order, so that of two types it wants equally the one named first is given.
    for candidate in (*(each for each, _ in ranges if each.essence in RESOURCE_TYPES), *map(MediaType, _OFFERS)):
        weight = _weight(candidate, ranges)
        if weight > best_quality:
            best, best_quality = _format(candidate), weight
    return best


@lru_cache(512)
def _names_fhir(accept: str) -> bool:
    return any(each.essence in FHIR_TYPES and weight > 0 for each, weight in parse_ranges(accept))


def _weight(candidate: MediaType, ranges: tuple[tuple[MediaType, float], ...]) -> float:
    """The quality of the most specific range that matches, 0 without one (RFC 9110, section 12.5.1)."""
    kind = candidate.essence.partition("/")[0]
    if not _this_version(candidate):
        return 0.0
    matches = [
        (specific, weight)
        for each, weight in ranges
        if (specific := {candidate.essence: 3, f"{kind}/*": 2, "*/*": 1}.get(each.essence, 0)) and _this_version(each)
    ]
    return max(matches, key=lambda match: match[0], default=(0, 0.0))[1]


def _this_version(media_type: MediaType) -> bool:
    version = media_type.parameter("fhirversion")
    return version is None or version in FHIR_VERSIONS


@lru_cache(512)
def _named(value: str) -> Format:
    # A plus sign that was not escaped in the URL has arrived as a blank.
    text = value.strip().replace("fhir json", "fhir+json").replace("fhir xml", "fhir+xml")
    media_type = parse_media_type(_SHORT.get(text.lower(), text))
    if media_type is None or media_type.essence not in RESOURCE_TYPES or not _this_version(media_type):
        raise FhirError(Failure.NOT_ACCEPTABLE, f"_format asks for {value!r}; this server answers in {_OFFERED}.")
    return _format(media_type)


def _format(media_type: MediaType) -> Format:
    version = media_type.parameter("fhirversion")
    said = "" if version is None else f"; fhirVersion={version}"
    return Format(RESOURCE_TYPES[media_type.essence], f"{media_type.essence}{said}; charset=utf-8")


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise FhirError(Failure.BAD_VALUE, f"_pretty is true or false, not {value!r}.")
    return value == "true"
