"""From one value of an element to the index entries it gives a parameter, by parameter type and data type.

https://hl7.org/fhir/R4/search.html#token, #string, #uri, #reference and #date
"""

from collections.abc import Callable, Mapping
from datetime import tzinfo
from decimal import Decimal
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final

from fhirhub.definitions import SearchParameter, SearchParameterType, r4
from fhirhub.model.json import Json
from fhirhub.model.reference import parse_reference
from fhirhub.search import keys
from fhirhub.search.dates import Range, date_range, period_range, timing_range
from fhirhub.search.paths import branches
from fhirhub.search.site import Site


class Collector:
    """Gathers the entries of one resource; dictionaries because they drop duplicates and keep the order.

    `dates` and `numbers` hold the fields of `RangeEntry`, which take less time to compare than the entries themselves.
    """

    __slots__ = ("base_url", "dates", "numbers", "site", "tokens")

    def __init__(self, site: Site) -> None:
        self.site = site
        self.base_url = site.base_url
        self.tokens: dict[str, None] = {}
        self.dates: dict[tuple[str, int, int], None] = {}
        self.numbers: dict[tuple[str, Decimal, Decimal], None] = {}


Converter = Callable[[str, Any, Collector], bool]
"""Takes a parameter's code and a value; adds entries and returns whether there were any."""


def _coded(code: str, value: str | None, system: str | None, into: Collector) -> bool:
    if system:
        short = keys.system_id(system)
        if value:
            into.tokens[f"{code}={keys.whole(value)}|{short}"] = None
        into.tokens[f"{code}=|{short}"] = None
        return True
    if value:
        into.tokens[f"{code}={keys.whole(value)}|"] = None
        return True
    return False


def _coding(code: str, value: Json, into: Collector) -> bool:
    return _coded(code, value.get("code"), value.get("system"), into)


def _codeable_concept(code: str, value: Json, into: Collector) -> bool:
    found = False
    for coding in value.get("coding", ()):
        found = _coded(code, coding.get("code"), coding.get("system"), into) or found
    return found


def _identifier(code: str, value: Json, into: Collector) -> bool:
    return _coded(code, value.get("value"), value.get("system"), into)


def _contact_point(code: str, value: Json, into: Collector) -> bool:
    return _coded(code, value.get("value"), None, into)


def _code(code: str, value: str, into: Collector) -> bool:
    return _coded(code, value, None, into)


def _boolean(code: str, value: bool, into: Collector) -> bool:
    into.tokens[f"{code}={'true' if value else 'false'}|"] = None
    return True


def _string(code: str, value: str, into: Collector) -> bool:
    into.tokens[f"{code}={keys.string_key(value)}"] = None
    return True


def _parts(*names: str) -> Converter:
    """A type whose every textual part is a value of its own."""

    def convert(code: str, value: Json, into: Collector) -> bool:
        found = False
        for name in names:
            part = value.get(name)
            for text in part if isinstance(part, list) else (part,):
                # A part may be null in an array that carries extensions.
                if text:
                    found = _string(code, text, into)
        return found

    return convert


def _text(code: str, value: Json, into: Collector) -> bool:
    text = value.get("text")
    return text is not None and _string(code, text, into)


def _uri(code: str, value: str, into: Collector) -> bool:
    into.tokens[f"{code}={keys.whole(value)}"] = None
    return True


def _canonical(code: str, value: str, into: Collector) -> bool:
    """Found with its version and without, never by a fragment of it."""
    url, bar, _ = value.partition("#")[0].partition("|")
    if bar:
        _uri(code, value.partition("#")[0], into)
    return bool(url) and _uri(code, url, into)


def _pointer(code: str, value: str, into: Collector) -> bool:
    """A canonical or uri that serves as a reference: below the base URL it is found as a local one."""
    url, bar, _ = value.partition("#")[0].partition("|")
    key = keys.reference_key(url, into.base_url)
    if key is None:
        return False
    if bar:
        _uri(code, value.partition("#")[0], into)
    into.tokens[f"{code}={key}"] = None
    return True


