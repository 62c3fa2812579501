"""When something was observed, as one moment by which observations are put into their order.

https://hl7.org/fhir/R4/observation-definitions.html#Observation.effective_x_
"""

from datetime import datetime, tzinfo

from fhirhub.plugin import Json, date_range


def observed_at(observation: Json, zone: tzinfo) -> datetime | None:
    """Return the moment of `effective[x]`, None where it does not tell one.

    Of a day, a month or a year that is its beginning; of a period its end, else its start; of a timing the last event.

    Arguments:
        zone: where dates are, and times that name no zone.
    """
    period = observation.get("effectivePeriod", {})
    timing = observation.get("effectiveTiming", {})
    texts = [
        observation.get("effectiveDateTime") or observation.get("effectiveInstant"),
        period.get("end") or period.get("start"),
        *timing.get("event", ()),
    ]
    found = (date_range(text, zone) for text in texts if text)
    return max((each[0] for each in found if each is not None), default=None)


def issued_at(observation: Json) -> datetime | None:
    """Return when this version was made available, None where that is not told."""
    found = date_range(observation.get("issued") or "")
    return None if found is None else found[0]
