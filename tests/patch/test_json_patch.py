"""JSON Patch: https://datatracker.ietf.org/doc/html/rfc6902."""

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import decode, encode
from fhirhub.patch import json_patch
from fhirhub.patch.limits import MAX_OPERATIONS

# The examples of appendix A: document, patch, result.
APPENDIX = {
    "A.1": ('{"foo":"bar"}', '[{"op":"add","path":"/baz","value":"qux"}]', '{"baz":"qux","foo":"bar"}'),
    "A.2": (
        '{"foo":["bar","baz"]}',
        '[{"op":"add","path":"/foo/1","value":"qux"}]',
        '{"foo":["bar","qux","baz"]}',
    ),
    "A.3": ('{"baz":"qux","foo":"bar"}', '[{"op":"remove","path":"/baz"}]', '{"foo":"bar"}'),
    "A.4": ('{"foo":["bar","qux","baz"]}', '[{"op":"remove","path":"/foo/1"}]', '{"foo":["bar","baz"]}'),
    "A.5": (
        '{"baz":"qux","foo":"bar"}',
        '[{"op":"replace","path":"/baz","value":"boo"}]',
        '{"baz":"boo","foo":"bar"}',
    ),
    "A.6": (
        '{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}',
        '[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]',
        '{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}',
    ),
    "A.7": (
        '{"foo":["all","grass","cows","eat"]}',
        '[{"op":"move","from":"/foo/1","path":"/foo/3"}]',
        '{"foo":["all","cows","eat","grass"]}',
    ),
    "A.8": (
        '{"baz":"qux","foo":["a",2,"c"]}',
        '[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]',
        '{"baz":"qux","foo":["a",2,"c"]}',
    ),
    "A.10": (
        '{"foo":"bar"}',
        '[{"op":"add","path":"/child","value":{"grandchild":{}}}]',
        '{"foo":"bar","child":{"grandchild":{}}}',
    ),
    "A.11": (
        '{"foo":"bar"}',
        '[{"op":"add","path":"/baz","value":"qux","xyz":123}]',
        '{"foo":"bar","baz":"qux"}',
    ),
    "A.14": ('{"/":9,"~1":10}', '[{"op":"test","path":"/~01","value":10}]', '{"/":9,"~1":10}'),
    "A.16": (
        '{"foo":["bar"]}',
        '[{"op":"add","path":"/foo/-","value":["abc","def"]}]',
        '{"foo":["bar",["abc","def"]]}',
    ),
}


@pytest.mark.parametrize("name", APPENDIX)
def test_json_patch_does_what_the_appendix_says(name: str) -> None:
    document, patch, result = (decode(text.encode()) for text in APPENDIX[name])
    assert json_patch.apply(document, patch) == result


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"a": 1}, [], {"a": 1}),
        ({"a": 1}, [{"op": "add", "path": "/a", "value": 2}], {"a": 2}),
        ({"a": 1}, [{"op": "add", "path": "/a", "value": None}], {"a": None}),
        ({"a": 1}, [{"op": "add", "path": "", "value": {"b": 2}}], {"b": 2}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
        ({"a": [1]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/0", "value": 2}], {"a": [2, 1]}),
        ({"": 1, " ": 2}, [{"op": "replace", "path": "/", "value": 3}], {"": 3, " ": 2}),
        ({"a/b": 1, "c~d": 2}, [{"op": "remove", "path": "/a~1b"}, {"op": "remove", "path": "/c~0d"}], {}),
        ({"a": {"0": 1, "-": 2}}, [{"op": "remove", "path": "/a/0"}, {"op": "remove", "path": "/a/-"}], {"a": {}}),
        ({"a": {"01": 1}}, [{"op": "replace", "path": "/a/01", "value": 2}], {"a": {"01": 2}}),
        ({"a": [{"b": [1, 2]}]}, [{"op": "replace", "path": "/a/0/b/1", "value": 3}], {"a": [{"b": [1, 3]}]}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
        ({"a": [1, 2]}, [{"op": "copy", "from": "/a/0", "path": "/a/-"}], {"a": [1, 2, 1]}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "", "path": "/a/c"}], {"a": {"b": 1, "c": {"a": {"b": 1}}}}),
        ({"a": 1}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": 1}),
        ({"a": 1}, [{"op": "move", "from": "/a", "path": "/b"}], {"b": 1}),
        ({"a": [1, 2, 3]}, [{"op": "move", "from": "/a/2", "path": "/a/0"}], {"a": [3, 1, 2]}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/a"}], {"a": 1}),
        ({"ab": 1, "a": 2}, [{"op": "move", "from": "/a", "path": "/ab"}], {"ab": 2}),
        ({"a": 1}, [{"op": "test", "path": "", "value": {"a": 1}}], {"a": 1}),
    ],
)
def test_json_patch_applies(document: Any, patch: Any, result: Any) -> None:
    patched = json_patch.apply(document, patch)
    assert patched == result
    assert list(map(type, patched.values())) == list(map(type, result.values()))


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("1.50", "1.5", True),
        ("1", "1.0", True),
        ("1", "1e0", True),
        ("0.1", "0.10000000000000001", False),
        ("100000000000000000000000000000001", "100000000000000000000000000000000", False),
        ("true", "1", False),
        ("false", "0", False),
        ("true", "true", True),
        ("null", "false", False),
        ("null", "null", True),
        ('"1"', "1", False),
        ('"a"', '"a"', True),
        ("[1,2]", "[2,1]", False),
        ("[1,2]", "[1,2,3]", False),
        ("[1,[2.0]]", "[1.0,[2]]", True),
        ('{"a":1,"b":2}', '{"b":2,"a":1.0}', True),
        ('{"a":1}', '{"a":1,"b":null}', False),
        ("[]", "{}", False),
    ],
)
def test_json_patch_test_compares_by_value(left: str, right: str, same: bool) -> None:
    document = decode(b'{"a":' + left.encode() + b"}")
    patch = decode(b'[{"op":"test","path":"/a","value":' + right.encode() + b"}]")
    if same:
        assert json_patch.apply(document, patch) == document
        return
    with pytest.raises(FhirError) as caught:
        json_patch.apply(document, patch)
    assert caught.value.status == 422
    assert "Operation 0 of the patch (test /a)" in caught.value.issues[0].diagnostics


