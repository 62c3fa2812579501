"""A change of data becomes a change of tags.

Evaluating and writing go on until there is nothing left to write. So whoever writes last, from whichever process, has
looked at the data again after that: what came in between is never lost, without a lock between processes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fhirhub.plugin import Change, Failure, FhirError, Hub, Json, Reader

from .evaluation import Outcome, evaluate_rules
from .flags import cleared_flag, flag_id, is_same, is_to_be_left, provenance, wanted_flag
from .patients import concerned, merged, survivor, versions
from .record import Record, codes_of, read_record
from .rule import Rule
from .settings import Settings

_TURNS: Final = 8


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to become of one Flag: as it is, as it should be; None: there is none, there should be none."""

    outcome: Outcome
    current: Json | None
    wanted: Json | None


def hear(change: Change, hub: Hub) -> None:
    """Bring the tags of the patients that a change is about up to date. Raises FhirError: try again."""
    settings: Settings = hub.settings
    rules = triggered(change, hub, settings.rules)
    if not rules:
        return
    for named in concerned(change, hub):
        if settings.memory.has_seen(named, change.reference, change.version):
            continue
        for patient in dict.fromkeys((named, survivor(named, hub))):
            with settings.memory.turn(patient):
                # Another thread may just have done it.
                if not settings.memory.has_seen(patient, change.reference, change.version):
                    # The second event in a short time is seldom the last: then all rules at once.
                    tag(patient, hub, settings.rules if settings.memory.knows(patient) else rules)


def triggered(change: Change, hub: Reader, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules that look at what has changed, with the others of their groups."""
    if change.resource_type == "Patient":
        return tuple(rules)
    if change.resource_type == "Observation":
        seen = versions(change, hub)
        codes = {code for row in seen for part in (row, *row.get("component", ())) for code in codes_of(part)}
        found = [rule for rule in rules if not codes.isdisjoint(rule.codes)]
    else:
        found = []
    found += [rule for rule in rules if change.resource_type in rule.searched_types]
    groups = {rule.group for rule in found if rule.group}
    return tuple(rule for rule in rules if rule in found or rule.group in groups)


def tag(patient: str, hub: Hub, rules: Iterable[Rule]) -> list[Outcome]:
    """Set and clear the Flags of a patient by these rules; return what they said. Raises FhirError."""
    settings: Settings = hub.settings
    rules = tuple(rules)
    outcomes: list[Outcome] = []
    for _ in range(_TURNS):
        outcomes, decisions, seen = decide(patient, hub, rules, hub.now())
        if not decisions:
            settings.memory.note(patient, seen if len(rules) == len(settings.rules) else {})
            return outcomes
        # Before they are written: who dies in between has them made anew once too often, and not once too seldom.
        for code in {each.outcome.rule.tag for each in decisions}:
            at = hub.now() + timedelta(seconds=settings.cohort_delay)
            hub.schedule("cohort", {"tag": code}, key=code, at=at)
        try:
            _write(decisions, hub)
        except FhirError as error:
            if error.failure not in (Failure.CONFLICT, Failure.PRECONDITION_FAILED):
                raise
    raise FhirError(Failure.CONFLICT, f"The tags of {patient} change as fast as they are written.")


def decide(
    patient: str, hub: Reader, rules: tuple[Rule, ...], as_of: datetime
) -> tuple[list[Outcome], list[Decision], dict[str, int]]:
    """Return what rules say of a patient, which Flags are to change, and the versions of what was looked at."""
    settings: Settings = hub.settings
    if survivor(patient, hub) != patient:
        # Another record stands in this one's place, and has its tags.
        record = Record(None, {})
    else:
        record = read_record(hub, merged(patient, hub), rules, settings.site_ranges)
    outcomes = evaluate_rules(rules, record, as_of)
    ids = [flag_id(patient, rule.tag) for rule in rules]
    current = {row["id"]: row for row in hub.search("Flag", (("_id", ",".join(ids)),))}
    decisions = []
    for outcome in outcomes:
        flag = current.get(flag_id(patient, outcome.rule.tag))
        wanted = wanted_flag(outcome, patient) if outcome.tagged else None
        if wanted is None:
            if flag is not None and flag["status"] == "active":
                decisions.append(Decision(outcome, flag, cleared_flag(flag, outcome)))
        elif flag is None or not (is_same(flag, wanted) or is_to_be_left(flag, wanted)):
            decisions.append(Decision(outcome, flag, wanted))
    return outcomes, decisions, dict(record.versions)


def _write(decisions: Iterable[Decision], hub: Hub) -> None:
    entries: list[Json] = []
    for each in decisions:
        assert each.wanted is not None, "a decision changes a Flag"
        version = 0 if each.current is None else int(each.current["meta"]["versionId"])
        request: Json = {"method": "PUT", "url": f"Flag/{each.wanted['id']}"}
        if version:
            request["ifMatch"] = f'W/"{version}"'
        entries.append({"resource": each.wanted, "request": request})
        made = provenance(each.wanted, version + 1, each.outcome, hub.now())
        entries.append({"resource": made, "request": {"method": "POST", "url": "Provenance"}})
    hub.transaction(entries)
