"""When the care took place that a resource tells of.

https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from fhirhub.plugin import Json, date_range

Span = tuple[datetime, datetime]
"""The first moment, and the first one after it."""

STANDING: Final = frozenset(
    {
        "AllergyIntolerance",
        "BodyStructure",
        "FamilyMemberHistory",
        "Group",
        "MolecularSequence",
        "Patient",
        "Person",
        "RelatedPerson",
    }
)
"""Types that tell of a person and not of care at some time."""

ALWAYS: Final[Span] = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_NAMES: Final = (
    "effective", "performed", "occurrence", "occurred", "servicePeriod", "serviced", "billablePeriod", "period",
    "started", "timing", "identified", "whenHandedOver", "whenPrepared", "planningHorizon", "startDate", "dateTime",
    "dateWritten", "date", "authoredOn", "authored", "sent", "received", "receivedTime", "recorded", "recordedDate",
    "issued", "created", "enteredDate",
)  # fmt: skip
"""Elements that tell it, as far as a type has them; the first one that is there counts."""
_TYPES: Final = ("", "DateTime", "Date", "Period", "Instant", "Timing")
_FROM_TO: Final = (("onset", "abatement"), ("start", "end"))
"""Pairs of elements that tell it together. What has begun and has no end goes on."""


def care_span(resource: Json, zone: tzinfo) -> Span:
    """Return when the care took place; of resources that do not tell, or are of no time: always.

    Arguments:
        zone: where dates are, and times that name no zone.
    """
    if resource["resourceType"] in STANDING:
        return ALWAYS
    for begins, ends in _FROM_TO:
        first, last = _first(resource, begins, zone), _first(resource, ends, zone)
        if first is not None:
            return first[0], last[1] if last is not None else ALWAYS[1]
    return next((found for name in _NAMES if (found := _first(resource, name, zone)) is not None), ALWAYS)


def _first(resource: Json, name: str, zone: tzinfo) -> Span | None:
    for kind in _TYPES:
        value = resource.get(f"{name}{kind}")
        if value is not None:
            return _span(value, zone)
    return None


def _span(value: Any, zone: tzinfo) -> Span | None:
    if isinstance(value, str):
        return date_range(value, zone)
    if not isinstance(value, dict):
        return None
    if "start" in value or "end" in value:
        return _period(value, zone)
    bounds = value.get("repeat", {}).get("boundsPeriod")
    if bounds is not None:
        return _period(bounds, zone)
    events = list(_ranges(value.get("event", ()), zone))
    return (min(low for low, _ in events), max(high for _, high in events)) if events else None


def _period(period: Json, zone: tzinfo) -> Span:
    start, end = (date_range(period[name], zone) if name in period else None for name in ("start", "end"))
    return start[0] if start else ALWAYS[0], end[1] if end else ALWAYS[1]


def _ranges(texts: Any, zone: tzinfo) -> Iterator[Span]:
    for text in texts:
        found = date_range(text, zone)
        if found is not None:
            yield found
