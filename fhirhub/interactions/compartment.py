"""search of a compartment: what belongs to a Patient, Encounter, Practitioner, RelatedPerson or Device.

https://hl7.org/fhir/R4/compartmentdefinition.html, https://hl7.org/fhir/R4/http.html#vsearch
"""

from collections.abc import Callable
from typing import Final

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError
from fhirhub.interactions.call import Call
from fhirhub.interactions.search import search_within
from fhirhub.interactions.search_system import search_types
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.filter import Filter, IdIn, TokenIs, any_of
from fhirhub.search.result_parameters import nearest

_ITSELF: Final = "{def}"
"""What the definitions have in place of a parameter where a resource is in the compartment that it owns."""

EVERYTHING: Final = "*"


def search_compartment(request: FhirRequest, call: Call) -> FhirResponse:
    """Answer with one page of what a resource owns: `Patient/1/Observation`, or of all types: `Patient/1/*`.

    A compartment whose owner nobody has stored can have members all the same: references are not checked.

    Raises FhirError: 404, there is no such compartment, or resources of the type are never in it.
    """
    owner_type, owner_id, member = request.path[:3]
    if member != EVERYTHING and not r4().is_resource_type(member):
        close = nearest(member, r4().resource_types)
        raise _nothing_there(f"There is nothing at {'/'.join(request.path)!r}: {member} is no resource type.{close}")
    compartment = r4().compartments.get(owner_type)
    if compartment is None:
        known = ", ".join(sorted(r4().compartments))
        raise _nothing_there(f"No resources belong to a {owner_type}; there are compartments of {known}.")
    members = compartment.members
    within = _membership(owner_type, owner_id)
    if member == EVERYTHING:
        return search_types(request, call, request.path[:3], sorted(members), within)
    if member not in members:
        raise _nothing_there(f"A {member} is never in the compartment of a {owner_type}.")
    return search_within(member, request, call, request.path[:3], within(member))


def _membership(owner_type: str, owner_id: str) -> Callable[[str], Filter]:
    def within(resource_type: str) -> Filter:
        parameters = r4().compartments[owner_type].members[resource_type]
        links: list[Filter] = [TokenIs(f"{code}={owner_type}/{owner_id}") for code in parameters if code != _ITSELF]
        if _ITSELF in parameters:
            links.append(IdIn(frozenset({owner_id})))
        return any_of(links)

    return within


def _nothing_there(reason: str) -> FhirError:
    return FhirError(Failure.NOT_FOUND, reason)
