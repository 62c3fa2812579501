"""Compartments: which resources belong to a Patient, Encounter, Practitioner, RelatedPerson or Device.

https://hl7.org/fhir/R4/compartmentdefinition.html
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Compartment:
    """`members` maps a resource type to the search parameters that link it to the compartment's owner.

    The parameter `{def}` stands for the owner itself.
    """

    code: str
    url: str
    members: Mapping[str, tuple[str, ...]]