def _reference(code: str, value: Json, into: Collector) -> bool:
    found = False
    literal = value.get("reference")
    if literal and (key := keys.reference_key(literal, into.base_url)):
        into.tokens[f"{code}={key}"] = None
        found = True
    identifier = value.get("identifier")
    if identifier:
        # Kept apart from the literal keys: a bare `code` would otherwise be the prefix of both.
        _identifier(f"{code}:identifier", identifier, into)
    return found


def embedded(code: str, value: Json, into: Collector) -> bool:
    """A resource that stands where a reference could point to it: the first one of a document or message."""
    if "id" not in value:
        return False
    into.tokens[f"{code}={value['resourceType']}/{value['id']}"] = None
    return True


def _dated(read: Callable[[Any, tzinfo], Range | None]) -> Converter:
    def convert(code: str, value: Any, into: Collector) -> bool:
        covered = read(value, into.site.zone)
        if covered is None:
            return False
        into.dates[code, covered[0], covered[1]] = None
        return True

    return convert


def _extension(kind: SearchParameterType) -> Converter:
    """An expression that ends in an extension means the extension's value."""

    def convert(code: str, value: Json, into: Collector) -> bool:
        for name, type_name in _extension_types().items():
            if name in value:
                inner = CONVERTERS[kind].get(type_name)
                return inner is not None and inner(code, value[name], into)
        return False

    return convert


@cache
def _extension_types() -> Mapping[str, str]:
    return MappingProxyType({element.name: element.type for element in r4().type("Extension").choices["value"]})


_TEXTS: Final = ("string", "markdown", "code", "id", "uri", "url", "canonical", "oid", "uuid")
_NAME_PARTS: Final = _parts("text", "family", "given", "prefix", "suffix")
_ADDRESS_PARTS: Final = _parts("text", "line", "city", "district", "state", "postalCode", "country")

CONVERTERS: Final[Mapping[SearchParameterType, Mapping[str, Converter]]] = MappingProxyType(
    {
        "token": {
            "CodeableConcept": _codeable_concept,
            "Coding": _coding,
            "Identifier": _identifier,
            "ContactPoint": _contact_point,
            **dict.fromkeys(("boolean", "System.Boolean"), _boolean),
            "Extension": _extension("token"),
            **dict.fromkeys(_TEXTS, _code),
        },
        "string": {
            "HumanName": _NAME_PARTS,
            "Address": _ADDRESS_PARTS,
            "CodeableConcept": _text,
            "Extension": _extension("string"),
            **dict.fromkeys(_TEXTS, _string),
        },
        "uri": {
            "canonical": _canonical,
            "Extension": _extension("uri"),
            **dict.fromkeys(("uri", "url", "oid", "uuid", "string"), _uri),
        },
        "reference": {
            "Reference": _reference,
            "Extension": _extension("reference"),
            **dict.fromkeys(("canonical", "uri", "url"), _pointer),
        },
        "date": {
            **dict.fromkeys(("date", "dateTime", "instant"), _dated(date_range)),
            "Period": _dated(period_range),
            "Timing": _dated(timing_range),
            "Extension": _extension("date"),
        },
    }
)
"""By type of the parameter and type of the value. A pair that is not here gives no entry (a free text for a date)."""

SYSTEMLESS: Final = frozenset({"boolean", "ContactPoint", *_TEXTS})
"""Types whose token keys never carry a system."""


NOT_INDEXED: Final = frozenset({"_id", "_lastUpdated", "phonetic"})
"""Parameters whose values the store keeps apart from the index entries, and one that asks for a comparison by sound."""


def is_indexed(parameter: SearchParameter, resource_type: str) -> bool:
    """Whether the index entries of a resource of the type can hold values of a parameter."""
    if parameter.code in NOT_INDEXED or parameter.type not in CONVERTERS:
        return False
    return bool(branches(parameter, resource_type))


def points_to(reference: Json, resource: Json) -> str | None:
    """Return the type of resource a Reference points to, as far as it tells; None where it does not."""
    literal = reference.get("reference")
    if literal:
        if literal.startswith("#"):
            held = (inner for inner in resource.get("contained", ()) if inner.get("id") == literal[1:])
            return next((inner["resourceType"] for inner in held), None)
        return _named_type(literal) or reference.get("type")
    return reference.get("type")


@lru_cache(maxsize=8192)
def _named_type(literal: str) -> str | None:
    parsed = parse_reference(literal)
    return parsed.resource_type if parsed is not None else None
