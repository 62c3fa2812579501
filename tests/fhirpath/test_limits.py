"""Expressions from outside cannot take the server down: syntax, types, patterns, amounts of work."""

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fhirhub.fhirpath import FhirPathError, FhirPathSyntaxError, FhirPathTypeError, compile_expression
from fhirhub.fhirpath.functions import pattern

PATIENT: dict[str, Any] = {"resourceType": "Patient", "name": [{"family": "Li", "given": ["An", "Bo"]}], "active": True}


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0), ("a.", 2), ("a b", 2), ("'open", 0), ("a /* open", 2), ("a.b(", 4), ("{1}", 1), ("a..b", 2), ("a)", 1),
        ("1 +", 3), ("'\\q'", 0), ("div 2", 0), ("a as", 4), ("#", 0), ("$that", 0), ("a[1", 3), ("a.1", 2),
    ],
)  # fmt: skip
def test_syntax_error_says_where(text: str, position: int) -> None:
    with pytest.raises(FhirPathSyntaxError) as caught:
        compile_expression(text)
    assert caught.value.position == position
    assert f"at character {position}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Patient.nam", "Patient has no element nam"),
        ("name.select(famly)", "HumanName has no element famly"),
        ("name.where(use = 'x').period.begin", "Period has no element begin"),
        ("name.foo()", "no function foo"),
        ("name.where()", "does not take 0"),
        ("name.exists(1, 2)", "does not take 2"),
        ("name as Nam", "no type Nam"),
        ("name.ofType(1)", "takes the name of a type"),
        ("name.startsWith('x')", "startsWith is not defined for HumanName"),
        ("birthDate + 1", "not defined for date and System.Integer"),
        ("iif(gender, 1, 2)", "criterion of iif"),
        ("deceasedBoolean", "Patient has no element deceasedBoolean"),
    ],
)
def test_type_error_is_found_when_compiling(text: str, message: str) -> None:
    with pytest.raises(FhirPathTypeError, match=message):
        compile_expression(text, "Patient")


def test_types_are_not_checked_without_a_context_type() -> None:
    assert compile_expression("Patient.nam").evaluate(PATIENT) == []


def test_strict_refuses_other_types_and_positions_without_order() -> None:
    for text in ("Person.name", "Patient.children().first()", "(name | name)[0]"):
        compile_expression(text, "Patient")
        with pytest.raises(FhirPathTypeError):
            compile_expression(text, "Patient", strict=True)


@pytest.mark.parametrize(
    "regex",
    [
        "(a+)+$",
        "(a|a)*$",
        "(a|ab?)*$",
        "(a?a?)*$",
        "(-a*a*)*b",
        r"(\w+\s?)+$",
        "(.*)*x",
        "(?i)(a|A)+",
        r"(a)\1+$",
        "((a*)b?)+$",
    ],
)
def test_pattern_that_can_take_forever_is_refused(regex: str) -> None:
    with pytest.raises(FhirPathError, match="several ways"):
        pattern.search(regex, "a" * 40)


@pytest.mark.parametrize(
    ("regex", "text", "found"),
    [
        (r"^[^\s]+(\s[^\s]+)*$", "ab cd ef", True),
        (r"^urn:oid:[0-2](\.(0|[1-9][0-9]*))+$", "urn:oid:1.2.840", True),
        (r"^([A-Za-z0-9\-]{2,5}){1,3}x$", "ab", None),
        (r"^(a|b)*$", "ab" * 500, True),
        (r"^((ab)+c)+$", "ababc" * 50, True),
        (r"(?=.*a)b{2,3}", "bba", True),
        (r"[A-Z]([A-Za-z0-9_]){0,254}", "Name_1", True),
    ],
)
def test_pattern_that_ends_is_matched(regex: str, text: str, found: bool | None) -> None:
    if found is None:
        with pytest.raises(FhirPathError):
            pattern.search(regex, text)
    else:
        assert pattern.search(regex, text) is found


