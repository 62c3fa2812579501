"""What `difference` makes is what the server's own patch undoes, for any two resources.

https://hl7.org/fhir/R4/fhirpatch.html
"""

import copy
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirhub.model.json import Json, decode, encode_canonical
from fhirhub.patch import fhirpath_patch
from fhirhub.plugin import difference
from fhirhub.plugin.alignment import Move, aligned
from fhirhub.validation import validate_resource
from tests.validation.conftest import official_examples

__all__ = ["official_examples"]

MOST = 60_000
"""Bytes of an example that is compared; few are larger, and they are of the same types."""


def leads(before: Json, after: Json) -> Json:
    """The patch from one resource to another, which has been applied."""
    originals = copy.deepcopy((before, after))
    patch = difference(before, after)
    made = fhirpath_patch.apply(before, patch)
    assert encode_canonical(made) == encode_canonical(after), patch
    assert (before, after) == originals
    return patch


def kinds(patch: Json) -> list[str]:
    return [row["part"][0]["valueCode"] for row in patch.get("parameter", ())]


def test_patch_leads_from_any_official_example_to_another(official_examples: dict[str, bytes]) -> None:
    by_type: dict[str, list[Json]] = {}
    for content in official_examples.values():
        if len(content) <= MOST:
            example = decode(content)
            by_type.setdefault(example["resourceType"], []).append(example)
    dice = random.Random(20240101)
    pairs = 0
    for examples in by_type.values():
        for before in dice.sample(examples, min(len(examples), 12)):
            patch = leads(before, dice.choice(examples))
            pairs += 1
            issues = [each for each in validate_resource(patch) if each.severity == "error"]
            # A value that refers to a contained resource is taken out of what contains that.
            assert [each for each in issues if each.details != "ref-1"] == []
        assert leads(examples[0], copy.deepcopy(examples[0])) == {"resourceType": "Parameters"}
    assert (len(by_type) > 130, pairs > 500) == (True, True)


def test_official_example_that_is_shuffled_is_put_in_order_by_moves(official_examples: dict[str, bytes]) -> None:
    bundles = [decode(content) for content in official_examples.values() if len(content) <= MOST]
    dice = random.Random(3)
    seen = 0
    for example in bundles:
        lists = [name for name, value in example.items() if isinstance(value, list) and len(value) > 2]
        if not lists or seen > 200:
            continue
        seen += 1
        name = dice.choice(lists)
        if f"_{name}" in example:
            continue
        shuffled = list(example[name])
        dice.shuffle(shuffled)
        assert set(kinds(leads(example, {**example, name: shuffled}))) <= {"move"}
    assert seen > 100


_scalars = st.sampled_from(["a", "b", "c", "d"])
_extensions = st.lists(
    st.builds(lambda url, value: {"url": url, "valueString": value}, st.sampled_from(["u", "v"]), _scalars),
    min_size=1,
    max_size=3,
)
_period = st.dictionaries(st.sampled_from(["start", "end"]), st.sampled_from(["2020", "2021"]), min_size=1)


@st.composite
def _names(draw: st.DrawFn) -> Json:
    name: Json = draw(st.dictionaries(st.sampled_from(["text", "family"]), _scalars))
    if given_names := draw(st.lists(st.none() | _scalars, max_size=5)):
        companions = [
            {"extension": draw(_extensions)} if value is None or draw(st.booleans()) else None for value in given_names
        ]
        if any(given_names):
            name["given"] = given_names
        if any(companions):
            name["_given"] = companions
    if draw(st.booleans()):
        name["_family"] = {"id": draw(_scalars)}
    if draw(st.booleans()):
        name["period"] = draw(_period)
    return name or {"text": "x"}


