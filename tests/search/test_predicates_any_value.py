"""Whatever stands behind a parameter: a filter the database understands, or a refusal that names the parameter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirhub.definitions import r4
from fhirhub.errors import FhirError
from fhirhub.search.filter import Filter, related
from fhirhub.search.predicates import MODIFIERS, is_supported, modifiers
from fhirhub.store.filters import to_mongo

from .criteria_check import filter_of, refusal

PARAMETERS = [
    (name, code)
    for name in ("Patient", "Observation", "Location", "ValueSet", "RiskAssessment", "MolecularSequence", "Encounter")
    for code, parameter in r4().search_parameters(name).items()
    if is_supported(parameter, name)
]
NAMES = sorted({modifier for names in MODIFIERS.values() for modifier in names} | {"Patient", "x", "Missing"})
PIECES = [
    "\\",
    ",",
    "|",
    "$",
    "\\,",
    "\\|",
    "ge",
    "5",
    "-",
    "1e9",
    "2020",
    "http://a/b",
    "urn:a",
    "é",
    "字",
    "(",
    '"',
    " ",
]
VALUES = st.one_of(st.text(max_size=12), st.lists(st.sampled_from(PIECES), max_size=8).map("".join))


@settings(max_examples=1_500, deadline=None)
@given(st.sampled_from(PARAMETERS), st.sampled_from([None, *NAMES]), VALUES)
def test_any_value_gives_a_filter_or_a_refusal(parameter: tuple[str, str], modifier: str | None, value: str) -> None:
    resource_type, code = parameter
    name = code if modifier is None else f"{code}:{modifier}"
    try:
        found: Filter = filter_of(resource_type, name, value)
    except FhirError as error:
        assert error.status == 400
        (issue,) = error.issues
        assert issue.severity == "error"
        assert issue.expression == (f"http.{name}",)
        assert issue.diagnostics.startswith(f"Search parameter {name}: ")
    else:
        assert related(found) or to_mongo(found) is not None


@pytest.mark.parametrize("resource_type", r4().resource_types)
def test_modifiers_of_every_parameter_are_those_of_its_type(resource_type: str) -> None:
    for code, parameter in r4().search_parameters(resource_type).items():
        if is_supported(parameter, resource_type):
            own = modifiers(parameter, resource_type)
            assert set(own) <= set(MODIFIERS[parameter.type])
            for modifier in set(NAMES) - {"Patient"} - set(own):
                assert "is not supported" in refusal(resource_type, f"{code}:{modifier}", "1", code="not-supported")
