"""The form of an answer: what `_format`, `_pretty` and Accept ask for, and what fhirhub can give.

https://hl7.org/fhir/R4/http.html#mime-type, https://hl7.org/fhir/R4/http.html#version-parameter
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal

from fhirhub.errors import Failure, FhirError
from fhirhub.http.fields import MediaType, parse_media_type, parse_ranges
from fhirhub.model.url import Query
from fhirhub.plugin import Format as Added
from fhirhub.settings import ConfigurationError

Syntax = Literal["json", "xml", "added"]

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
# Of two types a range allows equally, the earlier is given.
_OFFERS: Final = tuple(RESOURCE_TYPES)


@dataclass(frozen=True, slots=True)
class Format:
    """How to write a resource.

    Arguments:
        syntax, content_type: of the answer.
        pretty: indented for people.
        added: what a plugin has added; None where the syntax is JSON or XML.
    """

    syntax: Syntax
    content_type: str
    pretty: bool = False
    added: Added | None = None


class Offers:
    """What this server can give besides JSON and XML.

    Arguments:
        added: what plugins have added, with their names.

    Raises ConfigurationError: two have a name or media type in common, or have one of FHIR's.
    """

    def __init__(self, added: Iterable[tuple[str, Added]] = ()) -> None:
        owners = dict.fromkeys((*RESOURCE_TYPES, *_SHORT), "fhirhub")
        found: dict[str, Added] = {}
        for plugin, each in added:
            if not _NAME.fullmatch(each.name) or not _ESSENCE.fullmatch(each.media_type):
                raise ConfigurationError(
                    f"Plugin {plugin}: a format is named in lower case letters, digits and hyphens, and its media type "
                    f"has no parameters: {each.name!r}, {each.media_type!r}."
                )
            for name in (each.name, each.media_type):
                if (other := owners.setdefault(name, plugin)) != plugin or name in found:
                    raise ConfigurationError(f"Plugins {other} and {plugin} both have a format {name}.")
                found[name] = each
        self._found: Mapping[str, Added] = MappingProxyType(found)
        self.media_types: Final = tuple(dict.fromkeys(each.media_type for each in found.values()))
        types = [*FHIR_TYPES, *self.media_types]
        self.text: Final = f"{', '.join(types[:-1])} and {types[-1]}"

    def get(self, name: str) -> Added | None:
        """Return the format of a name or media type."""
        return self._found.get(name)


_BLANK: Final = re.compile(r"(?<=[a-z]) (?=[a-z])", re.I)
_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")
_ESSENCE: Final = re.compile(r"[a-z]+/[a-z0-9.+-]+")
FHIR_ALONE: Final = Offers()

JSON: Final = Format("json", "application/fhir+json; charset=utf-8")


def negotiate(query: Query, accept: str, offers: Offers = FHIR_ALONE) -> tuple[Format | None, Query]:
    """Choose the format of the answer and return it with the parameters that are left.

    None: nothing that Accept lists can be given. `_format` beats Accept. Raises FhirError (NOT_ACCEPTABLE) for a
    `_format` that cannot be given, or for a `_pretty` that is neither true nor false.
    """
    if not query:
        return accepted(accept, offers), query
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
        return accepted(accept, offers), query
    chosen = accepted(accept, offers) if named is None else _named(named, offers)
    return replace(chosen, pretty=pretty) if pretty and chosen is not None else chosen, tuple(rest)


def wants_native(query: Query, accept: str) -> bool:
    """Whether the content of a Binary is asked for: nothing names a FHIR format, or elements of the resource."""
    return not any(name in _OF_RESOURCES for name, _ in query) and not _names_fhir(accept)


def not_acceptable(accept: str, offers: Offers = FHIR_ALONE) -> FhirError:
    """The refusal of an Accept header."""
    return FhirError(Failure.NOT_ACCEPTABLE, f"Accept asks for {accept!r}; this server answers in {offers.text}.")


@lru_cache(512)
def accepted(accept: str, offers: Offers = FHIR_ALONE) -> Format | None:
    """The best format an Accept header allows, None where it allows none."""
    if not accept.strip():
        return JSON
    ranges = parse_ranges(accept)
    best: Format | None = None
    best_quality = 0.0
    # In the client's order, so that of two types it wants equally the one named first is given.
    named = (each for each, _ in ranges if each.essence in RESOURCE_TYPES or each.essence in offers.media_types)
    for candidate in (*named, *map(MediaType, _OFFERS)):
        weight = _weight(candidate, ranges)
        if weight > best_quality:
            best, best_quality = _format(candidate, offers), weight
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
def _named(value: str, offers: Offers) -> Format:
    # A plus sign that was not escaped in the URL has arrived as a blank.
    text = _BLANK.sub("+", value.strip())
    if (added := offers.get(text.lower())) is not None:
        return _format(MediaType(added.media_type), offers)
    media_type = parse_media_type(_SHORT.get(text.lower(), text))
    known = media_type is not None and (
        media_type.essence in RESOURCE_TYPES or media_type.essence in offers.media_types
    )
    if media_type is None or not known or not _this_version(media_type):
        raise FhirError(Failure.NOT_ACCEPTABLE, f"_format asks for {value!r}; this server answers in {offers.text}.")
    return _format(media_type, offers)


def _format(media_type: MediaType, offers: Offers) -> Format:
    if (added := offers.get(media_type.essence)) is not None:
        is_text = added.media_type.startswith("text/")
        return Format("added", f"{added.media_type}{'; charset=utf-8' if is_text else ''}", added=added)
    version = media_type.parameter("fhirversion")
    said = "" if version is None else f"; fhirVersion={version}"
    return Format(RESOURCE_TYPES[media_type.essence], f"{media_type.essence}{said}; charset=utf-8")


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise FhirError(Failure.BAD_VALUE, f"_pretty is true or false, not {value!r}.")
    return value == "true"
