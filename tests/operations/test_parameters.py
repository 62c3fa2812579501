"""Parameters of operations, from a request to values and from values to a resource.

https://hl7.org/fhir/R4/operations.html#request
"""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirhub.errors import FhirError
from fhirhub.model.json import Json
from fhirhub.operations.parameters import can_be_got, read, written
from fhirhub.validation import validate_resource


def row(name: str, kind: str | None = None, most: str = "1", use: str = "in", least: int = 0, **more: Any) -> Json:
    return {"name": name, "use": use, "min": least, "max": most, **({"type": kind} if kind else {}), **more}


DEFINITION: Json = {
    "code": "try",
    "parameter": [
        row("flag", "boolean"),
        row("whole", "positiveInt"),
        row("number", "decimal", "*"),
        row("day", "date"),
        row("at", "instant"),
        row("word", "code", "*"),
        row("any", "*"),
        row("period", "Period"),
        row("person", "Patient"),
        row("pair", most="*", part=[row("key", "string", least=1), row("inner", part=[row("deep", "uri")])]),
        row("return", "*", use="out"),
    ],
}
PERIOD = {"start": "2024"}


def asked(query: str = "", *rows: Json, **options: Any) -> dict[str, Any]:
    """What is read of a URL and of Parameters."""
    pairs = tuple((name, value) for name, _, value in (each.partition("=") for each in query.split("&") if each))
    body = {"resourceType": "Parameters", "parameter": list(rows)} if rows else None
    return dict(read(DEFINITION, body, pairs, validate_resource, **options).values)


@pytest.mark.parametrize(
    ("query", "rows", "expected"),
    [
        ("flag=true", (), {"flag": True}),
        ("flag=false&whole=12", (), {"flag": False, "whole": 12}),
        ("number=1.50", (), {"number": [Decimal("1.50")]}),
        ("number=-1&number=2e2", (), {"number": [Decimal(-1), Decimal("2e2")]}),
        ("day=2024-02", (), {"day": "2024-02"}),
        ("at=2024-02-03T10:00:00+08:00", (), {"at": "2024-02-03T10:00:00+08:00"}),
        ("word=b", ({"name": "word", "valueCode": "a"},), {"word": ["a", "b"]}),
        ("", ({"name": "word", "valueString": "a"},), {"word": ["a"]}),
        ("", ({"name": "any", "valuePeriod": PERIOD},), {"any": {"valuePeriod": PERIOD}}),
        ("", ({"name": "period", "valuePeriod": PERIOD},), {"period": PERIOD}),
        ("", ({"name": "person", "resource": {"resourceType": "Patient"}},), {"person": {"resourceType": "Patient"}}),
        (
            "",
            (
                {
                    "name": "pair",
                    "part": [
                        {"name": "key", "valueString": "k"},
                        {"name": "inner", "part": [{"name": "deep", "valueUri": "urn:x"}]},
                    ],
                },
            ),
            {"pair": [{"key": "k", "inner": {"deep": "urn:x"}}]},
        ),
    ],
)
def test_values_are_read_by_their_types(query: str, rows: tuple[Json, ...], expected: dict[str, Any]) -> None:
    found = asked(query, *rows)
    assert found == expected
    assert [str(value) for value in found.values()] == [str(value) for value in expected.values()]


