"""$stats: statistics of the Observations of a subject over a time.

https://hl7.org/fhir/R4/observation-operation-stats.html
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from fhirhub.builtin.observed import issued_at, observed_at
from fhirhub.builtin.statistics import OF_VALUES, Timed
from fhirhub.plugin import (
    Failure,
    FhirError,
    Json,
    Operation,
    OperationCall,
    OperationResult,
    convert_quantity,
    hook,
    r4_operation,
)

MOST: Final = 50_000
"""Observations of one code that are looked through."""
SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/observation-statistics"
ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_UCUM: Final = "http://unitsofmeasure.org"
_COUNTS: Final = ("count", "total-count")
_UNITLESS: Final = ("skew", "kurtosis")
_DIGITS: Final = 12
_MAGNITUDE: Final = 60
"""Powers of ten, up and down, that numbers can have."""


@hook
def fhirhub_register_operations(settings: Any) -> Sequence[Operation]:
    """Return the operation."""
    return [Operation(r4_operation("Observation-stats"), stats)]


@dataclass(frozen=True, slots=True)
class _Gathered:
    """The numbers of one code in one unit, and how many Observations could not be among them, by the reason."""

    total: int
    unit: str | None
    values: Timed
    left_out: Counter[str]
    sources: list[Json]


def stats(call: OperationCall) -> OperationResult:
    """Answer with an Observation for each code, with a component for each statistic.

    Raises FhirError: a statistic or code is missing or not known, both a duration and a period are given.
    """
    given = call.parameters
    wanted = list(dict.fromkeys(given["statistic"]))
    if unknown := [code for code in wanted if code not in OF_VALUES and code not in _COUNTS]:
        known = ", ".join((*_COUNTS, *OF_VALUES))
        raise _bad("statistic", f"{unknown[0]!r} is none; there are {known}.", Failure.BAD_VALUE)
    period = _period(call)
    answered, sources = [], []
    for coding in _codings(call):
        gathered = _gathered(call, coding, period)
        answered.append(_observation(call, coding, period, gathered, wanted))
        sources += gathered.sources
    made: dict[str, Any] = {"statistics": answered}
    if given.get("include"):
        unique = {row["id"]: row for row in sources}
        limit = given.get("limit")
        made["source"] = list(unique.values())[: None if limit is None else int(limit)]
        if not made["source"]:
            del made["source"]
    return made


def _codings(call: OperationCall) -> list[Json]:
    given = call.parameters
    system = given.get("system")
    found = [*given.get("coding", ())]
    found += [{**({"system": system} if system else {}), "code": code} for code in given.get("code", ())]
    if not found:
        raise _bad("code", "it is missing, and so is coding.")
    if any("code" not in coding for coding in found):
        raise _bad("coding", "a Coding without code is about anything.")
    return found


def _period(call: OperationCall) -> Json | None:
    given = call.parameters
    if "duration" not in given:
        found: Json | None = given.get("period")
        return found
    hours = Decimal(given["duration"])
    if not 0 < hours <= 10_000_000:
        raise _bad("duration", "it is a number of hours above 0.", Failure.BAD_VALUE)
    now = call.hub.now()
    return {"start": _text(now - timedelta(hours=float(hours))), "end": _text(now)}


def _gathered(call: OperationCall, coding: Json, period: Json | None) -> _Gathered:
    token = "|".join(_escaped(coding[key]) for key in ("system", "code") if key in coding)
    # One subject: a comma would make two people of it, and one figure of theirs.
    query = [("subject", _escaped(call.parameters["subject"])), ("combo-code", token)]
    # What was not done, or was an error, is no measurement.
    query.append(("status:not", "entered-in-error,cancelled,registered"))
    for end, prefix in (("start", "ge"), ("end", "le")):
        if period and end in period:
            query.append(("date", f"{prefix}{period[end]}"))
    found = list(islice(call.hub.search("Observation", (*query, ("_sort", "-date"))), MOST + 1))
    if len(found) > MOST:
        raise FhirError(Failure.TOO_COSTLY, f"More than {MOST:,} Observations of {token}: choose a shorter period.")
    left_out: Counter[str] = Counter()
    measured = [row for each in found if (row := _measured(each, coding, call.hub.zone, left_out))]
    units = Counter(unit for _, _, unit in measured)
    unit = min(units, key=lambda each: (-units[each], each)) if units else None
    values = []
    for at, number, own in measured:
        same = number if own == unit else convert_quantity(number, own, unit or "")
        if same is None:
            left_out[f"in {own or 'no unit'}, which cannot be converted to {unit or 'no unit'}"] += 1
        else:
            values.append((at, same))
    return _Gathered(len(found), unit, values, left_out, found)


def _measured(
    observation: Json, coding: Json, zone: tzinfo, left_out: Counter[str]
) -> tuple[datetime, Decimal, str] | None:
    for part in (observation, *observation.get("component", ())):
        if not any(_is_same(coding, row) for row in part.get("code", {}).get("coding", ())):
            continue
        quantity = part.get("valueQuantity", {})
        number = quantity.get("value", part.get("valueInteger"))
        at = observed_at(observation, zone) or issued_at(observation)
        if number is None:
            left_out["without a number"] += 1
        elif "comparator" in quantity:
            left_out[f"with {quantity['comparator']}, which is no number to calculate with"] += 1
        elif at is None:
            left_out["without a time"] += 1
        elif number and abs(Decimal(number).adjusted()) > _MAGNITUDE:
            left_out["of no magnitude that is measured"] += 1
        else:
            unit = quantity.get("code") if quantity.get("system") == _UCUM else quantity.get("unit")
            return at, Decimal(number), unit or ""
        return None
    return None


def _is_same(wanted: Json, coding: Json) -> bool:
    return coding.get("code") == wanted["code"] and wanted.get("system", coding.get("system")) == coding.get("system")


def _observation(
    call: OperationCall, coding: Json, period: Json | None, gathered: _Gathered, wanted: Iterable[str]
) -> Json:
    note = "; ".join(f"{count} Observations left out: {reason}" for reason, count in sorted(gathered.left_out.items()))
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [coding]},
        "subject": {"reference": _reference(call)},
        **({"effectivePeriod": period} if period else {}),
        "issued": _text(call.hub.now()),
        **({"note": [{"text": note}]} if note else {}),
        "component": list(_components(gathered, wanted)),
    }


def _components(gathered: _Gathered, wanted: Iterable[str]) -> Iterator[Json]:
    for code in wanted:
        component: Json = {"code": {"coding": [{"system": SYSTEM, "code": code}]}}
        if code in _COUNTS:
            number = len(gathered.values) if code == "count" else gathered.total
            yield {**component, "valueQuantity": {"value": number, "system": _UCUM, "code": "1"}}
            continue
        found = OF_VALUES[code](gathered.values)
        if found is None:
            reason = {"system": ABSENT, "code": "not-applicable" if gathered.values else "unknown"}
            yield {**component, "dataAbsentReason": {"coding": [reason]}}
        else:
            yield {**component, "valueQuantity": _quantity(code, found, gathered.unit or "")}


def _quantity(code: str, value: Decimal, unit: str) -> Json:
    found: Json = {"value": _rounded(value)}
    if code in _UNITLESS:
        return {**found, "system": _UCUM, "code": "1"}
    if not unit:
        return found
    written = {"variance": f"{unit}.{unit}", "regression": f"{unit}/d"}.get(code, unit)
    return {**found, "unit": written, "system": _UCUM, "code": written}


def _rounded(value: Decimal) -> Decimal:
    """To twelve significant digits, without zeros that mean nothing."""
    if not value:
        return Decimal(0)
    rounded = round(value, _DIGITS - value.adjusted() - 1)
    whole = rounded.to_integral_value()
    return whole.quantize(Decimal(1)) if rounded == whole and whole.adjusted() < _DIGITS else rounded.normalize()


def _reference(call: OperationCall) -> str:
    subject = str(call.parameters["subject"])
    return subject if "/" in subject else f"Patient/{subject}"


def _escaped(text: str) -> str:
    """https://hl7.org/fhir/R4/search.html#escaping"""
    return "".join(f"\\{each}" if each in "\\,|$" else each for each in text)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _bad(name: str, text: str, failure: Failure = Failure.INVALID) -> FhirError:
    return FhirError(failure, f"Parameter {name}: {text}", expression=[f"http.{name}"])
