"""SearchParameter: an active one is checked before it is stored, since from then on it is searched by.

https://hl7.org/fhir/R4/searchparameter.html
"""

from typing import Final

from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.model.json import Json
from fhirhub.search.added import definition_of, faults
from fhirhub.search.parameters import SearchParameters

RESOURCE_TYPE: Final = "SearchParameter"

_CODES: Final = {
    "expression": "invalid",
    "base": "value",
    "code": "value",
    "target": "value",
    "type": "not-supported",
}


def check_search_parameter(resource: Json, known: SearchParameters) -> None:
    """Refuse a valid SearchParameter that could not be searched by.

    A draft or retired one is not searched by and may say anything; one that repeats a definition of R4 changes nothing.

    Arguments:
        known: the search parameters there are.

    Raises:
        FhirError: 400 with everything that is wrong, each with its element.
    """
    parameter = definition_of(resource)
    if parameter is None:
        return
    issues = [
        Issue("error", _CODES.get(element.rpartition(".")[2], "business-rule"), text, (f"{RESOURCE_TYPE}.{element}",))
        for element, text in faults(parameter, known)
    ]
    if issues:
        raise FhirError(Failure.INVALID, issues=issues)
