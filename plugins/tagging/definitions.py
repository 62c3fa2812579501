"""What the plugin is in FHIR: a Device that authors, and a PlanDefinition of type eca-rule for every rule.

https://hl7.org/fhir/R4/plandefinition.html, https://hl7.org/fhir/R4/device.html
"""

import base64
from typing import TYPE_CHECKING, Final

from fhirhub.plugin import Failure, FhirError, Hub, Json

from .rule import Exists, Found, Input, Latest, Rule

if TYPE_CHECKING:
    from .settings import Settings

URL: Final = "https://fhirhub.example/tagging"
DEVICE: Final = "Device/fhirhub-tagging"
EXPRESSIONS: Final = "application/x-fhirhub-rule"
"""The language of conditions; the README defines it."""


def establish(hub: Hub, settings: "Settings") -> None:
    """Store the Device and the PlanDefinitions; what is there already makes no version.

    Raises FhirError: the server lets nobody choose ids (`update_create`), or a rule has a search that is none.
    """
    for rule in settings.rules:
        for each in rule.inputs.values():
            if not isinstance(each, Latest):
                hub.count(each.resource_type, search_of(each, f"Patient/{rule.id}"))
    for resource in (device(), *(plan_definition(rule) for rule in settings.rules)):
        for turn in range(3):
            try:
                hub.update(resource)
                break
            except FhirError as error:
                # Every process of the server does this at its start.
                if error.failure is not Failure.CONFLICT or turn == 2:
                    raise


def search_of(wanted: Exists | Found, patients: str) -> tuple[tuple[str, str], ...]:
    """Return the search of an input for some patients, their references joined by commas."""
    pairs = (pair.partition("=") for pair in wanted.query.split("&") if pair)
    return (*((name, value) for name, _, value in pairs), ("patient", patients))


def plan_url(rule: Rule) -> str:
    """Return the canonical URL of a rule's PlanDefinition, without version."""
    return f"{URL}/PlanDefinition/{rule.id}"


def device() -> Json:
    """Return the Device that authors Flags."""
    return {
        "resourceType": "Device",
        "id": DEVICE.partition("/")[2],
        "status": "active",
        "deviceName": [{"name": "fhirhub tagging", "type": "user-friendly-name"}],
        "type": {"text": "Rule engine for automatic tags"},
    }


def plan_definition(rule: Rule) -> Json:
    """Return a rule as PlanDefinition; its source as written is attached."""
    written = base64.b64encode(rule.source.encode()).decode()
    citation = {"type": "justification", "display": rule.evidence["source"]}
    if "url" in rule.evidence:
        citation["url"] = rule.evidence["url"]
    conditions = [("applicability", rule.condition.text)]
    if rule.clear is not None:
        conditions.append(("stop", rule.clear.text))
    action: Json = {
        "code": [{"coding": [{"system": f"{URL}/CodeSystem/tags", "code": rule.tag}]}],
        "title": rule.title["zh"],
        "description": rule.title["en"],
        "trigger": [{"type": "data-added", "data": [data_requirement(each)]} for each in rule.inputs.values()],
        "condition": [
            {"kind": kind, "expression": {"language": EXPRESSIONS, "expression": text}} for kind, text in conditions
        ],
        "input": [{**data_requirement(each), "id": name} for name, each in rule.inputs.items()],
    }
    return {
        "resourceType": "PlanDefinition",
        "id": rule.id,
        "url": plan_url(rule),
        "version": rule.version,
        "name": "".join(word.capitalize() for word in rule.id.split("-")),
        "title": rule.title["zh"],
        "type": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/plan-definition-type", "code": "eca-rule"}]
        },
        "status": "active",
        "subjectCodeableConcept": {"coding": [{"system": "http://hl7.org/fhir/resource-types", "code": "Patient"}]},
        "description": rule.title["en"],
        "relatedArtifact": [
            citation,
            {
                "type": "documentation",
                "document": {"contentType": "application/yaml", "data": written, "title": f"{rule.id}.yaml"},
            },
        ],
        "action": [action],
    }


def data_requirement(wanted: Input) -> Json:
    """Return an input as DataRequirement."""
    match wanted:
        case Latest():
            codes = [{"system": system, "code": code} for system, code in wanted.codes]
            return {"type": "Observation", "codeFilter": [{"path": "code", "code": codes}]}
        case Exists(resource_type=name) | Found(resource_type=name):
            return {"type": name}
