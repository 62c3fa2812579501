"""`_filter`: its grammar, what its operators mean, and what is wrong where."""

import pytest

from fhirhub.search.filter import (
    And,
    Filter,
    Not,
    Or,
    RangeIs,
    ReferredBy,
    Refers,
    TokenHas,
    TokenIs,
    TokenStartsWith,
    all_of,
)
from fhirhub.search.filter_expression import Combination, Comparison, Negation, Step, parse_expression
from fhirhub.search.keys import string_key

from .conftest import BASE_URL, Search, refused

MALE, ACTIVE, BOB = TokenIs("gender=male|"), TokenIs("active=true|"), TokenStartsWith("family=bob|")
DAY = 86_400_000_000
START_2000 = 10_957 * DAY


def expression(search: Search, resource_type: str, text: str) -> Filter:
    query = search(resource_type, ("_filter", text))
    assert query.used == (("_filter", text),)
    return query.filter


def test_paths_operators_and_values_are_told_apart() -> None:
    assert parse_expression(' subject[name co "p\\"]t"].birthdate ge 2000-01-01 ') == Comparison(
        (Step("subject", Comparison((Step("name"),), "co", 'p"]t', 10)), Step("birthdate")), "ge", "2000-01-01", 2
    )
    assert parse_expression("_has:Observation:patient:code eq http://loinc.org|1-8") == Comparison(
        (Step("_has:Observation:patient:code"),), "eq", "http://loinc.org|1-8", 1
    )
    assert parse_expression("not (a eq 1)and(b eq 2)") == Combination(
        "and", (Negation(Comparison((Step("a"),), "eq", "1", 6)), Comparison((Step("b"),), "eq", "2", 17))
    )
    # A parameter may be called like an operator, and begin like `not`.
    assert parse_expression("note eq eq") == Comparison((Step("note"),), "eq", "eq", 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gender eq male", MALE),
        ("gender eq male and active eq true", And((MALE, ACTIVE))),
        ("gender eq male or active eq true", Or((MALE, ACTIVE))),
        ("gender eq male or active eq true and family eq bob", And((Or((MALE, ACTIVE)), BOB))),
        ("gender eq male or (active eq true and family eq bob)", Or((MALE, And((ACTIVE, BOB))))),
        ("not(gender eq male) and not ( active eq true )", And((Not(MALE), Not(ACTIVE)))),
        ("((gender eq male))", MALE),
    ],
)
def test_expressions_combine_from_left_to_right(search: Search, text: str, expected: Filter) -> None:
    assert expression(search, "Patient", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('family eq "Böb"', BOB),
        ("family sw Böb", TokenStartsWith("family=bob")),
        ("family ew Böb", TokenHas("family=", "bob", at_end=True)),
        ('family eq "a,b|$\\\\"', TokenStartsWith("family=a,b\x1f$\\|")),
        ("family:exact eq Bob", TokenIs(f"family={string_key('Bob')}")),
        ("name pr true", TokenStartsWith("name=")),
        ("name pr false", Not(TokenStartsWith("name="))),
        ("gender ne male", all_of([TokenStartsWith("gender="), Not(MALE)])),
        ('identifier eq "urn:x|a,b"', None),
        ("organization re Organization/1", TokenIs("organization=Organization/1")),
        (f"organization re {BASE_URL}/Organization/1", TokenIs("organization=Organization/1")),
        ("organization eq Organization/1", TokenIs("organization=Organization/1")),
    ],
)
def test_operators_compare_texts_codes_and_references(search: Search, text: str, expected: Filter | None) -> None:
    found = expression(search, "Patient", text)
    if expected is None:
        expected = search("Patient", ("identifier", "urn:x|a\\,b")).filter
    assert found == expected


def test_code_systems_have_short_names(search: Search) -> None:
    expected = search("Observation", ("code", "http://loinc.org|1234-5")).filter
    assert expression(search, "Observation", "code eq loinc|1234-5") == expected
    # Alone it is a code like any other.
    assert expression(search, "Observation", "code eq loinc") == search("Observation", ("code", "loinc")).filter
    assert (
        expression(search, "Observation", "code eq urn:x|ucum") == search("Observation", ("code", "urn:x|ucum")).filter
    )
    weight = search("Observation", ("value-quantity", "gt5|http://unitsofmeasure.org|kg")).filter
    assert expression(search, "Observation", "value-quantity gt 5|ucum|kg") == weight


