"""The official examples: all are valid but those listed, and each of these breaks a rule that can be named."""

import re
from typing import Final

import pytest

from fhirhub.definitions import r4
from fhirhub.model.json import decode
from fhirhub.validation import validate_resource

NO_BASE: Final = {("required", "SearchParameter.base")}
NO_TEXT: Final = "txt-2"
NESTED_ITEMS: Final = re.compile(r"(\.item\[\d+\])+\.")

INVALID: Final[dict[str, set[tuple[str, str]]]] = {
    # txt-2: "The narrative SHALL have some non-whitespace content"; these hold a div with line breaks only.
    "ActivityDefinition-blood-tubes-supply.json": {(NO_TEXT, "ActivityDefinition.text.div")},
    "ActivityDefinition-heart-valve-replacement.json": {(NO_TEXT, "ActivityDefinition.text.div")},
    "EventDefinition-example.json": {(NO_TEXT, "EventDefinition.text.div")},
    "Questionnaire-zika-virus-exposure-assessment.json": {(NO_TEXT, "Questionnaire.text.div")},
    # DeviceMetric.parent is Reference(Device); the example points at a DeviceDefinition.
    "DeviceMetric-example.json": {("reference-target", "DeviceMetric.parent.reference")},
    # DeviceUseStatement.reasonReference takes no Procedure.
    "DeviceUseStatement-example.json": {("reference-target", "DeviceUseStatement.reasonReference[0].reference")},
    # MedicationRequest.dispenseRequest.performer is Reference(Organization); the example points at a Practitioner.
    "MedicationRequest-medrx0301.json": {("reference-target", "MedicationRequest.dispenseRequest.performer.reference")},
    # Observation.performer takes no Encounter.
    "Observation-clinical-gender.json": {("reference-target", "Observation.performer[0].reference")},
    # An id has at most 64 characters; name and status have cardinality 1..1.
    "ImplementationGuide-fhir.json": {
        ("required", "ImplementationGuide.name"),
        ("required", "ImplementationGuide.status"),
        ("reference", "ImplementationGuide.manifest.resource[11904].reference.reference"),
    },
    "SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject.json": {
        ("value", "SearchParameter.id")
    },
    # SearchParameter.base has cardinality 1..*.
    **{
        f"SearchParameter-{source}-extensions-{resource}-{name}.json": NO_BASE
        for source, resource in (("codesystem", "CodeSystem"), ("valueset", "ValueSet"))
        for name in ("author", "effective", "end", "keyword", "workflow")
    },
    # Questionnaire.item.linkId has cardinality 1..1; most nested items have none.
    "Questionnaire-qs1.json": {("required", "Questionnaire.item.linkId")},
}

pytestmark = pytest.mark.data


# Types of which the archive has no example.
UNTRIED: Final = {
    "Parameters",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
}


def test_official_examples_are_valid_but_those_that_break_a_named_rule(official_examples: dict[str, bytes]) -> None:
    refused = {}
    for name, content in official_examples.items():
        found = validate_resource(decode(content))
        if found:
            refused[name] = {(str(issue.details), issue.expression[0]) for issue in found}
    questionnaire = refused["Questionnaire-qs1.json"]
    refused["Questionnaire-qs1.json"] = {(rule, NESTED_ITEMS.sub(".item.", where)) for rule, where in questionnaire}

    assert len(official_examples) == 5297
    assert refused == INVALID


def test_official_examples_cover_every_resource_type_of_r4(official_examples: dict[str, bytes]) -> None:
    tried = {decode(content)["resourceType"] for content in official_examples.values()}

    assert set(r4().resource_types) - tried == UNTRIED


def test_each_refusal_says_its_line_in_the_example(official_examples: dict[str, bytes]) -> None:
    content = official_examples["MedicationRequest-medrx0301.json"]

    (issue,) = validate_resource(decode(content), source=content)

    line = int(issue.location[0].removeprefix("line ").partition(",")[0])
    assert b"Practitioner/f001" in content.split(b"\n")[line - 1]
    assert "only Organization" in issue.diagnostics
