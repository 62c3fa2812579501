"""The criteria of conditional interactions and conditional references.

https://hl7.org/fhir/R4/http.html#ccreate, https://hl7.org/fhir/R4/http.html#trules
"""

import re

from fhirhub.errors import Failure, FhirError
from fhirhub.model.url import Query, parse_query
from fhirhub.search import includes, result_parameters, syntax
from fhirhub.search.filter import Filter
from fhirhub.search.parse import parse
from fhirhub.search.site import Site
from fhirhub.search.terms import FILTER


def parse_criteria(resource_type: str, query_string: str, site: Site) -> Filter:
    """Return the filter of conditional criteria, percent-encoded as in a URL (`identifier=http%3A%2F%2Fa|1`).

    A leading `?` or `Type?` is allowed where the type is `resource_type`. Always strict.
    Raises FhirError: nothing to select by, a result parameter, or anything `parse` refuses.
    """
    return parse(resource_type, _pairs(resource_type, query_string), handling="strict", site=site).filter


def canonical_criteria(resource_type: str, query_string: str) -> str:
    """Return a text that is the same for criteria that differ only in encoding and in the order of what has none.

    Raises FhirError: nothing to select by, a result parameter, a broken escape.
    """
    parts = []
    for name, value in _pairs(resource_type, query_string):
        parts.append(f"{name}={value if _is_expression(name) else _in_order(name, value)}")
    return f"{resource_type}?{'&'.join(sorted(set(parts)))}"


def _is_expression(name: str) -> bool:
    """Whether a parameter, maybe at the end of a chain, is `_filter`: commas and backslashes mean others there."""
    return re.split("[.:]", name)[-1] == FILTER


def _in_order(name: str, value: str) -> str:
    return ",".join(sorted({_escaped_once(name, part) for part in syntax.alternatives(name, value)}))


def _escaped_once(name: str, part: str) -> str:
    return "|".join(syntax.escape(syntax.unescape(each)) for each in syntax.split(name, part, "|"))


def _pairs(resource_type: str, query_string: str) -> Query:
    text = query_string.strip()
    if (prefix := re.match(r"([A-Za-z]*)\?", text)) is not None:
        if prefix[1] not in ("", resource_type):
            problem = f"The criteria {query_string!r} are for {prefix[1]}, not for {resource_type}."
            raise FhirError(Failure.INVALID, problem)
        text = text[prefix.end() :]
    # Half a surrogate pair, which JSON can smuggle in, becomes what cannot be decoded.
    try:
        pairs = parse_query(text.encode("utf-8", "surrogatepass"))
    except FhirError as error:
        raise FhirError(Failure.INVALID, f"The criteria {query_string!r} cannot be decoded: {error}") from None
    if not pairs:
        raise FhirError(Failure.INVALID, f"The criteria {query_string!r} select nothing: name a search parameter.")
    for name, _ in pairs:
        if name in (*result_parameters.NAMES, *result_parameters.PRESENTATION) or includes.is_include(name):
            raise FhirError(
                Failure.INVALID,
                f"The criteria {query_string!r} hold {name}, which does not select resources.",
                expression=[f"http.{name}"],
            )
    return pairs
