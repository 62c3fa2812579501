"""Index entries of numbers and quantities: units, comparators, open ends, odd values."""

from decimal import Decimal
from fractions import Fraction

import pytest
from bson.decimal128 import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.model.json import Json
from fhirhub.search.extract import extract
from fhirhub.search.index_numbers import LEAST, MOST, UCUM, conversion
from fhirhub.search.keys import system_id
from fhirhub.search.site import Site
from fhirhub.search.values import IndexEntries
from fhirhub.ucum import UcumError, canonical, decimal_of

from .conftest import BASE_URL

Ends = tuple[Decimal, Decimal]


def entries(resource: Json) -> IndexEntries:
    return extract(resource, resource["resourceType"], Site(BASE_URL, full_text=False))


def numbers(resource: Json, code: str) -> dict[str, Ends]:
    """The entries of one parameter by what follows its code."""
    found = [each for each in entries(resource).numbers if each.parameter.partition("|")[0] == code]
    by_name = {each.parameter.removeprefix(code): (Decimal(each.low), Decimal(each.high)) for each in found}
    assert len(by_name) == len(found)
    return by_name


def measured(**quantity: object) -> Json:
    return {"resourceType": "Observation", "status": "final", "valueQuantity": quantity}


def exactly(text: str) -> Ends:
    return Decimal(text), Decimal(text)


UCUM_CODE = f"|s:{system_id(UCUM)}:"


def test_quantity_has_an_entry_for_every_way_to_name_its_unit() -> None:
    resource = measured(value=Decimal("5.40"), unit="mg per dL", system=UCUM, code="mg/dL")
    expected = {
        "": exactly("5.4"),
        "|u:mg per dL": exactly("5.4"),
        f"{UCUM_CODE}mg/dL": exactly("5.4"),
        "|c:g.m-3": exactly("54"),
    }
    assert numbers(resource, "value-quantity") == expected
    assert not any(token.startswith("value-quantity") for token in entries(resource).tokens)


def test_code_and_text_of_a_unit_that_are_equal_have_one_entry() -> None:
    resource = measured(value=1, unit="kg", system=UCUM, code="kg")
    assert set(numbers(resource, "value-quantity")) == {"", f"{UCUM_CODE}kg", "|c:g"}
    resource = measured(value=1, unit="kg", system="urn:own", code="kg")
    assert set(numbers(resource, "value-quantity")) == {"", "|u:kg", f"|s:{system_id('urn:own')}:kg"}


def test_equal_amounts_in_different_units_have_equal_canonical_entries() -> None:
    left = numbers(measured(value=Decimal("0.3"), system=UCUM, code="L"), "value-quantity")
    right = numbers(measured(value=300, system=UCUM, code="mL"), "value-quantity")
    assert left["|c:m3"] == right["|c:m3"] == exactly("0.0003")
    temperature = numbers(measured(value=Decimal("37.2"), system=UCUM, code="Cel"), "value-quantity")
    assert temperature["|c:K"] == exactly("310.35")


@pytest.mark.parametrize(
    ("unit", "names"),
    [
        ({}, {""}),
        ({"unit": "spoons"}, {"", "|u:spoons"}),
        ({"code": "mg"}, {"", "|u:mg"}),
        ({"system": UCUM}, {""}),
        ({"system": UCUM, "code": "spoons"}, {"", f"{UCUM_CODE}spoons"}),
        ({"system": "urn:own", "code": "mg"}, {"", "|u:mg", f"|s:{system_id('urn:own')}:mg"}),
        ({"system": UCUM, "code": "{score}"}, {"", f"{UCUM_CODE}{{score}}", "|c:1"}),
    ],
)
def test_unit_decides_which_entries_there_are(unit: dict[str, str], names: set[str]) -> None:
    assert set(numbers(measured(value=3, **unit), "value-quantity")) == names


def test_unit_of_any_length_and_with_bars_has_a_name() -> None:
    found = numbers(measured(value=3, unit="a|b", system="s" * 500, code="x" * 5_000), "value-quantity")
    assert "|u:a\x1fb" in found
    assert len(found) == 4
    assert all(len(name) < 200 for name in found)