@st.composite
def _patients(draw: st.DrawFn) -> Json:
    resource: Json = {"resourceType": "Patient"}
    optional: dict[str, st.SearchStrategy[Any]] = {
        "name": st.lists(_names(), min_size=1, max_size=6),
        "active": st.booleans(),
        "extension": _extensions,
        "text": st.builds(lambda text: {"status": "generated", "div": f"<div>{text}</div>"}, _scalars),
        "contact": st.lists(
            st.builds(lambda name, period: {"name": name, "period": period}, _names(), _period), min_size=1
        ),
        "contained": st.lists(
            st.builds(lambda kind, i: {"resourceType": kind, "id": i}, st.sampled_from(["Device", "Group"]), _scalars),
            min_size=1,
            max_size=4,
        ),
        "link": st.lists(st.builds(lambda x: {"other": {"reference": x}, "type": "seealso"}, _scalars), min_size=1),
    }
    for name, values in optional.items():
        if draw(st.booleans()):
            resource[name] = draw(values)
    choice: Json = draw(
        st.sampled_from(
            [{}, {"deceasedBoolean": True}, {"deceasedDateTime": "2020"}, {"_deceasedBoolean": {"id": "x"}}]
        )
    )
    return resource | choice


@settings(max_examples=400, deadline=None)
@given(_patients(), _patients())
def test_patch_leads_from_any_patient_to_any_other(before: Json, after: Json) -> None:
    leads(before, after)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e", b"f"]), max_size=9), st.data())
def test_alignment_arranges_any_list_with_the_fewest_moves(before: list[bytes], data: st.DataObject) -> None:
    after = data.draw(st.permutations(before))
    steps = aligned(before, after)
    assert (steps.deleted, steps.changed) == ((), ())
    current = list(before)
    for step in steps.arranged:
        assert isinstance(step, Move)
        current.insert(step.destination, current.pop(step.source))
    assert current == after
    assert len(steps.arranged) < max(len(before), 1)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"birthDate": "1980"}, {"birthDate": "1981"}, ["replace Patient.birthDate"]),
        ({"active": True}, {}, ["delete Patient.active"]),
        ({}, {"active": True}, ["add Patient active"]),
        ({"deceasedBoolean": True}, {"deceasedDateTime": "2020"}, ["replace Patient.deceased"]),
        ({"name": [{"text": "a"}, {"text": "b"}]}, {"name": [{"text": "b"}]}, ["delete Patient.name[0]"]),
        ({"name": [{"text": "b"}]}, {"name": [{"text": "a"}, {"text": "b"}]}, ["insert Patient.name 0"]),
        (
            {"name": [{"text": "a"}, {"text": "b"}, {"text": "c"}]},
            {"name": [{"text": "b"}, {"text": "c"}, {"text": "a"}]},
            ["move Patient.name 0 2"],
        ),
        (
            {"contact": [{"gender": "male", "period": {"start": "2020"}}]},
            {"contact": [{"gender": "male", "period": {"end": "2020"}}]},
            ["replace Patient.contact[0].period"],
        ),
        ({}, {"contact": [{"gender": "male"}]}, ["add Patient contact"]),
        ({"birthDate": "1980"}, {"birthDate": "1980", "_birthDate": {"id": "x"}}, ["replace Patient.birthDate"]),
        ({"multipleBirthInteger": 1}, {"multipleBirthInteger": 1}, []),
    ],
)
def test_patch_says_no_more_than_it_has_to(before: Json, after: Json, expected: list[str]) -> None:
    patch = leads({"resourceType": "Patient"} | before, {"resourceType": "Patient"} | after)
    told = []
    for row in patch.get("parameter", ()):
        rest = [
            str(value)
            for part in row["part"]
            if part["name"] != "value"
            for key, value in part.items()
            if key != "name"
        ]
        told.append(" ".join(rest))
    assert told == expected


def test_digits_of_a_number_are_part_of_its_value() -> None:
    first, second = (
        decode(b'{"resourceType":"Observation","valueQuantity":{"value":%b}}' % digits) for digits in (b"1.5", b"1.50")
    )
    assert kinds(leads(first, second)) == ["replace"]


def test_names_that_fhirpath_takes_for_its_own_are_quoted() -> None:
    def codes(*names: str) -> Json:
        contains = [{"code": name, "display": "x"} for name in names]
        return {"resourceType": "ValueSet", "expansion": {"timestamp": "2020", "contains": contains}}

    assert kinds(leads(codes("a", "b"), codes("b", "c", "a"))) == ["move", "insert"]


def test_resources_of_two_types_have_no_difference() -> None:
    with pytest.raises(ValueError, match="Patient cannot become a Basic"):
        difference({"resourceType": "Patient"}, {"resourceType": "Basic"})
