"""What the build tool keeps of code systems and value sets, and what their tables give."""

from typing import Any

from fhirhub.definitions import build, parents_of, r4_code_systems, r4_value_sets

SYSTEM: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "url": "http://e.org/s",
    "version": "1",
    "content": "complete",
    "concept": [
        {"code": "a", "display": "A", "concept": [{"code": "b"}]},
        {"code": "c", "property": [{"code": "child", "valueCode": "b"}]},
        {"code": "d", "property": [{"code": "subsumedBy", "valueCode": "c"}, {"code": "status", "valueCode": "a"}]},
    ],
}


def value_set(name: str, **compose: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "url": f"http://e.org/{name}", "status": "draft", "compose": compose}


def test_code_system_keeps_codes_with_those_above_them() -> None:
    assert parents_of(SYSTEM) == {"a": (), "b": ("a", "c"), "c": (), "d": ("c",)}
    assert parents_of({**SYSTEM, "hierarchyMeaning": "part-of"}) == {"a": (), "b": (), "c": (), "d": ()}
    package = {"1": SYSTEM, "2": {**SYSTEM, "url": "http://e.org/t", "content": "fragment"}}
    assert list(build.code_systems(package)) == [["http://e.org/s", "1", [["a"], ["b", "a", "c"], ["c"], ["d", "c"]]]]


def test_code_without_a_value_is_left_out() -> None:
    unknown = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }
    above = {"uri": "http://hl7.org/fhir/concept-properties#parent", "type": "code"}
    stated = {"_code": unknown, "valueCode": "a"}
    system = {
        "property": [{"_code": unknown, **above}, {"code": "over", **above}],
        "concept": [
            {"_code": unknown, "concept": [{"code": "a"}]},
            {"code": "b", "property": [stated, {"code": "over", "valueCode": "a"}]},
        ],
    }
    assert parents_of(system) == {"a": (), "b": ("a",)}


def test_value_set_of_codes_that_are_not_there_is_left_out() -> None:
    named = {"system": "http://e.org/else", "concept": [{"code": "x", "display": "X"}], "extension": []}
    whole = {"system": "http://e.org/s"}
    package = {
        "1": SYSTEM,
        "2": value_set("named", include=[named], exclude=[whole]),
        "3": value_set("elsewhere", include=[{"system": "http://e.org/else"}]),
        "4": value_set("nested", include=[{"valueSet": ["http://e.org/named"]}]),
    }
    assert list(build.compositions(package)) == [
        [
            "http://e.org/named",
            None,
            {"include": [{"system": "http://e.org/else", "concept": [{"code": "x"}]}], "exclude": [whole]},
        ],
        ["http://e.org/nested", None, {"include": [{"valueSet": ["http://e.org/named"]}]}],
    ]


def test_tables_hold_the_hierarchies_of_r4() -> None:
    issues = r4_code_systems()["http://hl7.org/fhir/issue-type"]
    assert issues.above("code-invalid") == frozenset({"code-invalid", "processing"})
    assert issues.below("throttled") == frozenset({"throttled"})
    assert issues.below("no-such-code") is None
    assert len(r4_code_systems()) > 1_000
    assert len(r4_value_sets()) > 1_200
