"""Groups of composite parameters: what stands in one element stays together."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from fhirhub.definitions import SearchComponent, r4
from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import Json
from fhirhub.search.components import components
from fhirhub.search.extract import extract
from fhirhub.search.index_numbers import UCUM
from fhirhub.search.keys import string_key, system_id
from fhirhub.search.parameters import SearchParameters, r4_parameters
from fhirhub.search.site import Site
from fhirhub.search.values import IndexEntries

from .conftest import BASE_URL

LOINC = "http://loinc.org"
SITE = Site(BASE_URL, full_text=False)

Ranges = Mapping[str, tuple[object, object]]
Found = tuple[set[str], Ranges, Ranges]


def inside(entries: IndexEntries) -> Found:
    dates, numbers = (
        {each.parameter: (each.low, each.high) for each in kind} for kind in (entries.dates, entries.numbers)
    )
    return set(entries.tokens), dates, numbers


def groups(resource: Json, code: str, site: Site = SITE) -> list[Found]:
    """The tokens, dates and numbers of the groups of a composite."""
    found = extract(resource, resource["resourceType"], site).groups
    return [inside(group.entries) for group in found if group.parameter == code]


def coded(code: str, **more: object) -> Json:
    return {"code": {"coding": [{"system": LOINC, "code": code, "display": f"text of {code}"}]}, **more}


def key(component: int, code: str) -> set[str]:
    return {f"{component}={code}|{system_id(LOINC)}", f"{component}=|{system_id(LOINC)}"}


def observation(**elements: object) -> Json:
    return {"resourceType": "Observation", "status": "final", **elements}


KG = {"value": 3, "system": UCUM, "code": "kg"}


def test_code_and_quantity_make_a_group_under_numbered_names() -> None:
    ((tokens, dates, numbers),) = groups(observation(**coded("a"), valueQuantity=KG), "code-value-quantity")
    assert tokens == key(1, "a")
    assert dates == {}
    three, grams = Decimal(3), Decimal(3000)
    assert numbers == {
        "2": (three, three),
        f"2|s:{system_id(UCUM)}:kg": (three, three),
        "2|c:g": (grams, grams),
    }


def test_components_are_groups_of_their_own() -> None:
    parts = [coded("b", valueQuantity={"value": 1}), coded("c", valueQuantity={"value": 2}), coded("d")]
    resource = observation(**coded("a"), valueQuantity={"value": 0}, component=parts)
    both = [(tokens, numbers["2"][0]) for tokens, _, numbers in groups(resource, "component-code-value-quantity")]
    assert both == [(key(1, "b"), Decimal(1)), (key(1, "c"), Decimal(2))]
    own = [(tokens, numbers["2"][0]) for tokens, _, numbers in groups(resource, "code-value-quantity")]
    assert own == [(key(1, "a"), Decimal(0))]


def test_element_without_one_of_the_components_makes_no_group() -> None:
    assert groups(observation(**coded("a")), "code-value-quantity") == []
    assert groups(observation(valueQuantity=KG), "code-value-quantity") == []
    assert groups(observation(**coded("a"), component=[coded("b"), {}]), "component-code-value-quantity") == []


def test_component_that_is_there_but_has_no_key_says_so() -> None:
    resource = observation(code={"text": "weight"}, valueQuantity={"unit": "kg"})
    assert groups(resource, "code-value-quantity") == [({"1=", "2="}, {}, {})]


def test_value_of_any_type_belongs_to_the_code() -> None:
    concept = {"coding": [{"system": LOINC, "code": "v"}]}
    found = groups(observation(**coded("a"), valueCodeableConcept=concept), "code-value-concept")
    assert found == [(key(1, "a") | key(2, "v"), {}, {})]
    found = groups(observation(**coded("a"), valueString="Grün"), "code-value-string")
    assert found == [({*key(1, "a"), f"2={string_key('Grün')}"}, {}, {})]
    for value in ({"valueDateTime": "2020-01-01"}, {"valuePeriod": {"start": "2020-01-01", "end": "2020-01-01"}}):
        ((tokens, dates, _),) = groups(observation(**coded("a"), **value), "code-value-date")
        assert tokens == key(1, "a")
        assert dates == {"2": (1_577_836_800_000_000, 1_577_923_200_000_000)}


def test_equal_elements_make_one_group() -> None:
    part = coded("b", valueQuantity=KG)
    assert len(groups(observation(component=[part, part]), "component-code-value-quantity")) == 1


def test_use_contexts_keep_type_and_value_together() -> None:
    context = {"code": {"system": LOINC, "code": "age"}, "valueRange": {"low": {"value": 1}, "high": {"value": 2}}}
    other = {"code": {"code": "focus"}, "valueCodeableConcept": {"coding": [{"code": "x"}]}}
    resource: Json = {"resourceType": "ValueSet", "status": "draft", "useContext": [context, other]}
    assert groups(resource, "context-type-quantity") == [(key(1, "age"), {}, {"2": (Decimal(1), Decimal(2))})]
    assert groups(resource, "context-type-value") == [({"1=focus|", "2=x|"}, {}, {})]


def test_relationship_is_a_code_and_a_reference_whatever_its_definition_says() -> None:
    related = {"code": "appends", "target": {"reference": "DocumentReference/1", "display": "first"}}
    resource: Json = {"resourceType": "DocumentReference", "relatesTo": [related]}
    assert groups(resource, "relationship") == [({"1=appends|", "2=DocumentReference/1"}, {}, {})]
    parts = components(
        r4().search_parameters("DocumentReference")["relationship"], "DocumentReference", SITE.parameters
    )
    assert [part.parameter.type for part in parts] == ["token", "reference"]


def test_characteristic_has_a_code_or_a_boolean_as_value() -> None:
    characteristics = [
        {"code": {"text": "gender"}, "valueCodeableConcept": {"coding": [{"code": "mixed"}]}, "exclude": False},
        {"code": {"coding": [{"code": "smoker"}]}, "valueBoolean": True, "exclude": False},
        {"code": {"coding": [{"code": "weight"}]}, "valueQuantity": KG, "exclude": False},
    ]
    found = groups({"resourceType": "Group", "characteristic": characteristics}, "characteristic-value")
    assert found == [({"1=", "2=mixed|"}, {}, {}), ({"1=smoker|", "2=true|"}, {}, {}), ({"1=weight|", "2="}, {}, {})]


def test_sequences_have_three_components_one_of_them_elsewhere() -> None:
    sequence = {"referenceSeqId": {"coding": [{"code": "NC_9"}]}, "windowStart": 10, "windowEnd": 20}
    resource: Json = {
        "resourceType": "MolecularSequence",
        "coordinateSystem": 0,
        "referenceSeq": {**sequence, "chromosome": {"coding": [{"code": "7"}]}},
        "variant": [{"start": 11, "end": 12}, {"start": 13}],
    }
    for code, first in (("chromosome", "7"), ("referenceseqid", "NC_9")):
        window = {"2": (Decimal(10), Decimal(10)), "3": (Decimal(20), Decimal(20))}
        assert groups(resource, f"{code}-window-coordinate") == [({f"1={first}|"}, {}, window)]
        variant = {"2": (Decimal(11), Decimal(11)), "3": (Decimal(12), Decimal(12))}
        assert groups(resource, f"{code}-variant-coordinate") == [({f"1={first}|"}, {}, variant)]


COMPOSITES = [
    (name, parameter.code)
    for name in r4().resource_types
    for parameter in r4().search_parameters(name).values()
    if parameter.type == "composite"
]


@pytest.mark.parametrize(("resource_type", "code"), COMPOSITES)
def test_components_of_every_composite_are_known(resource_type: str, code: str) -> None:
    composite = r4().search_parameters(resource_type)[code]
    parts = components(composite, resource_type, r4_parameters())
    assert len(parts) == len(composite.components) >= 2


def custom(*parts: SearchComponent) -> Site:
    template = r4().search_parameters("Observation")["code-value-quantity"]
    added = replace(template, url="http://example.org/SearchParameter/own", code="own", base=("Patient",))
    added = replace(added, expression="Patient.contact", components=parts)
    return Site(BASE_URL, parameters=SearchParameters([added]), full_text=False)


def test_composite_that_was_added_has_groups() -> None:
    gender = SearchComponent("http://hl7.org/fhir/SearchParameter/individual-gender|4.0.1", "gender")
    family = SearchComponent("http://hl7.org/fhir/SearchParameter/individual-family", "name.family")
    resource: Json = {"resourceType": "Patient", "contact": [{"gender": "female", "name": {"family": "Li"}}, {}]}
    assert groups(resource, "own", custom(gender, family)) == [({"1=female|", f"2={string_key('Li')}"}, {}, {})]


def test_composite_of_unknown_parts_has_no_groups() -> None:
    gender = SearchComponent("http://hl7.org/fhir/SearchParameter/individual-gender", "gender")
    unknown = SearchComponent("http://example.org/SearchParameter/none", "name.family")
    resource: Json = {"resourceType": "Patient", "contact": [{"gender": "female", "name": {"family": "Li"}}]}
    assert groups(resource, "own", custom(gender, unknown)) == []


def test_square_of_what_a_resource_has_is_refused_before_it_is_made() -> None:
    sequence: Json = {"resourceType": "MolecularSequence", "coordinateSystem": 0}
    sequence["referenceSeq"] = {"chromosome": {"coding": [{"code": f"{n}"} for n in range(5_000)]}, "windowStart": 1}
    sequence["variant"] = [{"start": n, "end": n} for n in range(5_000)]
    with pytest.raises(FhirError, match="chromosome-variant-coordinate") as refused:
        extract(sequence, "MolecularSequence", SITE)
    assert refused.value.failure is Failure.TOO_LARGE
    sequence["variant"] = sequence["variant"][:10]
    assert len(groups(sequence, "chromosome-variant-coordinate")) == 10
