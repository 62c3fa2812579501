"""What rules look at: the resources of one patient, read once, and the values of an input among them.

https://hl7.org/fhir/R4/observation.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import Any, Final

from fhirhub.plugin import Json, Reader, age_at, convert_quantity, date_range, evaluate

from .definitions import search_of
from .kleene import of_comparator, point
from .observed import Codes, Series, Value
from .rule import Exists, Found, Input, Latest, Rule

_UCUM: Final = "http://unitsofmeasure.org"
_MOST: Final = 5000
"""Resources of one type of one patient that are looked at, the newest first."""


@dataclass(frozen=True)
class Record:
    """The resources of a patient that rules look at.

    Arguments:
        patient: the Patient; None: deleted.
        observations: by system and code, of the Observation or a component.
        found: what searches of rules found, by type and query, newest first.
        versions: of all that was read, by reference.
        site_ranges: reference ranges of the site, by LOINC code.
        zone: of the site.
    """

    patient: Json | None
    observations: Mapping[tuple[str, str], list[Json]]
    found: Mapping[tuple[str, str], list[Json]] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    site_ranges: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    zone: tzinfo = UTC

    @cached_property
    def sex(self) -> str | None:
        """`male`, `female`, None where thresholds by sex cannot be chosen."""
        found = (self.patient or {}).get("gender")
        return found if found in ("male", "female") else None

    def age(self, at: datetime) -> int | None:
        """Return full years of age."""
        birth_date = (self.patient or {}).get("birthDate")
        return age_at(birth_date, at.astimezone(self.zone).date()) if birth_date else None

    def value(self, name: Input, as_of: datetime) -> Series | Codes | bool | None:
        """Return what an input finds, as of a time; None: unknown."""
        match name:
            case Latest(unit=None):
                return self._coded(name, as_of)
            case Latest():
                kept = [each for each in self._all(name) if _is_due(each.at, name.max_age, as_of)]
                return Series(tuple(kept)) if kept else None
            case Exists():
                return bool(self.found.get((name.resource_type, name.query)))
        return self._found(name, as_of)

    def times(self, inputs: Iterable[Input], as_of: datetime) -> list[datetime]:
        """Return when values of these inputs came, the newest first, none after a time."""
        times = {value.at for each in inputs if isinstance(each, Latest) and each.unit for value in self._all(each)}
        times |= {
            at for each in inputs if isinstance(each, Latest) and not each.unit for at, _ in self._coded_rows(each)
        }
        times |= {at for each in inputs if isinstance(each, Found) for at, _ in self._found_rows(each)}
        return sorted((at for at in times if at <= as_of), reverse=True)

    def _all(self, latest: Latest) -> list[Value]:
        key = id(latest)
        found = self._by_input.get(key)
        if found is None:
            found = self._by_input[key] = sorted(self._values(latest), key=lambda row: row[0])
        return [value for _, value in found]

    @cached_property
    def _by_input(self) -> dict[int, list[tuple[Any, Value]]]:
        return {}

    def _values(self, latest: Latest) -> Iterator[tuple[Any, Value]]:
        for observation, part, code in self._parts(latest):
            moment = moment_of(observation, self.zone)
            quantity = part.get("valueQuantity")
            if moment is None or not quantity or "value" not in quantity:
                continue
            factor = _converter(quantity, latest)
            number = factor and factor(Decimal(quantity["value"]))
            if number is None:
                continue
            low, high = self._range(part, latest, code)
            at, day = moment
            yield (
                (at, observation.get("issued", ""), observation.get("meta", {}).get("lastUpdated", "")),
                Value(
                    of_comparator(number, quantity.get("comparator")),
                    latest.unit or "",
                    at,
                    day,
                    versioned(observation),
                    low,
                    high,
                    self.age(at),
                ),
            )

    def _parts(self, latest: Latest) -> Iterator[tuple[Json, Json, str]]:
        seen = set()
        for code in latest.codes:
            for observation in self.observations.get(code, ()):
                if observation.get("status") not in latest.statuses:
                    continue
                for part in (observation, *observation.get("component", ())):
                    if code in codes_of(part) and id(part) not in seen:
                        seen.add(id(part))
                        yield observation, part, code[1]

    def _coded_rows(self, latest: Latest) -> list[tuple[datetime, Codes]]:
        rows = []
        for observation, part, _ in self._parts(latest):
            moment, concept = moment_of(observation, self.zone), part.get("valueCodeableConcept")
            if moment is not None and concept:
                codings = concept.get("coding", ())
                codes = frozenset(coding["code"] for coding in codings if "code" in coding)
                text = concept.get("text") or next((row["display"] for row in codings if "display" in row), "")
                rows.append((moment[0], Codes(codes, *moment, versioned(observation), text)))
        return sorted(rows, key=lambda row: row[0])

    def _coded(self, latest: Latest, as_of: datetime) -> Codes | None:
        kept = [codes for at, codes in self._coded_rows(latest) if _is_due(at, latest.max_age, as_of)]
        return kept[-1] if kept else None

    def _found_rows(self, wanted: Found) -> list[tuple[datetime, Json]]:
        rows = []
        for resource in self.found.get((wanted.resource_type, wanted.query), ()):
            dates = evaluate(wanted.date, resource)
            moment = date_range(str(dates[0]), self.zone) if dates else None
            if moment is not None:
                rows.append((moment[0], resource))
        return sorted(rows, key=lambda row: row[0])

    def _found(self, wanted: Found, as_of: datetime) -> Series | Codes | bool | None:
        kept = [row for row in self._found_rows(wanted) if _is_due(row[0], wanted.max_age, as_of)]
        if not kept:
            return None
        at, resource = kept[-1]
        values = evaluate(wanted.path, resource)
        if not values:
            return None
        value, day, source = values[0], at.astimezone(self.zone).date().isoformat(), versioned(resource)
        if isinstance(value, bool):
            return value
        if isinstance(value, int | Decimal):
            return Series((Value(point(value), "", at, day, source, age=self.age(at)),))
        code = value.get("code") if isinstance(value, dict) else value
        return Codes(frozenset({str(code)}), at, day, source, str(code))

    def _range(self, part: Json, latest: Latest, code: str) -> tuple[Decimal | None, Decimal | None]:
        """The laboratory's own range, else the site's, else the nation's."""
        own = [row for row in part.get("referenceRange", ()) if "low" in row or "high" in row]
        if len(own) == 1:
            return _bound(own[0].get("low"), latest), _bound(own[0].get("high"), latest)
        if (site := self.site_ranges.get(code)) is not None:
            unit = {"system": _UCUM, "code": site["unit"]}
            ends = (None if site[end] is None else {**unit, "value": site[end]} for end in ("low", "high"))
            low, high = (_bound(end, latest) for end in ends)
            return low, high
        ranges = latest.ranges or {}
        return ranges.get(self.sex or "", ranges.get("any", (None, None)))


