"""From one value of an element to the index entries it gives a parameter, by parameter type and data type.

https://hl7.org/fhir/R4/search.html#token, #string, #uri, #reference, #date and #special
"""

from collections.abc import Callable, Mapping
from datetime import tzinfo
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final

from fhirhub.definitions import SearchParameter, SearchParameterType, r4
from fhirhub.fhirpath import FhirPathError, compile_expression
from fhirhub.model.json import Json
from fhirhub.model.reference import parse_reference
from fhirhub.search import keys
from fhirhub.search.collector import Collector, Converter, Pairs
from fhirhub.search.dates import Range, date_range, period_range, timing_range
from fhirhub.search.index_numbers import NUMBER_CONVERTERS, QUANTITY_CONVERTERS
from fhirhub.search.paths import branches
from fhirhub.search.phonetic import keys_of
from fhirhub.search.values import Point


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
    text = value.get("value")
    if text and "type" in value:
        for coding in value["type"].get("coding", ()):
            if coding.get("code") and coding.get("system"):
                kind = f"{keys.whole(coding['code'])}|{keys.system_id(coding['system'])}"
                into.tokens[f"{code}:of-type={kind}|{keys.whole(text)}"] = None
    return _coded(code, text, value.get("system"), into)


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


def _sound(code: str, value: str, into: Collector) -> bool:
    found = keys_of(value)
    into.tokens |= dict.fromkeys(f"{code}={key}" for key in found)
    return bool(found)


def _parts(*names: str, each: Converter = _string) -> Converter:
    """A type whose every textual part is a value of its own."""

    def convert(code: str, value: Json, into: Collector) -> bool:
        found = False
        for name in names:
            part = value.get(name)
            for text in part if isinstance(part, list) else (part,):
                # A part may be null in an array that carries extensions.
                if text:
                    found = each(code, text, into) or found
        return found

    return convert


def _text(code: str, value: Json, into: Collector) -> bool:
    text = value.get("text")
    return text is not None and _string(code, text, into)


def _uri(code: str, value: str, into: Collector) -> bool:
    into.tokens[f"{code}={keys.uri_key(value)}"] = None
    return True


def _canonical(code: str, value: str, into: Collector) -> bool:
    """Found with its version and without, never by a fragment of it."""
    url, bar, _ = value.partition("#")[0].partition("|")
    if bar:
        _uri(code, value.partition("#")[0], into)
    return bool(url) and _uri(code, url, into)


def _pointer(code: str, value: str, into: Collector) -> bool:
    """A canonical or uri that serves as a reference: below the base URL it is found as a local one."""
    if value.startswith("#"):
        into.put_held(code, value[1:])
    url, bar, _ = value.partition("#")[0].partition("|")
    key = keys.reference_key(url, into.base_url)
    if key is None:
        return False
    if bar:
        into.tokens[f"{code}={keys.whole(value.partition('#')[0])}"] = None
    into.tokens[f"{code}={key}"] = None
    return True


def _reference(code: str, value: Json, into: Collector) -> bool:
    found = False
    literal = value.get("reference")
    if literal and (key := keys.reference_key(literal, into.base_url)):
        into.tokens[f"{code}={key}"] = None
        found = True
    elif literal and literal.startswith("#"):
        into.put_held(code, literal[1:])
    identifier = value.get("identifier")
    if identifier:
        # Kept apart from the literal keys: a bare `code` would otherwise be the prefix of both.
        _coded(f"{code}:identifier", identifier.get("value"), identifier.get("system"), into)
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


def _position(code: str, value: Json, into: Collector) -> bool:
    """A place is no key: the answer tells to note that there is one."""
    latitude, longitude = value.get("latitude"), value.get("longitude")
    # Others are no places on earth, and no index of places takes them.
    if latitude is not None and longitude is not None and abs(latitude) <= 90 and abs(longitude) <= 180:
        into.points[Point(float(latitude), float(longitude))] = None
    return False


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
            **dict.fromkeys((*_TEXTS, "System.String"), _code),
        },
        "string": {
            "HumanName": _NAME_PARTS,
            "Address": _ADDRESS_PARTS,
            "CodeableConcept": _text,
            "Extension": _extension("string"),
            **dict.fromkeys((*_TEXTS, "System.String"), _string),
        },
        "uri": {
            "canonical": _canonical,
            "Extension": _extension("uri"),
            **dict.fromkeys(("uri", "url", "oid", "uuid", "string", "System.String"), _uri),
        },
        "reference": {
            "Reference": _reference,
            "Extension": _extension("reference"),
            **dict.fromkeys(("canonical", "uri", "url"), _pointer),
        },
        "date": {
            **dict.fromkeys(("date", "dateTime", "instant", "System.Date", "System.DateTime"), _dated(date_range)),
            "Period": _dated(period_range),
            "Timing": _dated(timing_range),
            "Extension": _extension("date"),
        },
        "number": {**NUMBER_CONVERTERS, "Extension": _extension("number")},
        "quantity": {**QUANTITY_CONVERTERS, "Extension": _extension("quantity")},
        "special": {"Location.position": _position},
    }
)
"""By type of the parameter and type of the value. A pair that is not here gives no entry (a free text for a date).

Expressions that compute something end in types of the System.
"""


def selection(expression: str, type_name: str) -> Callable[[Json], Pairs]:
    """Return what finds the values of an expression on values of a type.

    It raises FhirPathError where that fails; always, if the expression is none.
    """
    try:
        return compile_expression(expression, type_name).select
    except FhirPathError as error:
        return _failing(str(error))


def _failing(reason: str) -> Callable[[Json], Pairs]:
    # An expression someone brought shall not keep resources from being written.
    def select(resource: Json) -> Pairs:
        raise FhirPathError(reason)

    return select


def convert_all(code: str, converters: Mapping[str, Converter], values: Pairs, into: Collector) -> None:
    """Add the entries of all values of a parameter, of which there is one at least, each with its type."""
    found = False
    for type_name, value in values:
        converter = converters.get(type_name)
        if converter is not None and converter(code, value, into):
            found = True
    if not found:
        # Not missing, although nothing in it can be searched for.
        into.tokens[f"{code}="] = None


SYSTEMLESS: Final = frozenset({"boolean", "ContactPoint", *_TEXTS})
"""Types whose token keys never carry a system."""


_BY_SOUND: Final[Mapping[str, Converter]] = MappingProxyType(
    {"HumanName": _parts("text", "family", "given", each=_sound), "string": _sound}
)


def converters_of(parameter: SearchParameter) -> Mapping[str, Converter]:
    """Return the converters of a parameter by type of the value; `phonetic` is compared by sound."""
    return _BY_SOUND if parameter.code == "phonetic" else CONVERTERS[parameter.type]


NOT_INDEXED: Final = frozenset({"_id", "_lastUpdated"})
"""Parameters whose values the store keeps apart from the index entries."""


def is_indexed(parameter: SearchParameter, resource_type: str) -> bool:
    """Whether the index entries of a resource of the type can hold values of a parameter."""
    if parameter.code in NOT_INDEXED:
        return False
    if parameter.type == "special" and (parameter.code, resource_type) != ("near", "Location"):
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