@pytest.mark.parametrize("operator", ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
def test_dates_compare_as_with_prefixes(search: Search, operator: str) -> None:
    for value in ("2000-01-01", '"2000-01-01"'):
        found = expression(search, "Observation", f"date {operator} {value}")
        assert found == search("Observation", ("date", f"{operator}2000-01-01")).filter


def test_overlap_of_periods_is_open_at_both_ends(search: Search) -> None:
    expected = RangeIs("date", "date", (("low", "<", START_2000 + DAY), ("high", ">", START_2000)))
    assert expression(search, "Observation", "date po 2000-01-01") == expected


def test_paths_are_chains(search: Search) -> None:
    named = TokenStartsWith("name=pet|")
    assert expression(search, "Observation", 'patient.name eq "pet"') == Refers("patient", "Patient", named)
    assert expression(search, "Observation", "subject:Patient.name eq pet") == Refers("subject", "Patient", named)
    assert expression(search, "Patient", "_has:Observation:patient:status eq final") == ReferredBy(
        "Observation", "patient", TokenIs("status=final|")
    )
    assert expression(search, "Patient", "_list eq 42") == search("Patient", ("_list", "42")).filter


def test_condition_in_brackets_is_about_the_same_resource(search: Search) -> None:
    found = expression(search, "Observation", "subject[gender eq male].name eq pet")
    assert found == Refers("subject", "Patient", And((MALE, TokenStartsWith("name=pet|"))))


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("", 1, "the name of a search parameter"),
        ("gender", 7, "a blank"),
        ("gender is male", 8, "one of eq"),
        ("gender eq", 10, "a blank"),
        ("gender eq ", 11, "a value"),
        ("gender eq male active eq true", 16, "and or or"),
        ("gender eq male and", 19, "the name of a search parameter"),
        ("(gender eq male", 16, "and, or, or )"),
        ("gender eq male)", 15, "and, or, or the end"),
        ('name eq "a', 9, "a value"),
        ('name eq "\\x"', 9, "as JSON writes it"),
        ("organization[name eq a] eq b", 24, "a full stop and a name after ]"),
        ("organization[name eq a .name eq b", 24, "and, or, or ]"),
    ],
)
def test_error_says_at_which_character(search: Search, text: str, position: int, expected: str) -> None:
    error = refused(search, "Patient", ("_filter", text))
    assert error.issues[0].code == "value"
    assert f"at character {position} expected" in str(error)
    assert expected in str(error)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("gender eq male and birthdate ge soon", "at character 20, birthdate: "),
        ("name ne bob", "a resource can have several values of name, so ne is not supported"),
        ("name gt bob", "gt is not supported for parameters of type string"),
        ("gender co ma", "co is not supported for parameters of type token"),
        ("birthdate sw 2000", "sw is not supported for parameters of type date"),
        ("birthdate re Patient/1", "re is not supported for parameters of type date"),
        ("birthdate pr yes", "pr takes true or false"),
        ("name:exact sw b", "sw cannot be joined with the modifier :exact"),
        ("nmae eq bob", "Did you mean name"),
        ("organization.nmae eq bob", "at character 1, organization.nmae: Organization has no such search parameter."),
        ("gender[name eq x].name eq y", "only references lead to other resources"),
        ('family eq ""', "no character that counts"),
        (f"family eq {'x' * 200}", "cannot be compared"),
    ],
)
def test_comparison_that_cannot_be_made_is_refused(search: Search, text: str, reason: str) -> None:
    assert reason in str(refused(search, "Patient", ("_filter", text)))


def test_expression_without_end_is_too_costly(search: Search) -> None:
    for text in ("(" * 21 + "gender eq male" + ")" * 21, "gender eq male or " * 1000 + "gender eq male"):
        assert refused(search, "Patient", ("_filter", text)).issues[0].code == "too-costly"
    assert expression(search, "Patient", "(" * 20 + "gender eq male" + ")" * 20) == MALE


def test_unknown_parameter_in_an_expression_is_passed_over_when_lenient(search: Search) -> None:
    query = search("Patient", ("_filter", "nmae eq bob"), ("gender", "male"), handling="lenient")
    assert query.filter == MALE
    assert query.used == (("gender", "male"),)
    assert "_filter" in query.ignored[0].diagnostics


@pytest.mark.parametrize("text", ['family eq "\\ud800"', 'family ew "a\\u0000"', 'gender eq "\\udfff"'])
def test_text_of_no_characters_is_refused(search: Search, text: str) -> None:
    assert "expected a text of characters" in str(refused(search, "Patient", ("_filter", text)))


def test_and_or_that_change_all_the_time_are_too_costly(search: Search) -> None:
    changing = "active eq true" + " and gender eq male or active eq true" * 10
    assert isinstance(expression(search, "Patient", f"{changing} and family eq bob"), And)
    error = refused(search, "Patient", ("_filter", f"{changing} and family eq bob or gender eq male"))
    assert error.issues[0].code == "too-costly"
    assert "change more than 20 times" in str(error)
    grouped = " or ".join(["(active eq true and gender eq male)"] * 100)
    assert expression(search, "Patient", grouped) == And((ACTIVE, MALE))


def test_parameters_that_are_no_plain_texts_have_no_operators_of_texts(search: Search) -> None:
    assert (
        expression(search, "Patient", '_text eq "fever OR cough"')
        == search("Patient", ("_text", "fever OR cough")).filter
    )
    assert expression(search, "Patient", "phonetic eq Smith") == search("Patient", ("phonetic", "Smith")).filter
    for text in ("_text ew fever", "_content sw fever", "phonetic ew smith", "phonetic co smith"):
        assert "is not supported for" in str(refused(search, "Patient", ("_filter", text)))


def test_value_of_po_is_one_date(search: Search) -> None:
    for text in ("_lastUpdated po 2013,2014", "birthdate po 2013,2014"):
        assert "'2013,2014'" in str(refused(search, "Patient", ("_filter", text)))


def test_names_that_were_meant_in_an_expression_choose_resources(search: Search) -> None:
    said = str(refused(search, "Encounter", ("_filter", "_count eq 1")))
    assert "Encounter has no such search parameter" in said
    assert "mean _count" not in said