@pytest.mark.parametrize(
    ("document", "operation", "clause"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz/bat", "value": 1}, "no member 'baz'"),
        ({"a": 1}, {"op": "add", "path": "/a/b", "value": 1}, "neither an object nor an array"),
        ({"a": [1]}, {"op": "add", "path": "/a/2", "value": 1}, "none at 2"),
        ({"a": [1]}, {"op": "add", "path": "/a/b", "value": 1}, "no index"),
        ({"a": [1]}, {"op": "add", "path": "/a/00", "value": 1}, "no index"),
        ({"a": [1]}, {"op": "add", "path": "/a/+0", "value": 1}, "no index"),
        ({"a": [1]}, {"op": "add", "path": "/a/-1", "value": 1}, "no index"),
        ({"a": [1]}, {"op": "add", "path": "/a/٠", "value": 1}, "no index"),
        ({"a": [1]}, {"op": "add", "path": "/a/1e0", "value": 1}, "no index"),
        ({"a": [1]}, {"op": "add", "path": "/a/" + "9" * 5000, "value": 1}, "no index"),
        ({"a": [1]}, {"op": "replace", "path": "/a/1", "value": 1}, "none at 1"),
        ({"a": [1]}, {"op": "replace", "path": "/a/-", "value": 1}, "no index"),
        ({"a": [1]}, {"op": "replace", "path": "/b", "value": 1}, "no member 'b'"),
        ({"a": [1]}, {"op": "remove", "path": "/a/-"}, "no index"),
        ({"a": [1]}, {"op": "remove", "path": "/a/1"}, "none at 1"),
        ({"a": [1]}, {"op": "remove", "path": "/b"}, "no member 'b'"),
        ({"a": [1]}, {"op": "copy", "from": "/b", "path": "/c"}, "no member 'b'"),
        ({"a": [1]}, {"op": "move", "from": "/b", "path": "/b"}, "no member 'b'"),
        ({"a": [1]}, {"op": "move", "from": "/a", "path": "/b/c"}, "no member 'b'"),
        ({"a": [1]}, {"op": "test", "path": "/b", "value": None}, "no member 'b'"),
        ({"baz": "qux"}, {"op": "test", "path": "/baz", "value": "bar"}, "the test fails"),
        ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": "10"}, "the test fails"),
    ],
)
def test_json_patch_refuses_what_does_not_fit(document: Any, operation: Any, clause: str) -> None:
    with pytest.raises(FhirError) as caught:
        json_patch.apply(document, [{"op": "test", "path": "", "value": document}, operation])
    issue = caught.value.issues[0]
    assert (caught.value.failure, issue.location) == (Failure.UNPROCESSABLE, ("/1",))
    assert clause in issue.diagnostics
    assert issue.diagnostics.startswith("Operation 1 of the patch (" + operation["op"])


@pytest.mark.parametrize(
    "operation",
    [
        None,
        "add",
        ["add", "/a", 1],
        {},
        {"op": "spam", "path": "/a"},
        {"op": ["add"], "path": "/a", "value": 1},
        {"op": "ADD", "path": "/a", "value": 1},
        {"op": "add", "value": 1},
        {"op": "add", "path": "/a"},
        {"op": "add", "path": 1, "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/a~2b", "value": 1},
        {"op": "add", "path": "/a~", "value": 1},
        {"op": "replace", "path": "/a"},
        {"op": "test", "path": "/a"},
        {"op": "copy", "path": "/a"},
        {"op": "move", "path": "/a"},
        {"op": "move", "path": "/a", "from": "b"},
        {"op": "move", "from": "/a", "path": "/a/b"},
        {"op": "move", "from": "", "path": "/a"},
        {"op": "remove", "path": ""},
        {"op": "add", "path": "/a" * 65, "value": 1},
    ],
)
def test_json_patch_refuses_malformed_operations_before_applying_any(operation: Any) -> None:
    with pytest.raises(FhirError) as caught:
        json_patch.apply({"a": 1}, [{"op": "remove", "path": "/missing"}, operation])
    assert caught.value.failure is Failure.BAD_VALUE
    assert caught.value.issues[0].location == ("/1",)
    assert caught.value.issues[0].diagnostics.startswith("Operation 1 of the patch is malformed: ")


