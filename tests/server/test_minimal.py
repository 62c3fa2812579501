"""The generator of minimal resources is itself held to the definitions, the invariants, and a second opinion."""

import pytest
from fhir.resources.R4B import get_fhir_model_class

from fhirhub.definitions import r4
from fhirhub.model.json import encode
from fhirhub.plugin.minimal import minimal
from fhirhub.validation import validate_resource
from tests.server.invariants import broken_invariants

TYPES = r4().resource_types

# R4B took them out or gave them another shape.
NOT_IN_R4B = {
    "EffectEvidenceSynthesis", "Evidence", "MedicinalProduct", "MedicinalProductAuthorization",
    "MedicinalProductContraindication", "MedicinalProductIndication", "MedicinalProductIngredient",
    "MedicinalProductInteraction", "MedicinalProductManufactured", "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical", "MedicinalProductUndesirableEffect", "RiskEvidenceSynthesis",
    "SubstanceNucleicAcid", "SubstancePolymer", "SubstanceProtein", "SubstanceReferenceInformation",
    "SubstanceSourceMaterial", "SubstanceSpecification",
}  # fmt: skip


def test_minimal_resources_are_valid() -> None:
    assert len(TYPES) == 146
    assert {name: issues for name in TYPES if (issues := validate_resource(minimal(name)))} == {}


def test_minimal_resources_obey_the_invariants() -> None:
    assert {name: broken for name in TYPES if (broken := broken_invariants(minimal(name)))} == {}


def test_invariants_that_do_not_hold_are_named() -> None:
    assert broken_invariants({"resourceType": "Organization"})[0].startswith("Organization org-1: ")
    participant = {"status": "accepted"}
    assert broken_invariants(minimal("Appointment", participant=[participant]))[0].startswith(
        "Appointment.participant app-1: "
    )


@pytest.mark.parametrize("name", [name for name in TYPES if name not in NOT_IN_R4B])
def test_minimal_resources_are_read_by_fhir_resources(name: str) -> None:
    model = get_fhir_model_class(name).model_validate_json(encode(minimal(name)))
    assert model.get_resource_type() == name