@pytest.mark.parametrize(
    ("comparator", "ends"),
    [
        ("<", (LEAST, Decimal(5))),
        ("<=", (LEAST, Decimal(5))),
        (">", (Decimal(5), MOST)),
        (">=", (Decimal(5), MOST)),
        (None, exactly("5")),
    ],
)
def test_comparator_opens_an_end(comparator: str | None, ends: Ends) -> None:
    found = numbers(measured(value=5, comparator=comparator, system=UCUM, code="kg"), "value-quantity")
    assert found[""] == found[f"{UCUM_CODE}kg"] == ends
    assert found["|c:g"] == (ends[0] * 1000, ends[1] * 1000)


def test_open_end_of_a_decreasing_scale_is_the_other_one() -> None:
    exact = numbers(measured(value=7, system=UCUM, code="[pH]"), "value-quantity")["|c:m-3"]
    assert exact == exactly("60221407600000000000")
    at_most = numbers(measured(value=7, comparator="<", system=UCUM, code="[pH]"), "value-quantity")
    assert at_most[""] == (LEAST, Decimal(7))
    assert at_most["|c:m-3"] == (exact[0], MOST)
    at_least = numbers(measured(value=7, comparator=">", system=UCUM, code="[pH]"), "value-quantity")
    assert at_least["|c:m-3"] == (LEAST, exact[0])


def test_number_off_the_scale_of_its_unit_has_no_canonical_entry() -> None:
    found = numbers(measured(value=-1, system=UCUM, code="[m/s2/Hz^0.5]"), "value-quantity")
    assert found[""] == exactly("-1")
    assert not any(name.startswith("|c:") for name in found)


@pytest.mark.parametrize(
    "value",
    [
        {"valueQuantity": {"unit": "mg"}},
        {"valueQuantity": {"_value": {"extension": [{"url": "urn:x", "valueCode": "asked-unknown"}]}}},
        {"valueSampledData": {"origin": {"value": 1}, "period": 1, "dimensions": 1, "data": "1 2 3"}},
    ],
)
def test_quantity_without_a_number_is_present_but_not_found(value: Json) -> None:
    resource = {"resourceType": "Observation", "status": "final", **value}
    assert numbers(resource, "value-quantity") == {}
    assert "value-quantity=" in entries(resource).tokens


def test_numbers_keep_34_digits_and_are_rounded_beyond() -> None:
    digits = "1234567890123456789012345678901234"
    found = numbers(measured(value=Decimal(f"1.{digits[1:]}"), system=UCUM, code="mg"), "value-quantity")
    assert found[""] == exactly(f"1.{digits[1:]}")
    assert found["|c:g"] == exactly(f"0.00{digits}")
    long = Decimal("1.2345678901234567890123456789012345")
    assert numbers(measured(value=long), "value-quantity")[""] == exactly("1.234567890123456789012345678901234")


VALUES = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20)


@given(VALUES, st.sampled_from(["mg/dL", "mm[Hg]", "[in_i]", "[degF]", "Cel", "mmol/L", "10*9/L", "min", "%", "[pH]"]))
def test_canonical_numbers_are_the_exact_ones_rounded_once(value: Decimal, unit: str) -> None:
    converted = conversion(unit)
    assert converted is not None
    found = converted.convert(value)
    try:
        expected, canonical_unit = canonical(value, unit)
    except UcumError:
        assert found is None
        return
    assert converted.unit == canonical_unit
    assert found is not None
    assert found == decimal_of(expected)
    # The database keeps it without another rounding.
    assert Decimal128(found).to_decimal() == found


def test_conversion_knows_which_scales_decrease() -> None:
    assert [code for code in ("[pH]", "Cel", "mg", "B") if (found := conversion(code)) and found.decreasing] == ["[pH]"]
    assert conversion("spoons") is None
    assert conversion("m" * 1_000) is None


def test_range_covers_what_lies_between_its_ends() -> None:
    low, high = ({"value": value, "system": UCUM, "code": "a", "unit": "years"} for value in (12, 18))
    context = {"code": {"code": "age"}, "valueRange": {"low": low, "high": high}}
    resource: Json = {"resourceType": "ValueSet", "status": "draft", "useContext": [context]}
    found = numbers(resource, "context-quantity")
    assert found[""] == found["|u:years"] == (Decimal(12), Decimal(18))
    assert found["|c:s"] == (Decimal(378_691_200), Decimal(568_036_800))
    context["valueRange"] = {"low": low}
    assert numbers(resource, "context-quantity")[f"{UCUM_CODE}a"] == (Decimal(12), MOST)
    context["valueRange"] = {"high": high}
    assert numbers(resource, "context-quantity")[f"{UCUM_CODE}a"] == (LEAST, Decimal(18))
    context["valueRange"] = {"low": {"unit": "years"}}
    assert numbers(resource, "context-quantity") == {}
    assert "context-quantity=" in entries(resource).tokens


