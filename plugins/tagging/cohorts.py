"""A Group for every tag, with the patients who have it: made anew some seconds after tags have changed.

https://hl7.org/fhir/R4/group.html
"""

from functools import partial
from typing import Any

from fhirhub.plugin import Job, JobRun, Json

from .definitions import DEVICE
from .rule import TAGS, Rule
from .settings import Settings


def cohort_job(settings: Settings) -> Job:
    """Return the job that makes the Group of one tag; it is scheduled with `{"tag": code}`."""
    rules = {rule.tag: rule for rule in settings.rules}
    return Job("cohort", partial(_run, rules, settings.cohort_limit))


def _run(rules: dict[str, Rule], limit: int, run: JobRun) -> Any:
    rule = rules.get(run.parameters["tag"])
    if rule is None:
        return {"members": None}
    # Its version is read first: when another run has been faster, this one's list may be older, and is refused.
    current = run.hub.read("Group", f"tag-{rule.tag}")
    query = (("_tag", f"{TAGS}|{rule.tag}"), ("author", DEVICE), ("_elements", "subject,status"))
    found = run.hub.search("Flag", query)
    members = sorted({flag["subject"]["reference"] for flag in found if flag["status"] == "active"})
    wanted = _group(rule, members, limit)
    if current is None or any(current.get(key) != wanted.get(key) for key in ("member", "quantity", "code", "name")):
        run.hub.update(wanted, None if current is None else current["meta"]["versionId"])
    return {"members": len(members)}


def _group(rule: Rule, members: list[str], limit: int) -> Json:
    group: Json = {
        "resourceType": "Group",
        "id": f"tag-{rule.tag}",
        "active": True,
        "type": "person",
        "actual": True,
        "code": {"coding": [{"system": TAGS, "code": rule.tag, "display": rule.title["en"]}], "text": rule.title["zh"]},
        "name": rule.title["zh"],
        "quantity": len(members),
    }
    if members and len(members) <= limit:
        group["member"] = [{"entity": {"reference": member}} for member in members]
    return group
