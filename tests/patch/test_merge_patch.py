"""JSON Merge Patch: https://datatracker.ietf.org/doc/html/rfc7386."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import decode, encode
from fhirhub.patch import merge_patch


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        # Appendix A, those rows whose target and patch are objects.
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        # Section 3: null inside an array is a value, an object over another value starts from nothing.
        ({"a": 1}, {"a": [None, {"b": None}]}, {"a": [None, {"b": None}]}),
        ({"a": [1]}, {"a": {"b": 1, "c": None}}, {"a": {"b": 1}}),
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": None}}}, {"a": {"b": {"d": 2}}}),
        ({"a": 1}, {}, {"a": 1}),
    ],
)
def test_merge_patch_merges(target: Any, patch: Any, result: Any) -> None:
    before = copy.deepcopy((target, patch))
    assert merge_patch.apply(target, patch) == result
    assert (target, patch) == before


@pytest.mark.parametrize("patch", [None, [], ["c"], "bar", 1, False])
def test_merge_patch_has_to_be_an_object(patch: Any) -> None:
    with pytest.raises(FhirError) as caught:
        merge_patch.apply({"a": "b"}, patch)
    assert caught.value.failure is Failure.BAD_VALUE
    assert "object" in caught.value.issues[0].diagnostics


def test_merge_patch_keeps_decimals() -> None:
    patched = merge_patch.apply(decode(b'{"a":1.50,"b":{"c":2.00}}'), decode(b'{"b":{"d":3.000}}'))
    assert encode(patched) == b'{"a":1.50,"b":{"c":2.00,"d":3.000}}'


def test_merge_patch_refuses_deep_nesting() -> None:
    patch: dict[str, Any] = {}
    for _ in range(2000):
        patch = {"a": patch}
    with pytest.raises(FhirError, match="levels"):
        merge_patch.apply({}, patch)


_values = st.recursive(
    st.none() | st.integers(0, 3) | st.booleans(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
_objects = st.dictionaries(st.sampled_from("abc"), _values, max_size=3)


@given(_objects, _objects)
def test_merge_patch_twice_is_once(target: Any, patch: Any) -> None:
    before = copy.deepcopy((target, patch))
    once = merge_patch.apply(target, patch)
    assert merge_patch.apply(once, patch) == once
    assert (target, patch) == before


@given(_objects, _objects)
def test_merge_patch_sets_and_removes_what_it_names(target: Any, patch: Any) -> None:
    merged = merge_patch.apply(target, patch)
    for key in target.keys() | patch.keys():
        if key not in patch:
            assert merged[key] == target[key]
        elif patch[key] is None:
            assert key not in merged
        elif not isinstance(patch[key], dict):
            assert merged[key] == patch[key]
        else:
            inner = target.get(key)
            assert merged[key] == merge_patch.apply(inner if isinstance(inner, dict) else {}, patch[key])
