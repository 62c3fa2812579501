"""Numbers in other units: exact, the same in whatever commensurable unit they are given."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirhub.ucum import UcumError, canonical, convert, decimal_of, is_comparable, parse_unit
from fhirhub.ucum.table import ucum_table

TABLE = ucum_table()
SPECIAL = [code for code in TABLE.atoms if parse_unit(code).special]


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        ("1", "mg/dL", (10, "g.m-3")),
        ("5.4", "mmol/L", (Fraction("5.4") * 602214076 * 10**15, "m-3")),
        ("120", "mm[Hg]", (15998640, "g.m-1.s-2")),
        ("37.0", "Cel", (Fraction("310.15"), "K")),
        ("50", "%", (Fraction(1, 2), "1")),
        ("3", "k[iU]/mL", (3 * 10**9, "[iU].m-3")),
        ("1", "[lb_av]", (Fraction("453.59237"), "g")),
        ("-0.0", "kg", (0, "g")),
        ("0E+999999999", "kg", (0, "g")),
    ],
)
def test_canonical_is(value: str, code: str, expected: tuple[Fraction | int, str]) -> None:
    assert canonical(Decimal(value), code) == expected


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("98.6", "[degF]", "Cel", "37"),
        ("-40", "Cel", "[degF]", "-40"),
        ("80", "[degRe]", "Cel", "100"),
        ("1", "mCel", "K", "273.151"),
        ("300", "K", "kCel", "0.02685"),
        ("1", "W/Cel", "mW/Cel", "1000"),
        ("7.4", "[pH]", "[pH]", "7.4"),
        ("7", "[pH]", "nmol/L", "100"),
        ("20", "dB[SPL]", "uPa", "200"),
        ("3", "B[W]", "kW", "1"),
        ("1", "V", "B[10.nV]", "16"),
        ("10", "bit_s", "1", "1024"),
        ("2", "[hp'_C]", "1", "0.0001"),
        ("1", "[hp'_Q]", "1", "0.00002"),
        ("45", "deg", "%[slope]", "100"),
        ("100", "[p'diop]", "deg", "45"),
        ("3", "[m/s2/Hz^(1/2)]", "m2.s-3", "9"),
        ("5", "[iU]/L", "m[IU]/mL", "5"),
        ("1", "a", "d", "365.25"),
    ],
)
def test_conversion_is(value: str, source: str, target: str, expected: str) -> None:
    assert decimal_of(convert(Decimal(value), source, target)) == Decimal(expected)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("mg", "mL"),
        ("mmol/L", "mg/dL"),
        ("[iU]", "[arb'U]"),
        ("[iU]", "1"),
        ("W/Cel", "W/K"),
        ("Cel2", "K2"),
        ("rad", "1"),
    ],
)
def test_what_measures_different_things_is_not_converted(left: str, right: str) -> None:
    assert not is_comparable(left, right)
    with pytest.raises(UcumError, match="cannot be converted"):
        convert(Decimal(1), left, right)


@pytest.mark.parametrize(
    ("value", "source", "target"),
    [
        ("NaN", "g", "kg"),
        ("-Infinity", "g", "kg"),
        ("1E+1000000", "g", "kg"),
        ("1E-1000000", "g", "kg"),
        ("100000", "B", "1"),
        ("100000", "[pH]", "mol/L"),
        ("0", "1", "B"),
        ("-1", "1", "Np"),
        ("-1", "m2.s-3", "[m/s2/Hz^(1/2)]"),
        ("1E+9", "rad", "[p'diop]"),
    ],
)
def test_number_out_of_range_is_refused(value: str, source: str, target: str) -> None:
    with pytest.raises(UcumError):
        convert(Decimal(value), source, target)


@pytest.mark.parametrize("degrees", [-89, -30, 0, 1, 60, 89, 135, 1000])
def test_slope_agrees_with_the_tangent(degrees: int) -> None:
    slope = convert(Decimal(degrees), "deg", "%[slope]")
    assert float(slope) == pytest.approx(100 * math.tan(math.radians(degrees)), rel=1e-12, abs=1e-12)


def test_level_agrees_with_the_logarithm_in_all_its_digits() -> None:
    third = "0.4771212547196624372950279032551153092001"  # the common logarithm of 3
    assert decimal_of(convert(Decimal(3), "1", "B"), 40) == Decimal(third)


def test_decimal_is_exact_when_its_digits_suffice() -> None:
    assert str(decimal_of(Fraction(1, 8))) == "0.125"
    assert decimal_of(Fraction(2, 3), 5) == Decimal("0.66667")


NUMBERS = st.decimals(-(10**9), 10**9, places=4)
RATIOS = st.sampled_from(
    [code for code, atom in TABLE.atoms.items() if atom.scale not in ("base",) and code not in SPECIAL]
)
METRIC = st.sampled_from([code for code, atom in TABLE.atoms.items() if atom.metric])
PREFIXES = st.sampled_from(sorted(TABLE.prefixes))
EXPONENTS = st.integers(-3, 3).map(str)


@st.composite
def products(draw: st.DrawFn) -> str:
    code = draw(RATIOS) + draw(EXPONENTS)
    for _ in range(draw(st.integers(0, 3))):
        code += draw(st.sampled_from("./"))
        code += draw(st.one_of(RATIOS, st.just("7"), st.builds("({}.{}{})".format, RATIOS, RATIOS, EXPONENTS)))
    return code


@settings(deadline=None)
@given(NUMBERS, products())
def test_canonical_number_converts_back_exactly(value: Decimal, code: str) -> None:
    number, unit = canonical(value, code)
    assert parse_unit(code).of_canonical(number) == Fraction(value)
    assert parse_unit(unit).to_canonical(number) == number
    assert is_comparable(code, unit)


@settings(deadline=None)
@given(NUMBERS, PREFIXES, METRIC)
def test_prefix_scales_the_number(value: Decimal, prefix: str, code: str) -> None:
    unit, prefixed = parse_unit(code), parse_unit(prefix + code)
    assert prefixed.factor == TABLE.prefixes[prefix] * unit.factor
    assert prefixed.canonical_terms == unit.canonical_terms
    if unit.special is None:
        number = Fraction(value) * TABLE.prefixes[prefix]
        assert prefixed.to_canonical(Fraction(value)) == unit.to_canonical(number)


@settings(deadline=None)
@given(products(), products())
def test_order_of_factors_does_not_matter(left: str, right: str) -> None:
    assert parse_unit(f"({left}).({right})") == parse_unit(f"({right}).({left})")
    assert parse_unit(f"({left})/({right})") == parse_unit(f"/({right}).({left})")
    assert parse_unit(f"({left})/({left})").terms == ()


@settings(deadline=None)
@given(st.decimals("0.001", "50", places=3), st.sampled_from(SPECIAL))
def test_special_unit_converts_back_within_its_digits(value: Decimal, code: str) -> None:
    number, unit = canonical(value, code)
    back = parse_unit(code).of_canonical(number)
    assert abs(back - Fraction(value)) < Fraction(1, 10**33)
    assert parse_unit(unit).vector == parse_unit(code).vector
