"""The operators of `_filter`, by type of the parameter.

https://hl7.org/fhir/R4/search_filter.html

What an index of values cannot tell exactly is refused: that there is *another* value (`ne`) where there can be several,
and the order of texts.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fhirhub.definitions import SearchParameter, SearchParameterType
from fhirhub.errors import Failure, FhirError
from fhirhub.search import keys, syntax
from fhirhub.search.criterion import Criterion
from fhirhub.search.dates import date_range
from fhirhub.search.filter import Filter, RangeIs, TokenHas, TokenStartsWith, all_of, none_of
from fhirhub.search.folding import fold
from fhirhub.search.leading import is_single
from fhirhub.search.predicates import kind_of, predicate
from fhirhub.search.site import Site
from fhirhub.search.syntax import bad_value

_SYSTEMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "loinc": "http://loinc.org",
        "snomed": "http://snomed.info/sct",
        "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
        "ucum": "http://unitsofmeasure.org",
    }
)
"""Short names of code systems, which expressions may use."""

_ORDERED: Final[tuple[SearchParameterType, ...]] = ("date", "number", "quantity")
_PREFIXES: Final = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_MODIFIERS: Final[Mapping[str, str]] = MappingProxyType({"ss": "below", "sb": "above", "in": "in", "ni": "not-in"})
"""`ss` asks for values that subsume what is there, which is then below them."""


def compared(
    parameter: SearchParameter, resource_type: str, modifier: str | None, operator: str, value: str, site: Site
) -> Filter:
    """Return the filter of one comparison.

    Raises FhirError: an operator the type of the parameter does not have, a value that is none of the type.
    """

    def plain(text: str, modifier: str | None = modifier) -> Filter:
        return predicate(Criterion(parameter, resource_type, modifier, text, site))

    code, kind = parameter.code, kind_of(parameter)
    escaped = _escaped(kind, value)
    match operator, kind:
        case _ if modifier is not None and operator not in ("eq", "re"):
            raise bad_value(code, f"{operator} cannot be joined with the modifier :{modifier}.")
        case "pr", _:
            if value not in ("true", "false"):
                raise bad_value(code, f"pr takes true or false, not {value[:80]!r}.")
            return plain("false" if value == "true" else "true", "missing")
        case "eq", "string" if modifier is None:
            return _text_equals(code, value)
        case "po", "date":
            return _overlaps(code, value, site) if code != "_lastUpdated" else plain(f"eq{escaped}")
        case _ if operator in _PREFIXES and kind in _ORDERED:
            return plain(f"{operator}{escaped}")
        case "eq", _:
            return plain(escaped)
        case "re", "reference":
            return plain(escaped)
        case "ne", "string" | "token" | "uri" | "reference" if is_single(parameter, resource_type):
            equal = _text_equals(code, value) if kind == "string" else plain(escaped)
            return all_of([plain("false", "missing"), none_of(equal)])
        case "co", "string":
            return plain(escaped, "contains")
        case "sw", "string":
            return plain(escaped)
        case "ew", "string":
            return TokenHas(f"{code}=", _folded(code, value), at_end=True)
        case _ if operator in _MODIFIERS and kind == "token":
            return plain(escaped, _MODIFIERS[operator])
    raise FhirError(Failure.NOT_SUPPORTED, f"Search parameter {code}: {_refusal(operator, parameter)}")


def _refusal(operator: str, parameter: SearchParameter) -> str:
    code, kind = parameter.code, kind_of(parameter)
    if operator == "ne" and kind in ("string", "token", "uri", "reference"):
        return f"a resource can have several values of {code}, so ne is not supported; write not({code} eq ...)."
    return f"{operator} is not supported for {f'parameters of type {kind}' if kind == parameter.type else code}."


def _escaped(kind: SearchParameterType, value: str) -> str:
    """Return a value as it would stand in a parameter of its own, where bars and dollars keep what they mean there."""
    parts = value.split("|")
    place = {"token": 0, "quantity": 1}.get(kind)
    if place is not None and len(parts) > place + 1:
        parts[place] = _SYSTEMS.get(parts[place], parts[place])
        value = "|".join(parts)
    kept = {"token": "|", "quantity": "|", "composite": "|$", "special": "|"}.get(kind, "")
    return "".join(f"\\{char}" if char in syntax.ESCAPABLE and char not in kept else char for char in value)


def _folded(code: str, value: str) -> str:
    folded = fold(value)
    if not folded:
        raise bad_value(code, f"{value!r} has no character that counts in a comparison.")
    if len(folded) >= keys.STRING_LIMIT:
        raise bad_value(
            code, f"texts of {keys.STRING_LIMIT} characters and more cannot be compared; shorten the value."
        )
    return keys.escape(folded)


def _text_equals(code: str, value: str) -> Filter:
    return TokenStartsWith(f"{code}={_folded(code, value)}|")


def _overlaps(code: str, value: str, site: Site) -> Filter:
    covered = date_range(value, site.zone)
    if covered is None:
        raise bad_value(code, f"expected a date or time such as 2013-01-14, not {value[:80]!r}.")
    return RangeIs("date", code, (("low", "<", covered[1]), ("high", ">", covered[0])))