@pytest.mark.parametrize("patch", [None, {}, {"op": "remove", "path": "/a"}, "x", 1, True])
def test_json_patch_has_to_be_an_array(patch: Any) -> None:
    with pytest.raises(FhirError) as caught:
        json_patch.apply({"a": 1}, patch)
    assert caught.value.status == 400


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_json_patch_leaves_an_object(value: Any) -> None:
    with pytest.raises(FhirError) as caught:
        json_patch.apply({"a": 1}, [{"op": "replace", "path": "", "value": value}])
    assert caught.value.failure is Failure.UNPROCESSABLE


def test_json_patch_cannot_blow_a_resource_up() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"}] * 60
    with pytest.raises(FhirError) as caught:
        json_patch.apply({"a": [1, 2, 3]}, doubling)
    assert caught.value.failure is Failure.TOO_COSTLY


def test_json_patch_cannot_nest_without_end() -> None:
    with pytest.raises(FhirError, match="levels"):
        json_patch.apply({"a": {}}, [{"op": "copy", "from": "", "path": "/a/a"}] * 10 + _nested(70))


def _nested(depth: int) -> list[dict[str, Any]]:
    return [{"op": "add", "path": "/b", "value": {}}] + [{"op": "move", "from": "/b", "path": "/c"},
        {"op": "add", "path": "/b", "value": {}}, {"op": "move", "from": "/c", "path": "/b/b"}] * depth  # fmt: skip


def test_json_patch_has_a_limit_of_operations() -> None:
    test = {"op": "test", "path": "/a", "value": 1}
    assert json_patch.apply({"a": 1}, [test] * MAX_OPERATIONS) == {"a": 1}
    with pytest.raises(FhirError) as caught:
        json_patch.apply({"a": 1}, [test] * (MAX_OPERATIONS + 1))
    assert caught.value.failure is Failure.TOO_COSTLY


def test_json_patch_keeps_decimals() -> None:
    document = decode(b'{"a":1.50,"b":[2.00]}')
    patch = decode(b'[{"op":"move","from":"/a","path":"/b/0"},{"op":"add","path":"/c","value":3.000}]')
    assert encode(json_patch.apply(document, patch)) == b'{"b":[1.50,2.00],"c":3.000}'


_scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "", Decimal("1.0"), Decimal("0.50")])
_keys = st.sampled_from(["a", "b", "0", "-", "a/b", "~", ""])
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3), max_leaves=8
)
_documents = st.dictionaries(_keys, _values, max_size=4)
_pointers = st.lists(st.sampled_from(["a", "b", "0", "1", "-", "a~1b", "~0", ""]), max_size=3).map(
    lambda tokens: "".join(f"/{token}" for token in tokens)
)
_operations = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": _pointers},
    optional={"value": _values, "from": _pointers},
)


@settings(max_examples=300, deadline=None)
@given(_documents, st.lists(_operations, max_size=5))
def test_json_patch_never_changes_its_arguments(document: Any, patch: Any) -> None:
    before = copy.deepcopy((document, patch))
    try:
        patched = json_patch.apply(document, patch)
    except FhirError as error:
        assert error.status in {400, 422}
        assert all(issue.diagnostics for issue in error.issues)
    else:
        assert isinstance(patched, dict)
        encode(patched)
    assert (document, patch) == before


@settings(max_examples=150, deadline=None)
@given(_documents, _pointers, _values)
def test_json_patch_finds_what_it_added(document: Any, path: str, value: Any) -> None:
    try:
        patched = json_patch.apply(document, [{"op": "add", "path": path, "value": value}])
    except FhirError:
        return
    if path.endswith("/-") and isinstance(_at(document, path[:-2]), list):
        path = f"{path[:-1]}{len(_at(document, path[:-2]))}"
    assert json_patch.apply(patched, [{"op": "test", "path": path, "value": value}]) == patched


@settings(max_examples=150, deadline=None)
@given(_documents, _pointers, _values)
def test_json_patch_undoes_what_it_added(document: Any, path: str, value: Any) -> None:
    if not path or path.endswith("/-"):
        return
    try:
        patched = json_patch.apply(document, [{"op": "add", "path": path, "value": value}])
    except FhirError:
        return
    container = _at(document, path.rpartition("/")[0])
    token = path.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    if isinstance(container, dict) and token in container:
        undo = {"op": "replace", "path": path, "value": container[token]}
    else:
        undo = {"op": "remove", "path": path}
    restored = json_patch.apply(patched, [undo])
    assert json_patch.equal(restored, document)


def _at(document: Any, path: str) -> Any:
    for token in path.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


@settings(max_examples=150, deadline=None)
@given(_documents, _values)
def test_json_patch_raises_nothing_but_fhir_errors(document: Any, patch: Any) -> None:
    try:
        assert json_patch.apply(document, patch) == document
    except FhirError as error:
        assert error.status == 400
