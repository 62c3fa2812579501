"""The functional tests of UCUM, but for those of display names."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from fhirhub.ucum import UcumError, convert, is_valid, parse_unit

ROWS = [
    line.split("\t")
    for line in Path(__file__).with_name("functional_cases.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def cases(kind: str) -> list[list[str]]:
    return [cells for name, *cells in ROWS if name == kind]


def codes(kind: str) -> list[str]:
    return [code for [line] in cases(kind) for code in line.split(" ")]


def agrees(result: Fraction, stated: str) -> bool:
    """Whether a number is the stated one to the digits that are stated."""
    exponent = Decimal(stated).as_tuple().exponent
    return abs(result - Fraction(stated)) <= Fraction(10) ** int(exponent) / 2


def test_functional_suite_is_whole() -> None:
    assert [len(codes("valid")), len(codes("invalid"))] == [368, 39]
    assert [len(cases(kind)) for kind in ("convert", "multiply", "divide")] == [30, 2, 3]


def test_valid_codes_are_read() -> None:
    assert [code for code in codes("valid") if not is_valid(code)] == []


@pytest.mark.parametrize("code", codes("invalid"))
def test_invalid_code_is_refused(code: str) -> None:
    with pytest.raises(UcumError, match=r"at character \d+"):
        parse_unit(code)


@pytest.mark.parametrize(("value", "source", "target", "outcome"), cases("convert"))
def test_conversion_gives(value: str, source: str, target: str, outcome: str) -> None:
    assert agrees(convert(Decimal(value), source, target), outcome)


@pytest.mark.parametrize("sign", [1, -1])
def test_product_and_quotient_are(sign: int) -> None:
    for left, unit, right, other, outcome, target in cases("multiply" if sign == 1 else "divide"):
        product = parse_unit(unit).times(parse_unit(other), sign)
        number = product.to_canonical(Fraction(left) * Fraction(right) ** sign)
        assert product.canonical_terms == parse_unit(target).canonical_terms
        assert agrees(parse_unit(target).of_canonical(number), outcome)
