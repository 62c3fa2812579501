"""$match: which patients of this server somebody could be, how probable that is, and why.

https://hl7.org/fhir/R4/patient-operation-match.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from fhirhub.builtin.match_candidates import Candidates, blocks, candidates
from fhirhub.builtin.match_comparison import Comparison, Grade, compare
from fhirhub.builtin.match_identity import SYSTEM, birth_date, gender, resident_number
from fhirhub.builtin.match_person import Person, person
from fhirhub.builtin.match_weights import PRIOR, WITH_CONFLICT
from fhirhub.builtin.references import local_reference
from fhirhub.plugin import (
    Failure,
    FhirError,
    Hub,
    Issue,
    Json,
    Operation,
    OperationCall,
    OperationResult,
    hook,
    operation_outcome,
    r4_operation,
)

GRADE: Final = "http://hl7.org/fhir/StructureDefinition/match-grade"
EXPLANATION: Final = "https://fhirhub.example/StructureDefinition/match-explanation"
MAX_COUNT: Final = 100
"""Most patients of one answer."""
DEFAULT_COUNT: Final = 20

_REPLACED: Final = "replaced-by"
_MAX_STEPS: Final = 5
"""Records that a record was replaced by, one after the other, until no further one is looked for."""
_RANKS: Final[Mapping[Grade | None, int]] = MappingProxyType(
    {"certain": 3, "probable": 2, "possible": 1, "certainly-not": 0, None: -1}
)


@hook
def fhirhub_register_operations(settings: Any) -> Sequence[Operation]:
    """Return the operation."""
    return [Operation(r4_operation("Patient-match"), match)]


@dataclass(frozen=True, slots=True)
class _Match:
    """A patient of this server who was compared.

    Arguments:
        patient: as it is stored.
        comparison: with this record, or with one that it replaces.
        notes: what a person should know before using the record.
        is_doubtful: whether it is not certain, whatever agrees.
    """

    patient: Json
    comparison: Comparison
    notes: tuple[str, ...] = ()
    is_doubtful: bool = False

    @property
    def score(self) -> Decimal:
        return min(self.comparison.score, WITH_CONFLICT) if self.is_doubtful else self.comparison.score

    @property
    def grade(self) -> Grade | None:
        found = self.comparison.grade
        return "probable" if found == "certain" and self.is_doubtful else found


def match(call: OperationCall) -> OperationResult:
    """Answer with a searchset, the most probable first, and an outcome.

    Raises FhirError: no Patient, too little to look for, a count that is none.
    """
    patient = call.parameters["resource"]
    if patient["resourceType"] != "Patient":
        said = f"Parameter resource: it takes a Patient, not {patient['resourceType'][:80]!r}."
        raise FhirError(Failure.INVALID, said, expression=["Parameters.parameter"])
    count = _count(call)
    asked = person(patient)
    if next(blocks(patient, asked), None) is None:
        raise _too_little()
    found = candidates(patient, asked, call.hub)
    compared = _compared(asked, found, call.hub)
    graded = sorted((each for each in compared if each.grade), key=_order)
    issues = [*_contradictions(patient), *_common(found), _counted(compared, graded)]
    chosen = graded
    if call.parameters.get("onlyCertainMatches"):
        chosen = [each for each in graded if each.grade == "certain"]
        issues += _left_out(chosen, graded)
        chosen = chosen if len(chosen) == 1 else []
    if len(chosen) > count:
        issues.append(Issue("warning", "incomplete", f"{len(chosen) - count} more matches are left out by count."))
    return _bundle(chosen[:count], issues, call)


def _count(call: OperationCall) -> int:
    count: int = call.parameters.get("count", DEFAULT_COUNT)
    if count < 1:
        said = "Parameter count: at least one patient can be asked for."
        raise FhirError(Failure.BAD_VALUE, said, expression=["Parameters.parameter"])
    return min(count, MAX_COUNT)


def _too_little() -> FhirError:
    text = (
        "Too little is told to look for anybody. Needed is one of: an identifier with its system, or a valid Chinese "
        "resident number; a phone number or e-mail address; a name and a birth date; a family and a given name with "
        "a gender or an address."
    )
    return FhirError(Failure.INVALID, issues=[Issue("error", "required", text, ("Patient",))])


def _order(each: _Match) -> tuple[Decimal, str]:
    return -each.score, each.patient["id"]


def _compared(asked: Person, candidates: Candidates, hub: Hub) -> list[_Match]:
    """Return each record once: one that was replaced stands for the record that replaced it."""
    best: dict[str, _Match] = {}
    for patient in candidates.found.values():
        record, said = _current(patient, hub)
        made = _judged(asked, record)
        if said and record is not patient:
            through = compare(asked, person(patient))
            if made.grade != "certainly-not" and through.score > made.score:
                made = replace(made, comparison=through, is_doubtful=True)
        elif said:
            made = replace(made, is_doubtful=True)
        made = replace(made, notes=(*made.notes, *said))
        known = best.get(record["id"])
        best[record["id"]] = made if known is None else _better(known, made)
    return list(best.values())


def _better(left: _Match, right: _Match) -> _Match:
    """Return what tells more for a record that was found in two ways, with the notes of both."""
    notes = tuple(dict.fromkeys((*left.notes, *right.notes)))
    return replace(max(left, right, key=lambda each: (_RANKS[each.grade], each.score)), notes=notes)


def _judged(asked: Person, patient: Json) -> _Match:
    notes = []
    if patient.get("deceasedBoolean") or "deceasedDateTime" in patient:
        notes.append("The patient is recorded as deceased.")
    is_inactive = patient.get("active") is False
    if is_inactive:
        notes.append("The record is not in use (active is false).")
    return _Match(patient, compare(asked, person(patient)), tuple(notes), is_inactive)


def _current(patient: Json, hub: Hub) -> tuple[Json, tuple[str, ...]]:
    """Return the record that a record was replaced by in the end, and what is to be said of that."""
    seen = {patient["id"]}
    record = patient
    while (reference := _replacing(record)) is not None:
        place = local_reference(reference, hub.base_url)
        if place is None or place[0] != "Patient":
            return record, (f"Patient/{record['id']} was replaced by {reference[:200]}, which is not on this server.",)
        following = None if place[1] in seen or len(seen) > _MAX_STEPS else hub.read(*place[:2])
        if following is None:
            return record, (f"Patient/{record['id']} was replaced by {reference[:200]}, which leads to no record.",)
        seen.add(place[1])
        record = following
    if record is patient:
        return patient, ()
    return record, (f"Found by Patient/{patient['id']}, which was replaced by this record.",)


def _replacing(patient: Json) -> str | None:
    links = (each for each in patient.get("link", ()) if each["type"] == _REPLACED)
    return next((each["other"]["reference"] for each in links if "reference" in each["other"]), None)


def _contradictions(patient: Json) -> Iterator[Issue]:
    for index, each in enumerate(patient.get("identifier", ())):
        value = each.get("value") or ""
        number = resident_number(value)
        where = f"Patient.identifier[{index}].value"
        if number is None:
            if each.get("system") == SYSTEM and value:
                yield Issue("warning", "value", "The resident number is not valid: a character is wrong.", (where,))
            continue
        for element, told in (("birthDate", birth_date(number)), ("gender", gender(number))):
            if patient.get(element, told) not in (told, "unknown"):
                text = f"The resident number and {element} contradict each other."
                yield Issue("warning", "value", text, (where, f"Patient.{element}"))


def _common(found: Candidates) -> Iterator[Issue]:
    for name in dict.fromkeys(found.too_common):
        text = f"Too many patients share the {name} for all of them to be compared: tell more, such as a birth date."
        yield Issue("warning", "too-costly", text)


def _counted(compared: Sequence[_Match], graded: Sequence[_Match]) -> Issue:
    text = f"{len(compared)} patients were compared; {len(compared) - len(graded)} of them are no match."
    return Issue("information", "informational", text)


def _left_out(certain: Sequence[_Match], graded: Sequence[_Match]) -> Iterator[Issue]:
    if len(certain) > 1:
        text = f"{len(certain)} records match with certainty, so none of them is returned: are they of one person?"
        yield Issue("warning", "multiple-matches", text)
    if others := len(graded) - len(certain):
        yield Issue("information", "informational", f"{others} matches that are not certain are left out.")


def _bundle(matches: Sequence[_Match], issues: Sequence[Issue], call: OperationCall) -> Json:
    base = call.hub.base_url
    outcome = {"resource": operation_outcome(issues), "search": {"mode": "outcome"}}
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(matches),
        "link": [{"relation": "self", "url": f"{base}/Patient/$match"}],
        "entry": [*(_entry(each, base) for each in matches), outcome],
    }


def _entry(each: _Match, base_url: str) -> Json:
    search = {
        "extension": [{"url": GRADE, "valueCode": each.grade}, _explanation(each)],
        "mode": "match",
        "score": each.score,
    }
    return {"fullUrl": f"{base_url}/Patient/{each.patient['id']}", "resource": each.patient, "search": search}


def _explanation(each: _Match) -> Json:
    """The score is 1 / (1 + 2 ** -(prior + weights)), rounded down, and not above what the notes leave."""
    rows: list[Json] = [{"url": "prior", "valueDecimal": PRIOR}]
    # What tells something comes first.
    for finding in sorted(each.comparison.findings, key=lambda found: found.outcome == "missing"):
        parts: list[Json] = [
            {"url": "name", "valueCode": finding.element},
            {"url": "outcome", "valueCode": finding.outcome},
            {"url": "weight", "valueDecimal": finding.weight},
        ]
        rows.append({"url": "element", "extension": parts})
    notes = list(each.notes)
    if each.comparison.conflicts:
        notes.insert(0, f"Not certain, whatever agrees: {', '.join(each.comparison.conflicts)}.")
    elif not each.comparison.is_identified:
        notes.insert(0, "Not certain: two people can well have in common what agrees.")
    rows += [{"url": "note", "valueString": note} for note in notes]
    return {"url": EXPLANATION, "extension": rows}
