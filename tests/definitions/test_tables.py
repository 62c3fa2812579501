"""The compiled tables: complete, consistent, and the only place where R4 is written down."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import fhirhub
from fhirhub.definitions import Definitions, r4


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    return r4()


def test_tables_hold_all_of_r4(definitions: Definitions) -> None:
    kinds = [definition.kind for definition in definitions.types.values() if not definition.abstract]
    parameters = {p.url for name in definitions.resource_types for p in definitions.search_parameters(name).values()}

    assert len(definitions.resource_types) == 146
    assert {kind: kinds.count(kind) for kind in ("resource", "primitive-type")} == {
        "resource": 146,
        "primitive-type": 20,
    }
    # 1,400 in the package, without those that have no base and the three that are examples of a SearchParameter.
    assert len(parameters) == 1387
    assert sorted(definitions.compartments) == ["Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"]
    assert len(definitions.operations) == 46


def test_known_facts_of_r4(definitions: Definitions) -> None:
    elements = definitions.type("Observation").elements

    assert (elements["status"].min, elements["status"].max, elements["status"].type) == (1, 1, "code")
    assert elements["category"].is_array
    assert elements["subject"].targets == ("Patient", "Group", "Device", "Location")
    assert [e.name for e in definitions.type("Patient").choices["deceased"]] == ["deceasedBoolean", "deceasedDateTime"]
    genders = definitions.value_sets["http://hl7.org/fhir/ValueSet/administrative-gender"]
    assert genders == frozenset({"male", "female", "other", "unknown"})
    assert definitions.type("Patient").elements["id"].type == "id"
    assert definitions.type("ElementDefinition").elements["contentReference"].type == "uri"


def test_elements_name_types_targets_and_value_sets_that_exist(definitions: Definitions) -> None:
    for definition in definitions.types.values():
        for name, element in definition.elements.items():
            assert element.name == name
            assert element.type in definitions.types
            assert set(element.targets) <= {"Resource", *definitions.resource_types}
            assert element.binding is None or element.binding in definitions.value_sets
            assert element.binding is None or element.type in {"code", "CodeableConcept"}
            assert element.max is None or element.max == 1
        assert {e.name for members in definition.choices.values() for e in members} == {
            e.name for e in definition.elements.values() if e.choice is not None
        }
        assert set(definition.required_choices) <= definition.choices.keys()
        assert definition.parent is None or definition.parent in definitions.types


def test_value_sets_are_the_union_of_their_systems(definitions: Definitions) -> None:
    for url, systems in definitions.codings.items():
        known = [codes for codes in systems.values() if codes is not None]
        union = frozenset().union(*known)
        assert definitions.value_sets[url] == (union if known and len(known) == len(systems) else None)


def test_attributes_of_xml_are_ids_and_the_url_of_extensions(definitions: Definitions) -> None:
    attributes = {e.path for d in definitions.types.values() for e in d.elements.values() if e.is_attribute}
    parents = {path.rpartition(".")[0] for path in attributes if path.endswith(".id")}

    values = {
        f"{name}.value" for name, d in definitions.types.items() if d.kind == "primitive-type" and name != "xhtml"
    }
    assert {path for path in attributes if not path.endswith(".id")} == {"Extension.url", *values}
    assert not parents & {"Resource", "DomainResource", *definitions.resource_types}


def test_regexes_of_primitives_compile(definitions: Definitions) -> None:
    regexes = {name: d.regex for name, d in definitions.types.items() if d.kind == "primitive-type"}

    assert [name for name, regex in regexes.items() if regex is None] == ["xhtml"]
    assert all(re.compile(regex, re.ASCII) for regex in regexes.values() if regex)


def test_search_parameters_and_compartments_are_of_types_that_exist(definitions: Definitions) -> None:
    for name in definitions.resource_types:
        for code, parameter in definitions.search_parameters(name).items():
            assert parameter.code == code
            assert set(parameter.base) & {name, "Resource", "DomainResource"}
            assert set(parameter.target) <= {"Resource", *definitions.resource_types}
    for compartment in definitions.compartments.values():
        for member, codes in compartment.members.items():
            assert set(codes) - {"{def}"} <= definitions.search_parameters(member).keys()


@pytest.mark.parametrize("name", ["types", "value_sets", "codings", "compartments", "operations"])
def test_tables_cannot_be_changed(definitions: Definitions, name: str) -> None:
    table: Any = getattr(definitions, name)

    with pytest.raises(TypeError):
        table["x"] = None
    with pytest.raises(AttributeError):
        setattr(definitions, name, {})


def test_code_of_definitions_and_validation_names_no_resource_type(definitions: Definitions) -> None:
    root = Path(fhirhub.__file__).parent
    structural = {"DomainResource", "Resource"}
    named = {
        (path.name, node.value)
        for package in ("definitions", "validation")
        for path in (root / package).glob("[!_]*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in definitions.resource_types and node.value not in structural
    }

    # The tool that compiles the package looks for the resources that define things.
    defining = {
        "StructureDefinition",
        "SearchParameter",
        "ValueSet",
        "CodeSystem",
        "CompartmentDefinition",
        "OperationDefinition",
    }
    assert {name for file, name in named if file != "build.py"} == set()
    assert {name for file, name in named if file == "build.py"} == defining