REGEXES = st.recursive(
    st.sampled_from(["a", "b", "[ab]", ".", r"\w", "a?", "b*", "a+", "a{1,20}", "^", "$"]),
    lambda inner: (
        st.tuples(inner, inner).map("".join)
        | st.tuples(inner, inner).map("|".join).map("({})".format)
        | st.tuples(inner, st.sampled_from(["", "*", "+", "?", "{2}", "{0,12}"])).map(lambda x: f"({x[0]}){x[1]}")
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(REGEXES, st.sampled_from(["a" * 60, "ab" * 40, "b" * 30 + "c", "aab" * 20 + "!"]))
@example("((a|b)+c)+$", "ab" * 500)
def test_any_pattern_ends_soon(regex: str, text: str) -> None:
    begun = time.process_time()
    with suppress(FhirPathError):
        pattern.search(regex, text)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "text",
    [
        "'a'" + ".replace('a', 'aaaaaaaaaa')" * 30,
        "('" + "' | '".join(map(str, range(60))) + "').aggregate($total & $total & 'a', 'a')",
        "('" + "' | '".join(map(str, range(60))) + "').aggregate($total.combine($total), 1)",
        "1.repeat($this + 1)",
        "descendants()" + ".select(%resource.descendants())" * 12,
        "descendants()" + ".select(%context.descendants().select($this | %resource))" * 12,
        "(" * 70 + "1" + ")" * 70,
        "a" + ".a" * 300,
        "1" + " + 1" * 300,
        "-" * 100 + "1",
        "a" * 30_000,
        "a.where(" * 55 + "b" + ".where(c)" * 190 + ")" * 55 + ".toInteger(1)",
    ],
)
def test_expression_that_would_take_too_much_is_refused(text: str) -> None:
    begun = time.process_time()
    with pytest.raises(FhirPathError):
        compile_expression(text).evaluate(PATIENT)
    assert time.process_time() - begun < 20


TOKENS = st.sampled_from(
    [
        "Patient",
        "name",
        "given",
        "active",
        "value",
        "'a'",
        "1",
        "2.5",
        "@2020",
        "@T10:00",
        "{}",
        "true",
        "$this",
        "$index",
        "%resource",
        "(",
        ")",
        "[0]",
        ".",
        "|",
        "+",
        "-",
        "and",
        "or",
        "=",
        "~",
        "<",
        "is",
        "as",
        "in",
        "where(",
        "select(",
        "exists()",
        "first()",
        "count()",
        "iif(",
        ",",
        "toString()",
        "type()",
        "descendants()",
        "not()",
        "'mg'",
        "days",
        "String",
        "lowBoundary()",
        "length()",
        "round(1)",
        "sort(",
        "aggregate(",
        "resolve()",
        "abs()",
    ]
)
TEXTS = st.tuples(st.sampled_from(["", " "]), st.lists(TOKENS, max_size=14)).map(lambda x: x[0].join(x[1]))


@settings(deadline=None)
@given(TEXTS, st.sampled_from([None, "Patient"]))
def test_any_expression_fails_with_a_fhirpath_error_only(text: str, context_type: str | None) -> None:
    with suppress(FhirPathError):
        compile_expression(text, context_type).evaluate(PATIENT)


SHAPE_SENSITIVE = [
    "name.given.upper()",
    "birthDate + 1 day",
    "birthDate < today()",
    "active and active",
    "-birthDate.toString().length()",
    "link.other.resolve()",
    "link.where(other.resolve() is Patient)",
    "extension('u').value",
    "contained.id",
    "text.`div`.htmlChecks()",
    "birthDate.lowBoundary()",
    "name.family & 'x'",
    "(name | contained).count()",
    "descendants().where($this = 'x').count()",
    "birthDate ~ @2020",
    "name.family.join(',')",
    "managingOrganization.resolve().name",
    "children().distinct().count()",
    "name.sort(family)",
    "birthDate.toString() + '1'",
    "active.toInteger() * 2",
    "birthDate.toDateTime()",
    "multipleBirth + 1",
    "multipleBirth as integer",
]
SCALARS = st.sampled_from([None, True, 5, "x", "2020-01-01", {}, [], {"value": "x"}, [1], {"reference": 5}])


@settings(deadline=None)
@given(SCALARS, SCALARS, SCALARS)
def test_resources_of_the_wrong_shape_fail_with_a_fhirpath_error_only(one: Any, two: Any, three: Any) -> None:
    patient = {
        "resourceType": "Patient",
        "name": one,
        "birthDate": two,
        "active": three,
        "link": [{"other": one}],
        "extension": [two],
        "contained": [three],
        "text": {"div": one},
        "multipleBirthInteger": two,
        "managingOrganization": two,
    }
    for text in SHAPE_SENSITIVE:
        with suppress(FhirPathError):
            compile_expression(text, "Patient").evaluate(patient)
