"""The expressions of all search parameters of R4: they compile, and the fast way finds what the general way finds."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from fhirhub.definitions import SearchParameter, r4
from fhirhub.fhirpath import Expression, FhirPathError, compile_expression
from fhirhub.fhirpath.parser import parse
from fhirhub.fhirpath.pruning import prune
from fhirhub.fhirpath.scope import Json
from fhirhub.fhirpath.syntax import EmptyLiteral

NOT_PLAIN = {
    "Patient.deceased.exists() and Patient.deceased != false",
    "QuestionnaireResponse.item.where(hasExtension('http://hl7.org/fhir/StructureDefinition/questionnaireresponse-isSubject'))"
    ".answer.value.ofType(Reference)",
}
"""The expressions that have no fast way."""


def parameters() -> Iterator[tuple[str, SearchParameter]]:
    for resource_type in r4().resource_types:
        for parameter in r4().search_parameters(resource_type).values():
            yield resource_type, parameter


def compiled() -> dict[str, dict[str, Expression]]:
    found: dict[str, dict[str, Expression]] = {name: {} for name in r4().resource_types}
    for resource_type, parameter in parameters():
        if parameter.expression is not None:
            found[resource_type][parameter.code] = compile_expression(parameter.expression, resource_type)
    return found


def pairs(values: list[tuple[str, Any]]) -> list[str]:
    return sorted(map(repr, values))


def test_every_expression_of_r4_compiles_for_every_type_it_is_for() -> None:
    everything = compiled()
    assert sum(map(len, everything.values())) > 2_500
    slow = {e.text for found in everything.values() for e in found.values() if not e.is_plain}
    assert slow == NOT_PLAIN


def test_every_component_of_r4_compiles() -> None:
    components = {component.expression for _, parameter in parameters() for component in parameter.components}
    assert len(components) > 12
    for text in components:
        compile_expression(text)


@pytest.mark.data
def test_select_finds_what_evaluate_finds(examples: dict[str, Json]) -> None:
    everything = compiled()
    differences = []
    found = 0
    for name, resource in sorted(examples.items())[::9]:
        for code, expression in everything[resource["resourceType"]].items():
            fast = expression.select(resource)
            slow = [(node.type, node.value) for node in expression.evaluate(resource) if node.value is not None]
            found += len(fast)
            if pairs(fast) != pairs(slow):
                differences.append(f"{name} {code}: {fast} instead of {slow}")
    assert found > 3_000
    assert not differences, "\n".join(differences)


def test_parts_for_other_types_are_dropped_when_compiling() -> None:
    text = "Patient.name.family | Person.name.family | Practitioner.telecom.where(system='email').value"
    assert prune(parse(text), "Encounter") == EmptyLiteral(0) or isinstance(
        prune(parse(text), "Encounter"), EmptyLiteral
    )
    person = {"resourceType": "Person", "name": [{"family": "Li"}]}
    assert compile_expression(text, "Person").select(person) == [("string", "Li")]
    assert compile_expression(text, "Encounter").evaluate({"resourceType": "Encounter"}) == []


def test_what_is_left_of_a_union_still_finds_nothing_twice() -> None:
    patient = {"resourceType": "Patient", "name": [{"given": ["An", "Bo"]}, {"given": ["An"]}]}
    expression = compile_expression("Patient.name.given | Person.name.given", "Patient")
    assert expression.select(patient) == [("string", "An"), ("string", "Bo")]
    assert [node.value for node in expression.evaluate(patient)] == ["An", "Bo"]


@pytest.mark.parametrize(
    ("reference", "kept"),
    [
        ({"reference": "Patient/1"}, True),
        ({"reference": "Patient/1/_history/2"}, True),
        ({"reference": "https://hospital.example/fhir/Patient/1"}, True),
        ({"reference": "Patient?identifier=urn:x|1"}, True),
        ({"reference": "Group/1"}, False),
        ({"reference": "#p"}, True),
        ({"reference": "#g"}, False),
        ({"reference": "#missing"}, False),
        ({"reference": "urn:uuid:6fe9bd7c-1d23-4ea1-9a9f-9f5f4d9a1c42", "type": "Patient"}, True),
        ({"reference": "urn:uuid:6fe9bd7c-1d23-4ea1-9a9f-9f5f4d9a1c42"}, False),
        ({"identifier": {"value": "1"}, "type": "Patient"}, True),
        ({"display": "somebody"}, False),
    ],
)
def test_the_type_behind_a_reference_is_told_without_fetching(reference: Json, kept: bool) -> None:
    contained = [{"resourceType": "Patient", "id": "p"}, {"resourceType": "Group", "id": "g"}]
    observation = {"resourceType": "Observation", "contained": contained, "subject": reference}
    expression = compile_expression("Observation.subject.where(resolve() is Patient)", "Observation")
    expected = [("Reference", reference)] if kept else []
    assert expression.select(observation) == expected
    assert [(node.type, node.value) for node in expression.evaluate(observation)] == expected


def test_the_resolver_is_the_last_resort_for_the_type_behind_a_reference() -> None:
    asked = []

    def resolver(reference: str) -> Json:
        asked.append(reference)
        return {"resourceType": "Patient"}

    expression = compile_expression("subject.where(resolve() is Patient).reference", "Observation")
    for reference in ("Patient/1", "urn:uuid:6fe9bd7c-1d23-4ea1-9a9f-9f5f4d9a1c42"):
        observation = {"resourceType": "Observation", "subject": {"reference": reference}}
        assert [node.value for node in expression.evaluate(observation, resolver=resolver)] == [reference]
    assert asked == ["urn:uuid:6fe9bd7c-1d23-4ea1-9a9f-9f5f4d9a1c42"]


@pytest.mark.parametrize(
    "observation",
    [
        {"category": {"text": "an object where a list belongs"}},
        {"code": [{"text": "a list where an object belongs"}]},
        {"code": "text where an object belongs"},
        {"category": [None, {"coding": [None]}], "component": [{"valueQuantity": [1]}]},
        {"component": 7, "subject": ["Patient/1"], "contained": {"id": "x"}},
        {"meta": [], "identifier": [[{"value": "1"}]]},
    ],
)
def test_select_copes_with_json_of_the_wrong_shape(observation: Json) -> None:
    resource = {"resourceType": "Observation", **observation}
    for expression in compiled()["Observation"].values():
        slow = [(node.type, node.value) for node in expression.evaluate(resource) if node.value is not None]
        assert pairs(expression.select(resource)) == pairs(slow)


def test_a_misspelt_element_of_a_custom_parameter_is_refused() -> None:
    with pytest.raises(FhirPathError, match="HumanName has no element famly"):
        compile_expression("Patient.name.famly", "Patient")


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (["1 g", "1.0 g", "2 g"], ["1", "2"]),
        (["1 g", "1000 mg", "1 mg"], ["1", "1"]),
        (["1 g", "<1 g", "1 g"], ["1", "1"]),
    ],
)
def test_quantities_that_mean_the_same_are_selected_once(values: list[str], kept: list[str]) -> None:
    components = []
    for text in values:
        number, unit = text.removeprefix("<").split()
        quantity = {"value": Decimal(number), "system": "http://unitsofmeasure.org", "code": unit}
        components.append({"valueQuantity": quantity | ({"comparator": "<"} if text.startswith("<") else {})})
    observation = {"resourceType": "Observation", "component": components}
    expression = compile_expression("Observation.component.value.ofType(Quantity) | Observation.value", "Observation")
    assert expression.is_plain
    assert [str(value["value"]) for _, value in expression.select(observation)] == kept
    assert [str(node.value["value"]) for node in expression.evaluate(observation)] == kept


def test_times_that_mean_the_same_are_selected_once() -> None:
    items = [{"valueDateTime": t} for t in ("2024-01-01T10:00:00Z", "2024-01-01T12:00:00+02:00", "2024-01-01")]
    observation = {"resourceType": "Observation", "component": items}
    expression = compile_expression("(Observation.component.value | Observation.value) as dateTime", "Observation")
    assert expression.is_plain
    assert [value for _, value in expression.select(observation)] == ["2024-01-01T10:00:00Z", "2024-01-01"]