def test_range_between_units_has_no_bare_numbers() -> None:
    both = {"low": {"value": 500, "system": UCUM, "code": "mg"}, "high": {"value": 1, "system": UCUM, "code": "g"}}
    context: Json = {"code": {"code": "age"}, "valueRange": both}
    resource: Json = {"resourceType": "ValueSet", "status": "draft", "useContext": [context]}
    assert numbers(resource, "context-quantity") == {"|c:g": (Decimal("0.5"), Decimal(1))}
    assert "context-quantity=" in entries(resource).tokens
    context["valueRange"] = {"low": {"value": 500}, "high": {"value": 900, "unit": "mg"}}
    assert numbers(resource, "context-quantity") == {"": (Decimal(500), Decimal(900))}


def test_money_has_its_currency_as_unit() -> None:
    total = {"value": Decimal("40.20"), "currency": "EUR"}
    found = numbers({"resourceType": "Invoice", "status": "draft", "totalNet": total}, "totalnet")
    assert found == dict.fromkeys(("", "|u:EUR", f"|s:{system_id('urn:iso:std:iso:4217')}:EUR"), exactly("40.2"))
    assert numbers({"resourceType": "Invoice", "totalNet": {"value": 3}}, "totalnet") == {"": exactly("3")}


def test_age_is_a_quantity() -> None:
    resource = {"resourceType": "Condition", "onsetAge": {"value": 3, "system": UCUM, "code": "mo"}}
    assert numbers(resource, "onset-age")["|c:s"] == exactly("7889400")


@pytest.mark.parametrize(
    ("prediction", "ends"),
    [
        ({"probabilityDecimal": Decimal("0.02")}, exactly("0.02")),
        ({"probabilityRange": {"low": {"value": 1}, "high": {"value": 5}}}, (Decimal(1), Decimal(5))),
        ({"probabilityRange": {"high": {"value": 5, "unit": "%"}}}, (LEAST, Decimal(5))),
    ],
)
def test_number_may_be_a_range(prediction: Json, ends: Ends) -> None:
    resource = {"resourceType": "RiskAssessment", "status": "final", "prediction": [prediction]}
    assert numbers(resource, "probability") == {"": ends}


def test_integers_are_numbers() -> None:
    resource: Json = {"resourceType": "MolecularSequence", "coordinateSystem": 0, "variant": [{"start": 1}, {"end": 5}]}
    assert numbers(resource, "variant-start") == {"": exactly("1")}
    assert numbers(resource, "variant-end") == {"": exactly("5")}
    assert all(isinstance(each.low, Decimal) for each in entries(resource).numbers)


def test_every_special_unit_converts_and_knows_its_direction() -> None:
    for code in ("Cel", "[degF]", "[degRe]", "[p'diop]", "[pH]", "Np", "B", "B[SPL]", "bit_s", "[hp'_X]"):
        found = conversion(code)
        assert found is not None
        at_one, at_two = found.convert(Decimal(1)), found.convert(Decimal(2))
        assert at_one is not None
        assert at_two is not None
        assert (at_one > at_two) == found.decreasing
        assert Fraction(at_one) == Fraction(decimal_of(canonical(Decimal(1), code)[0]))


def test_range_the_wrong_way_round_is_turned() -> None:
    low, high = {"value": 18, "system": UCUM, "code": "a"}, {"value": 12, "system": UCUM, "code": "a"}
    context = {"code": {"code": "age"}, "valueRange": {"low": low, "high": high}}
    found = numbers({"resourceType": "ValueSet", "status": "draft", "useContext": [context]}, "context-quantity")
    assert found[""] == found[f"{UCUM_CODE}a"] == (Decimal(12), Decimal(18))
    assert found["|c:s"] == (Decimal(378_691_200), Decimal(568_036_800))
