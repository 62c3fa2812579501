"""Entries of search parameters that were added: computed values, and expressions that fail."""

from dataclasses import replace
from decimal import Decimal

import pytest

from fhirhub.definitions import SearchParameterType, r4
from fhirhub.model.json import Json
from fhirhub.search.extract import extract
from fhirhub.search.keys import string_key
from fhirhub.search.parameters import SearchParameters
from fhirhub.search.site import Site
from fhirhub.search.values import IndexEntries

from .conftest import BASE_URL

Failures = list[tuple[str, str, str]]


def own(kind: SearchParameterType, expression: str, failures: Failures | None = None) -> Site:
    template = r4().search_parameters("Patient")["gender"]
    url = "http://example.org/SearchParameter/own"
    added = replace(template, url=url, code="own", type=kind, expression=expression, base=("Patient",))

    def failed(resource_type: str, code: str, error: Exception) -> None:
        if failures is not None:
            failures.append((resource_type, code, type(error).__name__))

    return Site(BASE_URL, parameters=SearchParameters([added]), full_text=False, failed=failed)


PATIENT: Json = {
    "resourceType": "Patient",
    "name": [{"family": "Li", "given": ["Wei", "An"]}],
    "birthDate": "1970-01-01",
    "multipleBirthInteger": 2,
}


def entries(kind: SearchParameterType, expression: str) -> IndexEntries:
    return extract(PATIENT, "Patient", own(kind, expression))


def test_computed_texts_are_found() -> None:
    joined = "Patient.name.select(given.first() + ' ' + family)"
    assert f"own={string_key('Wei Li')}" in entries("string", joined).tokens
    assert "own=Wei Li|" in entries("token", joined).tokens
    assert "own=Wei Li" in entries("uri", joined).tokens


def test_computed_numbers_and_dates_are_found() -> None:
    (given,) = entries("number", "Patient.name.given.count()").numbers
    assert (given.parameter, given.low, given.high) == ("own", Decimal(2), Decimal(2))
    (half,) = entries("number", "Patient.multipleBirth.ofType(integer) / 4").numbers
    assert half.low == Decimal("0.5")
    dates = {each.parameter: each.low for each in entries("date", "Patient.birthDate + 1 day").dates}
    assert dates["own"] == 86_400_000_000


def test_value_of_a_type_that_the_parameter_cannot_hold_is_present() -> None:
    assert "own=" in entries("quantity", "Patient.name").tokens
    assert "own=" in entries("date", "Patient.name.family").tokens


def test_quote_in_a_text_of_an_expression_does_not_end_it() -> None:
    apart = r"Patient.name.family.where($this != 'it\'s | \\') | Patient.name.given.where('a\\' != '|')"
    expected = {f"own={string_key(text)}" for text in ("Li", "Wei", "An")}
    assert {token for token in entries("string", apart).tokens if token.startswith("own=")} == expected


@pytest.mark.parametrize("expression", ["Patient.name.given.single()", "Patient.name.(", "Patient.nothing.here"])
def test_expression_that_fails_is_told_and_harms_nothing_else(expression: str) -> None:
    failures: Failures = []
    found = extract(PATIENT, "Patient", own("string", expression, failures))
    assert f"family={string_key('Li')}" in found.tokens
    assert not any(token.startswith("own") for token in found.tokens)
    assert [(place, code) for place, code, _ in failures] == [("Patient", "own")]
    assert failures[0][2].startswith("FhirPath")
