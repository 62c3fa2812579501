"""Composites: the parts of one value, from one element."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from fhirhub.definitions import SearchComponent, SearchParameter, r4
from fhirhub.model.json import Json
from fhirhub.search.components import components
from fhirhub.search.filter import And, GroupIs, Not, TokenIs, TokenStartsWith
from fhirhub.search.keys import system_id
from fhirhub.search.parameters import SearchParameters, r4_parameters

from .criteria_check import SITE, filter_of, finds, refusal

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def part(code: str, value: str) -> Json:
    quantity = {"value": Decimal(value), "system": UCUM, "code": "mm[Hg]"}
    return {"code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": quantity}


PRESSURE: Json = {"resourceType": "Observation", "component": [part("8480-6", "140"), part("8462-4", "90")]}
NAMED: Json = {"resourceType": "Observation", "code": {"coding": [{"code": "a$b"}]}, "valueString": "x,y$z|"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"{LOINC}|8480-6$140", True),
        (f"{LOINC}|8462-4$140", False),
        ("8480-6$gt130", True),
        ("8462-4$gt130", False),
        ("8462-4$gt130,8480-6$gt130", True),
        (f"8480-6$140|{UCUM}|mm[Hg]", True),
        (f"8480-6$gt18|{UCUM}|kPa", True),
        (f"8480-6$gt19|{UCUM}|kPa", False),
        ("|8480-6$140", False),
        ("8480-6$ne90", True),
        ("8480-6$ne140", False),
    ],
)
def test_parts_are_found_in_one_element_only(value: str, expected: bool) -> None:
    assert finds("component-code-value-quantity", value, PRESSURE) is expected
    assert finds("combo-code-value-quantity", value, PRESSURE) is expected
    assert not finds("code-value-quantity", value, PRESSURE)


def test_dollar_comma_and_bar_are_escaped_in_a_part() -> None:
    assert finds("code-value-string", "a\\$b$x\\,y\\$z\\|", NAMED)
    assert not finds("code-value-string", "a\\$b$y", NAMED)
    assert "is not of the form code$value-string" in refusal("Observation", "code-value-string", "a$b$x")


def test_component_stands_beside_the_parameter_it_is_defined_by() -> None:
    found = filter_of("Observation", "code-value-string", f"{LOINC}|1$x")
    key = f"=1|{system_id(LOINC)}"
    inner = And((TokenIs(f"1{key}"), TokenStartsWith("2=x")))
    group = GroupIs("code-value-string", inner)
    assert found == And((TokenIs(f"code{key}"), TokenStartsWith("value-string=x"), group))


def test_parameter_whose_expression_differs_stands_not_beside() -> None:
    # R4 defines code-value-date by value-date, whose expression casts the value in another way.
    coded = {"resourceType": "Observation", "code": {"coding": [{"code": "1"}]}, "valueDateTime": "2020-05-01"}
    assert finds("code-value-date", "1$2020", coded)
    assert finds("code-value-date", "1$lt2021", coded)
    assert not finds("code-value-date", "1$2021", coded)


def test_values_of_the_resource_join_those_of_an_element() -> None:
    sequence: Json = {
        "resourceType": "MolecularSequence",
        "referenceSeq": {"chromosome": {"coding": [{"code": "1"}]}, "windowStart": 100, "windowEnd": 200},
        "variant": [{"start": 128, "end": 130}, {"start": 400, "end": 500}],
    }
    assert finds("chromosome-variant-coordinate", "1$lt345$gt123", sequence)
    assert not finds("chromosome-variant-coordinate", "1$lt345$gt450", sequence)
    assert not finds("chromosome-variant-coordinate", "2$lt345$gt123", sequence)
    assert finds("chromosome-window-coordinate", "1$ge100$le200", sequence)


def test_relationship_of_documents_is_code_and_target() -> None:
    related = {"code": "replaces", "target": {"reference": "DocumentReference/7"}}
    document: Json = {"resourceType": "DocumentReference", "relatesTo": [related]}
    relationship = r4().search_parameters("DocumentReference")["relationship"]
    form = [component.parameter.type for component in components(relationship, "DocumentReference", r4_parameters())]
    value = {"token": "replaces", "reference": "DocumentReference/7"}
    assert finds("relationship", "$".join(value[kind] for kind in form), document)


@pytest.mark.parametrize("value", ["8480-6", "$", "8480-6$", "$140", "a$1$2", "8480-6\\$140"])
def test_value_of_another_number_of_parts_is_refused(value: str) -> None:
    assert "component-code$component-value-quantity" in refusal("Observation", "component-code-value-quantity", value)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("component-code-value-quantity", "8480-6$high", "'high' is no number"),
        ("component-code-value-quantity", "a|b|c$5", "system|code"),
        ("code-value-date", "8480-6$soon", "'soon' is no date"),
    ],
)
def test_wrong_part_is_refused_in_the_name_of_the_composite(name: str, value: str, says: str) -> None:
    assert says in refusal("Observation", name, value)


def test_composite_takes_no_modifier_but_missing() -> None:
    assert "supported: :missing." in refusal("Observation", "code-value-string:not", "a$b", code="not-supported")
    assert finds("code-value-string:missing", "false", NAMED)
    assert finds("code-value-string:missing", "true", PRESSURE)
    assert isinstance(filter_of("Observation", "code-value-string:missing", "true"), Not)


@pytest.mark.parametrize(
    ("resource_type", "code"),
    [
        (name, code)
        for name in r4().resource_types
        for code, parameter in r4().search_parameters(name).items()
        if parameter.type == "composite"
    ],
)
def test_components_of_every_composite_are_known(resource_type: str, code: str) -> None:
    parameter = r4().search_parameters(resource_type)[code]
    assert len(components(parameter, resource_type, r4_parameters())) == len(parameter.components) >= 2


def test_component_whose_index_is_being_made_does_not_narrow_the_composite() -> None:
    def added(code: str, **more: Any) -> SearchParameter:
        url = f"http://example.org/{code}"
        return SearchParameter(url=url, code=code, base=("Observation",), **more)

    parameters = SearchParameters(
        [
            added("unit", type="token", expression="Observation.component.value.as(Quantity).unit"),
            added(
                "unit-code",
                type="composite",
                expression="Observation.component",
                components=(
                    SearchComponent("http://example.org/unit", "value.as(Quantity).unit"),
                    SearchComponent("http://hl7.org/fhir/SearchParameter/Observation-component-code", "code"),
                ),
            ),
        ],
        building={("Observation", "unit"): 10},
    )
    found = filter_of("Observation", "unit-code", "mmHg$8480-6", replace(SITE, parameters=parameters))
    assert TokenIs("unit=mmHg|") not in (found.parts if isinstance(found, And) else (found,))