@pytest.mark.parametrize(
    ("query", "rows", "says"),
    [
        ("flag=yes", (), "flag: 'yes' is no boolean"),
        ("flag=True", (), "flag: 'True' is no boolean"),
        ("whole=0", (), "whole"),
        ("whole=1.0", (), "whole: '1.0' is no positiveInt"),
        ("whole=١", (), "whole: '١' is no positiveInt"),
        ("whole=99999999999", (), "whole"),
        ("whole=" + "9" * 5000, (), "whole"),
        ("number=1_000", (), "number: '1_000' is no decimal"),
        ("number=NaN", (), "number: 'NaN' is no decimal"),
        ("number=Infinity", (), "number"),
        ("number=", (), "number"),
        ("day=2024-02-30", (), "day"),
        ("day=2024-02-03T10:00:00Z", (), "day"),
        ("at=2024", (), "at"),
        ("word=", (), "word"),
        ("word= a", (), "word"),
        ("any=x", (), "any: a URL can only carry primitive values"),
        ("period=2024", (), "period: a URL can only carry primitive values, and it takes Period"),
        ("person=Patient/1", (), "and it takes Patient"),
        ("pair=x", (), "and it takes parts"),
        ("return=x", (), "no parameter 'return'"),
        ("flags=true", (), "Did you mean flag?"),
        ("flag=true&flag=true", (), "at most 1 times, not 2"),
        ("flag=true", ({"name": "flag", "valueBoolean": True},), "at most 1 times, not 2"),
        ("", ({"name": "flag", "valueString": "true"},), "it takes valueBoolean, not valueString"),
        ("", ({"name": "flag"},), "flag: it takes valueBoolean"),
        ("", ({"name": "any", "part": [{"name": "x", "valueCode": "y"}]},), "any: it takes a value"),
        ("", ({"name": "person", "resource": {"resourceType": "Basic", "code": {"text": "x"}}},), "of type Patient"),
        ("", ({"name": "person", "resource": {"resourceType": "Patient", "gender": "x"}},), "gender"),
        ("", ({"name": "person", "valueReference": {"reference": "Patient/1"}},), "of type Patient"),
        ("", ({"name": "pair", "valueString": "x"},), "pair: it takes parts: key, inner"),
        ("", ({"name": "pair", "part": [{"name": "kye", "valueString": "x"}]},), "Did you mean key?"),
        ("", ({"name": "pair", "part": [{"name": "inner", "part": []}]},), ""),
        ("", ({"name": "pair", "part": [{"name": "inner", "part": [{"name": "deep", "valueUri": "x"}]}]},), "key"),
        ("", ({"valueString": "x"},), "name"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(query: str, rows: tuple[Json, ...], says: str) -> None:
    with pytest.raises(FhirError) as refusal:
        asked(query, *rows)
    assert refusal.value.status == 400
    assert any(says in f"{each.diagnostics} {each.expression}" for each in refusal.value.issues), refusal.value.issues
    if query and not rows:
        assert refusal.value.issues[0].expression[0].startswith(("http.", "Parameters.parameter"))


def test_search_parameters_are_handed_over_as_they_were_sent() -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "code:in", "valueUri": "urn:vs"},
            {"name": "value-quantity", "valueDecimal": Decimal("1.50")},
            {"name": "flag", "valueBoolean": True},
            {"name": "active", "valueBoolean": False},
        ],
    }
    query = (("patient", "1"), ("whole", "3"), ("date", "ge2020"))
    found = read(DEFINITION, body, query, validate_resource, search_parameters=True)
    assert found.values == {"flag": True, "whole": 3}
    assert found.query == (
        ("code:in", "urn:vs"), ("value-quantity", "1.50"), ("active", "false"), ("patient", "1"), ("date", "ge2020"),
    )  # fmt: skip
    wrong = {"resourceType": "Parameters", "parameter": [{"name": "code", "valuePeriod": PERIOD}]}
    with pytest.raises(FhirError, match="Search parameter 'code': it takes a primitive value"):
        read(DEFINITION, wrong, (), validate_resource, search_parameters=True)


def test_resource_stands_for_the_only_parameter_that_takes_it() -> None:
    person = {"resourceType": "Patient"}
    assert read(DEFINITION, person, (("flag", "true"),), validate_resource).values == {"person": person, "flag": True}
    for body, says in (({"resourceType": "Basic"}, "must be Parameters, not Basic"), (person | {"x": 1}, "x")):
        with pytest.raises(FhirError) as refusal:
            read(DEFINITION, body, (), validate_resource)
        assert says in str(refusal.value.issues)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (None, None),
        ({"resourceType": "Patient"}, {"resourceType": "Patient"}),
        ({"return": {"resourceType": "Patient"}}, {"resourceType": "Patient"}),
        ({}, []),
        ({"return": {"valueCode": "x"}}, [{"name": "return", "valueCode": "x"}]),
        ({"meta": {"tag": []}}, [{"name": "meta", "valueMeta": {"tag": []}}]),
        ({"meta": None}, []),
        (
            {"match": [{"score": Decimal("0.9")}, {"score": None}]},
            [
                {"name": "match", "part": [{"name": "score", "valueDecimal": Decimal("0.9")}]},
                {"name": "match", "part": []},
            ],
        ),
        ({"found": {"resourceType": "Basic"}}, [{"name": "found", "resource": {"resourceType": "Basic"}}]),
    ],
)
def test_what_is_returned_becomes_a_resource(result: Any, expected: Any) -> None:
    out = [
        row("return", "*", use="out"),
        row("meta", "Meta", use="out"),
        row("found", "Resource", use="out"),
        row("match", most="*", use="out", part=[row("score", "decimal", use="out")]),
    ]
    wanted = {"resourceType": "Parameters", "parameter": expected} if isinstance(expected, list) else expected
    assert written({"parameter": out}, result) == wanted


def test_get_is_for_what_changes_nothing_and_a_url_can_carry() -> None:
    assert can_be_got(DEFINITION)
    assert can_be_got({})
    assert not can_be_got({"affectsState": True})
    assert not can_be_got({"parameter": [row("x", "Period", least=1)]})
    assert not can_be_got({"parameter": [row("x", part=[row("y", "code")], least=1)]})
    assert can_be_got({"parameter": [row("x", "code", least=1)]})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "part", "resource", "valueString", "valueBoolean", "resourceType", "_valueCode"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(_json, st.lists(st.tuples(st.sampled_from([each["name"] for each in DEFINITION["parameter"]]), st.text())))
def test_whatever_is_sent_is_read_or_refused(rows: Any, query: list[tuple[str, str]]) -> None:
    body = {"resourceType": "Parameters", "parameter": rows}
    for each in (body, None):
        try:
            read(DEFINITION, each, tuple(query), validate_resource)
        except FhirError as error:
            assert error.status == 400
