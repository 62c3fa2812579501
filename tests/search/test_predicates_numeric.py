"""Numbers and quantities: precision, prefixes, units, and values made to do harm."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.model.json import Json
from fhirhub.search.filter import RangeIs
from fhirhub.search.numeric import MAX_DIGITS

from .criteria_check import filter_of, finds, refusal

UCUM = "http://unitsofmeasure.org"


def risk(probability: str) -> Json:
    return {"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": Decimal(probability)}]}


def measured(value: str, unit: str | None = None, system: str | None = UCUM, **more: str) -> Json:
    quantity: Json = {"value": Decimal(value), **more}
    if unit is not None:
        quantity |= {"code": unit} if system is None else {"code": unit, "system": system}
    return {"resourceType": "Observation", "valueQuantity": quantity}


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("100", "99.5", "100.5"),
        ("100.00", "99.995", "100.005"),
        ("1e2", "95", "105"),
        ("1.0e2", "95", "105"),
        ("1.00E+2", "99.5", "100.5"),
        ("0", "-0.5", "0.5"),
        ("-5", "-5.5", "-4.5"),
        ("5.40e-3", "0.005395", "0.005405"),
        ("007", "6.5", "7.5"),
    ],
)
def test_number_without_prefix_covers_its_precision(value: str, low: str, high: str) -> None:
    expected = RangeIs("number", "probability", (("low", ">=", Decimal(low)), ("high", "<", Decimal(high))))
    assert filter_of("RiskAssessment", "probability", value) == expected
    assert filter_of("RiskAssessment", "probability", f"eq{value}") == expected


@pytest.mark.parametrize(
    ("query", "inside", "outside"),
    [
        ("0.5", ["0.5", "0.45", "0.549999"], ["0.449999", "0.55"]),
        ("ne0.5", ["0.449999", "0.55"], ["0.5", "0.45", "0.549999"]),
        ("gt0.5", ["0.500001", "0.55"], ["0.5", "0.4"]),
        ("lt0.5", ["0.499999"], ["0.5", "0.6"]),
        ("ge0.5", ["0.5", "0.6"], ["0.499999"]),
        ("le0.5", ["0.5", "0.4"], ["0.500001"]),
        ("sa0.5", ["0.500001"], ["0.5", "0.4"]),
        ("eb0.5", ["0.499999"], ["0.5", "0.6"]),
        ("ap0.5", ["0.45", "0.5", "0.55"], ["0.449999", "0.550001"]),
        ("ap-0.5", ["-0.45", "-0.55"], ["-0.44", "-0.56", "0.5"]),
        ("0.1,0.9", ["0.1", "0.9"], ["0.5"]),
    ],
)
def test_prefix_compares_a_number(query: str, inside: list[str], outside: list[str]) -> None:
    assert [value for value in inside if not finds("probability", query, risk(value))] == []
    assert [value for value in outside if finds("probability", query, risk(value))] == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("eq5", False),
        ("ne5", True),
        ("ne20", True),
        ("eq20", False),
        ("gt10", True),
        ("gt20", False),
        ("lt10", True),
        ("lt5", False),
        ("ge20", True),
        ("ge21", False),
        ("le5", True),
        ("le4", False),
        ("sa4", True),
        ("sa5", False),
        ("eb21", True),
        ("eb20", False),
        ("ap22", True),
        ("ap23", False),
    ],
)
def test_prefix_compares_a_range(query: str, expected: bool) -> None:
    value = {"low": {"value": Decimal(5)}, "high": {"value": Decimal(20)}}
    assert finds("onset-age", query, {"resourceType": "Condition", "onsetRange": value}) is expected


@pytest.mark.parametrize(
    ("query", "expected"), [("gt1000", True), ("lt10", True), ("ge5", True), ("lt5", False), ("eq5", False)]
)
def test_quantity_of_a_comparator_has_an_open_end(query: str, expected: bool) -> None:
    assert finds("value-quantity", query, measured("5", "mg", comparator=">")) is expected


@pytest.mark.parametrize(
    ("query", "value", "unit", "expected"),
    [
        (f"5.4|{UCUM}|mg", "5.4", "mg", True),
        (f"5.4|{UCUM}|mg", "0.0054", "g", True),
        (f"5.4|{UCUM}|mg", "0.00545", "g", False),
        (f"5.4|{UCUM}|mg", "0.00535", "g", True),
        (f"5.4|{UCUM}|mg", "5.4", "mL", False),
        (f"5.40e-3|{UCUM}|g", "5.4", "mg", True),
        (f"ge6.1|{UCUM}|mmol/L", "6.1", "mmol/L", True),
        (f"gt1|{UCUM}|[lb_av]", "453.59237", "g", False),
        (f"ge1|{UCUM}|[lb_av]", "453.59237", "g", True),
        (f"le1|{UCUM}|[lb_av]", "453.59237", "g", True),
        (f"gt98.6|{UCUM}|[degF]", "37.1", "Cel", True),
        (f"gt98.6|{UCUM}|[degF]", "37", "Cel", False),
        (f"lt98.6|{UCUM}|[degF]", "36.9", "Cel", True),
        (f"ap100|{UCUM}|kg", "109", "kg", True),
        (f"ap100|{UCUM}|kg", "111", "kg", False),
        (f"gt7|{UCUM}|[pH]", "7.4", "[pH]", True),
        (f"gt7|{UCUM}|[pH]", "6.9", "[pH]", False),
        (f"lt7|{UCUM}|[pH]", "6.9", "[pH]", True),
        (f"7.4|{UCUM}|[pH]", "7.35", "[pH]", True),
        (f"7.4|{UCUM}|[pH]", "7.45", "[pH]", False),
        (f"ne7.4|{UCUM}|[pH]", "7.45", "[pH]", True),
        (f"ne7.4|{UCUM}|[pH]", "7.35", "[pH]", False),
        ("5.4", "5.4", "mg", True),
        ("5.4||mg", "5.4", "mg", True),
        ("5.4||mg", "0.0054", "g", False),
        (f"5.4|{UCUM}|no-unit", "5.4", "no-unit", True),
        ("5.4|http://other.example.org|mg", "5.4", "mg", False),
    ],
)
def test_quantity_is_compared_in_its_unit(query: str, value: str, unit: str, expected: bool) -> None:
    assert finds("value-quantity", query, measured(value, unit)) is expected


def test_quantity_is_found_by_the_text_of_its_unit() -> None:
    resource = measured("5.4", unit=None)
    resource["valueQuantity"]["unit"] = "milli|gram"
    assert finds("value-quantity", "5.4||milli\\|gram", resource)
    assert not finds("value-quantity", "5.4||milligram", resource)


def test_quantity_in_money_has_its_currency_for_a_unit() -> None:
    invoice: Json = {"resourceType": "Invoice", "totalNet": {"value": Decimal("12.5"), "currency": "EUR"}}
    assert finds("totalnet", "12.5|urn:iso:std:iso:4217|EUR", invoice)
    assert finds("totalnet", "12.5||EUR", invoice)
    assert not finds("totalnet", "12.5|urn:iso:std:iso:4217|USD", invoice)


@pytest.mark.parametrize("name", ["probability", "value-quantity"])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("abc", "'abc' is no number"),
        ("5.", "is no number"),
        (".5", "is no number"),
        ("xx5", "is no number"),
        ("1e 2", "write %2B"),
        ("+5", "is no number"),
        ("5 ", "is no number"),
        ("٥", "is no number"),
        ("NaN", "is no number"),
        ("Infinity", "is no number"),
        ("gegt5", "is no number"),
        ("gt", "'' is no number"),
        ("1e999999", "is no number"),
        ("1e99999", "too many digits"),
        ("1e-99999", "too many digits"),
        ("1" * 33, "at most 32 count"),
        ("9" * 100_000, "a text of 100000 characters"),
        ("0." + "0" * 100_000 + "1", "characters"),
    ],
)
def test_what_is_no_number_is_refused_at_once(name: str, value: str, says: str) -> None:
    began = time.perf_counter()
    resource_type = "RiskAssessment" if name == "probability" else "Observation"
    text = refusal(resource_type, name, value)
    assert says in text
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize("value", ["5|", "5|x", "5||", f"5|{UCUM}|", "5|a|b|c", f"5|{UCUM}|mg|"])
def test_quantity_of_no_form_is_refused(value: str) -> None:
    assert "number|system|code or number||code" in refusal("Observation", "value-quantity", value)


def test_largest_numbers_are_compared_exactly() -> None:
    digits = "1234567890" * 3 + "12"
    assert len(digits) == MAX_DIGITS
    assert finds("probability", digits, risk(digits))
    assert not finds("probability", f"gt{digits}", risk(digits))
    assert finds("probability", f"gt{digits}", risk(f"{digits}.5"))
    assert finds("probability", "lt1e900", risk("1e899"))
    assert finds("value-quantity", f"lt1e900|{UCUM}|kg", measured("1e899", "kg"))


def test_missing_tells_what_has_no_number() -> None:
    assert finds("value-quantity:missing", "false", measured("5", "mg"))
    assert finds("value-quantity:missing", "true", {"resourceType": "Observation"})
    without_value = {"resourceType": "Observation", "valueQuantity": {"unit": "mg"}}
    assert finds("value-quantity:missing", "false", without_value)


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000)


@given(NUMBERS, NUMBERS)
def test_prefixes_agree_with_arithmetic(stored: Decimal, asked: Decimal) -> None:
    resource = risk(str(stored))
    assert finds("probability", f"gt{asked}", resource) is (stored > asked)
    assert finds("probability", f"lt{asked}", resource) is (stored < asked)
    assert finds("probability", f"ge{asked}", resource) is (stored >= asked)
    assert finds("probability", f"le{asked}", resource) is (stored <= asked)
    half = Decimal("0.0005")
    equal = asked - half <= stored < asked + half
    assert finds("probability", str(asked), resource) is equal
    assert finds("probability", f"ne{asked}", resource) is not equal
    assert finds("probability", f"ap{asked}", resource) is (abs(stored - asked) <= abs(asked) / 10)


@given(NUMBERS, NUMBERS)
def test_quantities_compare_alike_in_any_unit(stored: Decimal, asked: Decimal) -> None:
    grams, as_pounds = measured(str(stored), "g"), f"{asked}|{UCUM}|[oz_av]"
    exact = stored - asked * Decimal("28.349523125")
    assert finds("value-quantity", f"gt{as_pounds}", grams) is (exact > 0)
    assert finds("value-quantity", f"le{as_pounds}", grams) is (exact <= 0)