def read_record(
    reader: Reader, patients: tuple[str, ...], rules: Iterable[Rule], site_ranges: Mapping[str, Mapping[str, Any]]
) -> Record:
    """Read what these rules look at.

    Arguments:
        patients: references: the patient, then those whose record has been merged into this one's.
    """
    rules = tuple(rules)
    patient = reader.read(*patients[0].split("/"))
    subject = ",".join(patients)
    versions: dict[str, int] = {}
    observations: dict[tuple[str, str], list[Json]] = {}
    wanted = sorted(frozenset[tuple[str, str]]().union(*(rule.codes for rule in rules)))
    if patient is not None and wanted:
        codes = ",".join(f"{system}|{code}" for system, code in wanted)
        query = (("subject", subject), ("combo-code", codes), ("_sort", "-date"))
        for resource in islice(reader.search("Observation", query), _MOST):
            versions[f"Observation/{resource['id']}"] = int(resource["meta"]["versionId"])
            for code in {code for part in (resource, *resource.get("component", ())) for code in codes_of(part)}:
                observations.setdefault(code, []).append(resource)
    found: dict[tuple[str, str], list[Json]] = {}
    for each in (each for rule in rules for each in rule.inputs.values() if not isinstance(each, Latest)):
        wish = (each.resource_type, each.query)
        if patient is not None and wish not in found:
            found[wish] = list(islice(reader.search(each.resource_type, search_of(each, subject)), _MOST))
            versions |= {f"{row['resourceType']}/{row['id']}": int(row["meta"]["versionId"]) for row in found[wish]}
    return Record(patient, observations, found, versions, site_ranges, reader.zone)


def codes_of(part: Json) -> set[tuple[str, str]]:
    """System and code of what an Observation, or a component, is about."""
    codings = part.get("code", {}).get("coding", ())
    return {(row.get("system", ""), row["code"]) for row in codings if "code" in row}


def moment_of(observation: Json, zone: tzinfo) -> tuple[datetime, str] | None:
    """When an Observation was true of the patient, and as it is written; None: it does not say.

    Arguments:
        zone: where days begin that are written without one.
    """
    period = observation.get("effectivePeriod", {})
    for text in (
        observation.get("effectiveDateTime"),
        observation.get("effectiveInstant"),
        period.get("end") or period.get("start"),
        observation.get("issued"),
    ):
        if text and (found := date_range(text, zone)) is not None:
            return found[0], text
    return None


def versioned(resource: Json) -> str:
    """Return the reference to this version of a resource."""
    version = resource.get("meta", {}).get("versionId")
    reference = f"{resource['resourceType']}/{resource.get('id', '')}"
    return reference if version is None else f"{reference}/_history/{version}"


def _is_due(at: datetime, max_age: timedelta | None, as_of: datetime) -> bool:
    return at <= as_of and (max_age is None or at >= as_of - max_age)


def _converter(quantity: Json, latest: Latest) -> Callable[[Decimal], Decimal | None] | None:
    unit = quantity.get("code")
    if unit is None or quantity.get("system") != _UCUM:
        # A unit that is only a word for people could be anything.
        return None
    if unit == latest.unit:
        return lambda number: number
    return lambda number: convert_quantity(number, unit, latest.unit or "1", molar_mass=latest.molar_mass)


def _bound(quantity: Json | None, latest: Latest) -> Decimal | None:
    if not quantity or "value" not in quantity:
        return None
    factor = _converter(quantity, latest)
    return factor and factor(Decimal(quantity["value"]))
