"""Whatever JSON comes in: an answer, never an exception; and the same answer from every thread."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirhub.definitions import r4
from fhirhub.errors import operation_outcome
from fhirhub.model.json import decode, encode
from fhirhub.validation import validate_resource
from fhirhub.validation.structure import object_check

WORDS = (
    "resourceType id meta text div status contained extension url valueString valueReference reference type name given "
    "_given _birthDate birthDate entry resource parameter part code coding system identifier period start value _value"
)
NAMES = st.sampled_from(WORDS.split())
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | st.text(max_size=8)
    | st.sampled_from(
        ["Patient", "Bundle", "#", "#a", "Patient/1", "2020-02-30", '<div xmlns="http://www.w3.org/1999/xhtml">a</div>']
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=6),
    max_leaves=40,
)


@given(st.dictionaries(NAMES, VALUES, max_size=10), st.sampled_from(r4().resource_types))
@settings(max_examples=200, deadline=None)
def test_any_json_gets_an_answer_that_is_a_valid_outcome(elements: dict[str, Any], resource_type: str) -> None:
    found = validate_resource({**elements, "resourceType": resource_type})

    assert validate_resource(json.loads(json.dumps(operation_outcome(found)))) == []


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_any_value_in_place_of_a_resource_gets_an_answer(value: Any) -> None:
    found = validate_resource(value)

    is_resource = isinstance(value, dict) and value.get("resourceType") in ("Patient", "Bundle")
    assert is_resource or [issue.severity for issue in found] == ["error"]


@given(st.dictionaries(NAMES, VALUES, max_size=10))
@settings(max_examples=50, deadline=None)
def test_findings_do_not_depend_on_the_source(elements: dict[str, Any]) -> None:
    resource = {**elements, "resourceType": "Patient"}

    with_source = validate_resource(resource, source=repr(resource).encode("utf-8", "replace"))
    without = validate_resource(resource)

    assert [(i.expression, i.diagnostics) for i in with_source] == [(i.expression, i.diagnostics) for i in without]


def test_resource_is_not_changed() -> None:
    content = b'{"resourceType":"Patient","name":[{"given":["A",null],"_given":[null,{"id":"x"}]}],"active":1.50}'
    resource = decode(content)

    validate_resource(resource)

    assert encode(resource) == content


def test_first_use_by_many_threads_at_once_finds_nothing_wrong() -> None:
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "1"}]},
        "valueQuantity": {"value": Decimal("1.0"), "unit": "kg"},
        "note": [{"text": "x", "authorReference": {"reference": "Patient/1"}}],
    }
    for _ in range(20):
        object_check.cache_clear()
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(validate_resource, [resource] * 32)) == [[]] * 32


@pytest.mark.parametrize("resource_type", r4().resource_types)
def test_every_resource_type_compiles_whole(resource_type: str) -> None:
    # Each element that exists is met with a value that no element can have, so its check is compiled and answers.
    names = [*r4().type(resource_type).elements, "odd"]

    found = validate_resource({"resourceType": resource_type, **{name: [] for name in names}})

    told = {location.removeprefix("/") for issue in found for location in issue.location}
    assert told >= set(names)


HOSTILE: dict[str, dict[str, Any]] = {
    "unknown names": {f"{number:060}": 1 for number in range(50_000)},
    "unknown codes": {"contact": [{"gender": "femal"} for _ in range(50_000)]},
    "wrong companions": {"name": [{"given": ["a"] * 100_000, "_given": ["x"] * 100_000}]},
    "lone nulls": {"name": [{"given": [None] * 100_000}]},
    "fragments": {
        "contained": [{"resourceType": "Practitioner", "id": str(number)} for number in range(5000)],
        "generalPractitioner": [{"reference": f"#{number}x"} for number in range(5000)],
    },
}


@pytest.mark.parametrize("elements", HOSTILE.values(), ids=HOSTILE)
def test_hostile_resource_costs_little_and_tells_a_bounded_number_of_findings(elements: dict[str, Any]) -> None:
    resource = {"resourceType": "Patient", **elements}
    source = encode(resource)
    start = time.process_time()

    found = validate_resource(resource, source=source)

    assert len(found) == 201
    assert time.process_time() - start < 2
