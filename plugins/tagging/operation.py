"""`Patient/[id]/$evaluate-tags`: what every rule says of a patient and why, now or as of a day, written or not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any, Final

from fhirhub.plugin import Failure, FhirError, Json, Operation, OperationCall, date_range

from .changes import decide, tag
from .definitions import URL, data_requirement, plan_url
from .evaluation import Outcome, truth_code
from .settings import Settings


def _parameter(name: str, use: str, least: int, most: str, kind: str | None, text: str, *parts: Json) -> Json:
    row: Json = {"name": name, "use": use, "min": least, "max": most, "documentation": text}
    return {**row, **({} if kind is None else {"type": kind}), **({"part": list(parts)} if parts else {})}


def _out(name: str, least: int, most: str, kind: str, text: str) -> Json:
    return _parameter(name, "out", least, most, kind, text)


DEFINITION: Final[Json] = {
    "resourceType": "OperationDefinition",
    "id": "evaluate-tags",
    "url": f"{URL}/OperationDefinition/evaluate-tags",
    "name": "EvaluateTags",
    "status": "active",
    "kind": "operation",
    "code": "evaluate-tags",
    "affectsState": True,
    "resource": ["Patient"],
    "system": False,
    "type": False,
    "instance": True,
    "parameter": [
        _parameter("dryRun", "in", 0, "1", "boolean", "Only say what would be; nothing is written."),
        _parameter("as-of", "in", 0, "1", "date", "Only data of this day and before; a dry run."),
        _parameter("rule", "in", 0, "*", "id", "Only these rules."),
        _parameter(
            "tag",
            "out",
            0,
            "*",
            None,
            "What one rule says.",
            _out("rule", 1, "1", "canonical", "The PlanDefinition with its version."),
            _out("code", 1, "1", "code", "The code of the Flag."),
            _out("outcome", 1, "1", "code", "true, false or unknown: the condition."),
            _out("tagged", 1, "1", "boolean", "Whether the patient has the tag, by what is known."),
            _out("explanation", 1, "1", "string", "In Chinese."),
            _out("explanation-en", 1, "1", "string", "In English."),
            _out("evidence", 0, "*", "Reference", "What it rests on."),
            _out("valid-until", 0, "1", "date", "When the tag ends by itself."),
            _out("guidance", 0, "1", "GuidanceResponse", "Where data are missing: which."),
        ),
        _out("changed", 1, "1", "integer", "How many Flags were changed, or would be."),
    ],
}


def evaluate_tags(settings: Settings) -> Operation:
    """Return the operation."""
    return Operation(DEFINITION, partial(_run, settings))


def _run(settings: Settings, call: OperationCall) -> Any:
    patient, hub, given = f"Patient/{call.logical_id}", call.hub, call.parameters
    rules = settings.rules
    if chosen := given.get("rule"):
        if unknown := sorted(set(chosen) - {rule.id for rule in rules}):
            raise FhirError(Failure.INVALID, f"There is no rule {', '.join(unknown)}.", expression=["http.rule"])
        groups = {rule.group for rule in rules if rule.id in chosen and rule.group}
        rules = tuple(rule for rule in rules if rule.id in chosen or rule.group in groups)
    as_of = _end_of(given["as-of"], hub.zone) if "as-of" in given else hub.now()
    outcomes, decisions, _ = decide(patient, hub, rules, as_of)
    if decisions and "as-of" not in given and not given.get("dryRun", False):
        outcomes = tag(patient, hub, rules)
    return {
        "tag": [dict(_row(each, patient)) for each in outcomes],
        "changed": len(decisions),
    }


def _end_of(day: str, zone: tzinfo) -> datetime:
    found = date_range(day, zone)
    if found is None:
        raise FhirError(Failure.INVALID, f"{day!r} is no date.", expression=["http.as-of"])
    return min(found[1] - timedelta(microseconds=1), datetime.max.replace(tzinfo=UTC))


def _row(outcome: Outcome, patient: str) -> Iterator[tuple[str, Any]]:
    rule = outcome.rule
    yield "rule", f"{plan_url(rule)}|{rule.version}"
    yield "code", rule.tag
    yield "outcome", truth_code(outcome.holds)
    yield "tagged", outcome.tagged
    yield "explanation", outcome.sentence("zh")
    yield "explanation-en", outcome.sentence("en")
    if evidence := [{"reference": source} for source in outcome.sources()]:
        yield "evidence", evidence
    if outcome.tagged and outcome.until is not None:
        yield "valid-until", outcome.until.date().isoformat()
    if outcome.holds is None and outcome.missing:
        yield "guidance", _guidance(outcome, patient)


def _guidance(outcome: Outcome, patient: str) -> Json:
    """https://hl7.org/fhir/R4/guidanceresponse.html"""
    rule = outcome.rule
    return {
        "resourceType": "GuidanceResponse",
        "moduleCanonical": f"{plan_url(rule)}|{rule.version}",
        "status": "data-required",
        "subject": {"reference": patient},
        "dataRequirement": [data_requirement(rule.inputs[name]) for name in outcome.missing],
    }
