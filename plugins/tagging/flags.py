"""Flags as tags: one per patient and tag, under an id that follows from both, with a Provenance for every change.

https://hl7.org/fhir/R4/flag.html, https://hl7.org/fhir/R4/provenance.html
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from fhirhub.plugin import Json

from .definitions import DEVICE, URL, plan_url
from .evaluation import Outcome
from .rule import TAGS

DETAIL: Final = "http://hl7.org/fhir/StructureDefinition/flag-detail"
PRIORITY: Final = "http://hl7.org/fhir/StructureDefinition/flag-priority"
TRANSLATION: Final = "http://hl7.org/fhir/StructureDefinition/translation"
EXPLANATION: Final = f"{URL}/StructureDefinition/explanation"
RULE: Final = f"{URL}/StructureDefinition/rule"
_DERIVATION: Final = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation", "code": "UPDATE"}],
    "text": "derivation",
}
_PRIORITIES: Final[Mapping[str, str]] = {"routine": "PL", "urgent": "PM", "stat": "PH"}


def flag_id(patient: str, tag: str) -> str:
    """Return the id of the Flag of a patient (`Patient/1`) for a tag."""
    return f"tag-{hashlib.sha256(f'{patient} {tag}'.encode()).hexdigest()[:40]}"


def wanted_flag(outcome: Outcome, patient: str) -> Json:
    """Return the active Flag of an outcome. The same data make the same Flag, whenever it is made."""
    rule = outcome.rule
    extensions: list[Json] = [
        {"url": DETAIL, "valueReference": {"reference": source.partition("/_history/")[0]}}
        for source in outcome.sources()
    ]
    extensions.append({"url": PRIORITY, "valueCodeableConcept": _priority(rule.urgency)})
    extensions.append({"url": RULE, "valueCanonical": f"{plan_url(rule)}|{rule.version}"})
    extensions.append(_explanation(outcome))
    period = {} if outcome.day is None else {"start": outcome.day}
    if outcome.until is not None:
        period["end"] = outcome.until.date().isoformat() if len(period.get("start", "")) <= 10 else _text(outcome.until)
    return {
        "resourceType": "Flag",
        "id": flag_id(patient, rule.tag),
        # R4 has no search for the code or status of a Flag: this finds the active ones.
        "meta": {"tag": [{"system": TAGS, "code": rule.tag}]},
        "extension": extensions,
        "status": "active",
        "category": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": rule.category}]}
        ],
        "code": {
            "coding": [{"system": TAGS, "code": rule.tag, "display": rule.title["en"]}],
            "text": rule.title["zh"],
        },
        "subject": {"reference": patient},
        **({"period": period} if period else {}),
        "author": {"reference": DEVICE},
    }


def cleared_flag(current: Json, outcome: Outcome) -> Json:
    """Return a Flag that is no longer active, with the reason."""
    others = [row for row in current.get("extension", ()) if row["url"] != EXPLANATION]
    bare = {key: value for key, value in current.items() if key != "meta"}
    return {**bare, "status": "inactive", "extension": [*others, _explanation(outcome)]}


def is_to_be_left(current: Json, wanted: Json) -> bool:
    """Whether a person has called the tag an error, and nothing new has come since."""
    if current["status"] != "entered-in-error":
        return False
    return _evidence(current) == _evidence(wanted) and current.get("period") == wanted.get("period")


def is_same(current: Json, wanted: Json) -> bool:
    """Whether a Flag says what it should: what the server adds, and a narrative, do not count."""
    left, right = (
        {key: value for key, value in each.items() if key not in ("meta", "text")} for each in (current, wanted)
    )
    return left == right


def provenance(flag: Json, version: int, outcome: Outcome, now: datetime) -> Json:
    """Return who made a version of a Flag, when, from what, by which rule."""
    rule = outcome.rule
    entities: list[Json] = [{"role": "source", "what": {"reference": source}} for source in outcome.sources()]
    plan = {"reference": f"PlanDefinition/{rule.id}", "display": f"{rule.title['en']} {rule.version}"}
    entities.append({"role": "derivation", "what": plan})
    return {
        "resourceType": "Provenance",
        "target": [{"reference": f"Flag/{flag['id']}/_history/{version}"}],
        "recorded": _text(now),
        "activity": _DERIVATION,
        "agent": [
            {
                "type": {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                            "code": "assembler",
                        }
                    ]
                },
                "who": {"reference": DEVICE},
            }
        ],
        "entity": entities,
    }


def _evidence(flag: Json) -> list[Json]:
    return [row for row in flag.get("extension", ()) if row["url"] == DETAIL]


def _explanation(outcome: Outcome) -> Json:
    english: Json = {
        "url": TRANSLATION,
        "extension": [{"url": "lang", "valueCode": "en"}, {"url": "content", "valueString": outcome.sentence("en")}],
    }
    return {
        "url": EXPLANATION,
        "valueString": outcome.sentence("zh"),
        "_valueString": {"extension": [english]},
    }


def _priority(urgency: str) -> Json:
    code = _PRIORITIES[urgency]
    return {"coding": [{"system": "http://hl7.org/fhir/flag-priority-code", "code": code}], "text": urgency}


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
