"""Criteria on time: prefixes, and how two ranges of time lie to each other.

https://hl7.org/fhir/R4/search.html#prefix
"""

from typing import Final

from fhirhub.search import syntax
from fhirhub.search.criterion import Criterion
from fhirhub.search.dates import Range, date_range, microseconds
from fhirhub.search.filter import Bound, Filter, RangeIs, Updated, any_of

PREFIXES: Final = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


def date(criterion: Criterion, text: str) -> Filter:
    """Return the filter of one value of a date parameter: how the range it covers lies to those in the resource.

    Raises FhirError: not a date.
    """
    prefix, covered = _prefixed(criterion, text)
    low, high = covered

    def having(*bounds: Bound) -> Filter:
        return RangeIs("date", criterion.parameter.code, bounds)

    match prefix:
        case "eq":
            return having(("low", ">=", low), ("high", "<=", high))
        case "ne":
            return any_of([having(("low", "<", low)), having(("high", ">", high))])
        case "gt":
            return having(("high", ">", high))
        case "lt":
            return having(("low", "<", low))
        case "ge":
            # Above the value or within it; what starts within it and is not within it ends above it.
            return any_of([having(("high", ">", high)), having(("low", ">=", low))])
        case "le":
            return any_of([having(("low", "<", low)), having(("high", "<=", high))])
        case "sa":
            return having(("low", ">=", high))
        case "eb":
            return having(("high", "<=", low))
        case _:
            low, high = _widened(criterion, covered)
            return having(("low", "<", high), ("high", ">", low))


def updated(criterion: Criterion, text: str) -> Filter:
    """Return the filter of one value of `_lastUpdated`, a point in time: above is after it, below is before it.

    Raises FhirError: not a date.
    """
    prefix, covered = _prefixed(criterion, text)
    low, high = covered
    match prefix:
        case "eq":
            return Updated(low, high)
        case "ne":
            return any_of([Updated(None, low), Updated(high, None)])
        case "gt" | "sa":
            return Updated(high, None)
        case "lt" | "eb":
            return Updated(None, low)
        case "ge":
            return Updated(low, None)
        case "le":
            return Updated(None, high)
        case _:
            return Updated(*_widened(criterion, covered))


def _prefixed(criterion: Criterion, text: str) -> tuple[str, Range]:
    plain = syntax.unescape(text)
    prefix, rest = (plain[:2], plain[2:]) if plain[:2] in PREFIXES else ("eq", plain)
    covered = date_range(rest, criterion.site.zone)
    if covered is None:
        raise syntax.bad_value(
            criterion.name, f"{_no_date(rest)}, after one of the prefixes {', '.join(PREFIXES)} or none."
        )
    return prefix, covered


def _no_date(text: str) -> str:
    hint = " (a + in a URL means a space: write %2B)" if " " in text else ""
    return f"{text!r} is no date: expected YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss[.fff]][Z|±hh:mm]{hint}"


def _widened(criterion: Criterion, covered: Range) -> Range:
    """`ap`: a tenth of the time between now and the date, to both sides."""
    low, high = covered
    now = microseconds(criterion.site.now())
    margin = max(low - now, now - high, 0) // 10
    return low - margin, high + margin
