"""References: syntax, target types, fragments, conditional references."""

from typing import Any

import pytest

from fhirhub.validation import validate_resource

Json = dict[str, Any]
UUID = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"


def observation(subject: Json, **elements: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject, **elements}


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/1",
        "Patient/1/_history/2",
        "Group/a-b.c",
        "http://example.org/fhir/Patient/1",
        "https://example.org/fhir/Patient/1/_history/3",
        "http://example.org/somewhere/else",
        "http://example.org/Something/1",
        "ftp://example.org/x",
        UUID,
        UUID.upper().replace("URN:UUID", "urn:uuid"),
        "urn:oid:1.2.3",
        "#",
    ],
)
def test_reference_passes(reference: str) -> None:
    assert validate_resource(observation({"reference": reference})) == []


@pytest.mark.parametrize(
    ("reference", "rule"),
    [
        ("", "value"),
        ("Patient", "reference"),
        ("1", "reference"),
        ("/Patient/1", "reference"),
        ("Patient/", "reference"),
        ("Patient/a_b", "reference"),
        ("Patient/" + "x" * 65, "reference"),
        ("Patient/1/2", "reference"),
        ("Patient/1 ", "reference"),
        ("Pacient/1", "reference"),
        ("patient/1", "reference"),
        ("urn:uuid:1", "reference"),
        ("urn:oid:a.b", "reference"),
        ("#nothing", "ref-1"),
        ("Practitioner/1", "reference-target"),
        ("Practitioner/1/_history/1", "reference-target"),
        ("http://example.org/fhir/Practitioner/1", "reference-target"),
        ("Patient?identifier=a|b", "reference"),
        ("http://example.org/<x>", "value"),
        ("Patient/\x00", "value"),
    ],
)
def test_wrong_reference_is_refused_at_its_element(reference: str, rule: str) -> None:
    found = validate_resource(observation({"reference": reference}))

    assert [(issue.details, issue.expression) for issue in found] == [(rule, ("Observation.subject.reference",))]


def test_conditional_reference_needs_permission_and_keeps_its_target_type() -> None:
    right = observation({"reference": "Patient?identifier=http://e.org|1"})
    wrong = observation({"reference": "Practitioner?identifier=1"})

    assert validate_resource(right, allow_conditional_references=True) == []
    assert [issue.details for issue in validate_resource(right)] == ["reference"]
    assert [issue.details for issue in validate_resource(wrong, allow_conditional_references=True)] == [
        "reference-target"
    ]


def test_conditional_reference_is_allowed_inside_of_bundles() -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": observation({"reference": "Patient?name=x"}),
                "request": {"method": "POST", "url": "Observation"},
            }
        ],
    }

    assert validate_resource(bundle, allow_conditional_references=True) == []
    assert [issue.expression[0] for issue in validate_resource(bundle)] == [
        "Bundle.entry[0].resource.subject.reference"
    ]


def test_fragment_points_at_a_contained_resource_of_an_allowed_type() -> None:
    contained = [{"resourceType": "Patient", "id": "p"}, {"resourceType": "Medication", "id": "m"}]

    assert validate_resource(observation({"reference": "#p"}, contained=contained)) == []
    found = validate_resource(observation({"reference": "#m"}, contained=contained))
    assert [(issue.details, issue.expression[0]) for issue in found] == [
        ("reference-target", "Observation.subject.reference")
    ]
    assert "Medication" in found[0].diagnostics


def test_fragment_of_a_bundle_entry_stays_inside_of_the_entry() -> None:
    patient = {"resourceType": "Patient", "id": "p"}
    entries = [
        {"resource": observation({"reference": "#p"}, contained=[patient])},
        {"resource": observation({"reference": "#p"})},
    ]

    found = validate_resource({"resourceType": "Bundle", "type": "collection", "entry": entries})

    assert [(issue.details, issue.expression[0]) for issue in found] == [
        ("ref-1", "Bundle.entry[1].resource.subject.reference")
    ]


def test_contained_resource_refers_to_its_neighbours_and_its_container() -> None:
    resource = {
        "resourceType": "Patient",
        "contained": [
            {"resourceType": "Organization", "id": "a", "partOf": {"reference": "#b"}},
            {"resourceType": "Organization", "id": "b", "endpoint": [{"reference": "#c"}]},
            {"resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "#"}},
        ],
        "managingOrganization": {"reference": "#a"},
    }

    assert [issue.expression[0] for issue in validate_resource(resource)] == [
        "Patient.contained[1].endpoint[0].reference"
    ]


@pytest.mark.parametrize(
    ("reference", "rule"),
    [
        ({"type": "Patient", "reference": "Patient/1"}, None),
        ({"type": "Patient", "reference": "http://e.org/fhir/Patient/1"}, None),
        ({"type": "http://example.org/logical", "display": "x"}, None),
        ({"type": "Patient", "identifier": {"value": "1"}}, None),
        ({"display": "x"}, None),
        ({"type": "Patient"}, "reference-content"),
        ({"type": "Group", "reference": "Patient/1"}, "reference-type"),
        ({"type": "Practitioner", "display": "x"}, "reference-target"),
        ({"type": "a b", "display": "x"}, "value"),
        ({"type": 1, "display": "x"}, "type"),
    ],
)
def test_type_of_a_reference_agrees_with_it(reference: Json, rule: str | None) -> None:
    found = validate_resource(observation(reference))

    expected = [] if rule is None else [(rule, "Observation.subject.type")]
    assert [(issue.details, issue.expression[0]) for issue in found] == expected


def test_empty_reference_is_refused() -> None:
    assert [issue.details for issue in validate_resource(observation({}))] == ["empty"]
    assert [issue.details for issue in validate_resource(observation({"id": "x"}))] == ["ele-1"]
