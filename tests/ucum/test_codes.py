"""Which texts are unit codes, and what is said of those that are none."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirhub.ucum import BASE_UNITS, UcumError, is_valid, parse_unit
from fhirhub.ucum.table import ucum_table

TABLE = ucum_table()


def test_table_has_every_unit_of_ucum() -> None:
    scales = [atom.scale for atom in TABLE.atoms.values()]
    assert (len(TABLE.prefixes), len(scales), scales.count("arbitrary")) == (24, 312, 41)
    assert tuple(code for code, atom in TABLE.atoms.items() if atom.scale == "base") == BASE_UNITS


@pytest.mark.parametrize("code", TABLE.atoms)
def test_unit_of_the_table_has_a_meaning(code: str) -> None:
    unit, atom = parse_unit(code), TABLE.atoms[code]
    assert unit.factor > 0
    assert (unit.special is not None) == (atom.scale not in ("base", "ratio", "arbitrary"))
    assert (unit.arbitrary != ()) == (atom.scale == "arbitrary")
    assert is_valid(f"k{code}") == atom.metric


def test_no_code_can_be_read_in_two_ways() -> None:
    metric = [atom.code for atom in TABLE.atoms.values() if atom.metric]
    prefixed = [prefix + code for prefix in TABLE.prefixes for code in metric]
    assert len(set(prefixed)) == len(prefixed)
    assert set(prefixed) & set(TABLE.atoms) == set()


@pytest.mark.parametrize(
    ("code", "factor", "vector"),
    [
        ("kg", "1000", (0, 0, 1, 0, 0, 0, 0)),
        ("mg/dL", "10", (-3, 0, 1, 0, 0, 0, 0)),
        ("cm3", "1e-6", (3, 0, 0, 0, 0, 0, 0)),
        ("/s", "1", (0, -1, 0, 0, 0, 0, 0)),
        ("mm[Hg]", "133322", (-1, -2, 1, 0, 0, 0, 0)),
        ("10*3/uL", "1e12", (-3, 0, 0, 0, 0, 0, 0)),
        ("10^-3", "1e-3", (0, 0, 0, 0, 0, 0, 0)),
        ("m/s/s", "1", (1, -2, 0, 0, 0, 0, 0)),
        ("m/s.s", "1", (1, 0, 0, 0, 0, 0, 0)),
        ("m/(s.s)", "1", (1, -2, 0, 0, 0, 0, 0)),
        ("2.5", "10", (0, 0, 0, 0, 0, 0, 0)),
        ("m0", "1", (0, 0, 0, 0, 0, 0, 0)),
        ("KiBy", "8192", (0, 0, 0, 0, 0, 0, 0)),
        ("dar", "10", (2, 0, 0, 0, 0, 0, 0)),
        ("mmol", "6.02214076e20", (0, 0, 0, 0, 0, 0, 0)),
        ("cd", "1", (0, 0, 0, 0, 0, 0, 1)),
        ("A", "1", (0, -1, 0, 0, 0, 1, 0)),
        ("(m/s){mean}{again}", "1", (1, -1, 0, 0, 0, 0, 0)),
        ("{# of calculi}", "1", (0, 0, 0, 0, 0, 0, 0)),
    ],
)
def test_code_means(code: str, factor: str, vector: tuple[int, ...]) -> None:
    unit = parse_unit(code)
    assert (unit.factor, unit.vector) == (Fraction(factor), vector)


@pytest.mark.parametrize(
    ("code", "position", "message"),
    [
        ("", 0, "empty"),
        ("mg / dL", 2, "no spaces"),
        ("g/12h", 2, "'12.h'"),
        ("g/kmin", 2, "'kmin' is no unit"),
        ("mg/dl(x)", 5, "Before a parenthesis"),
        ("(m.s)2", 5, "takes no exponent"),
        ("(m.s)-2", 5, "takes no exponent"),
        ("10+3", 2, "takes no exponent"),
        ("m2-3", 2, "at most one sign"),
        ("m--3", 1, "at most one sign"),
        ("m/", 2, "missing at the end"),
        ("m//s", 2, "'/' is not expected"),
        ("(/m)", 1, "'/' is not expected"),
        ("(m", 0, "not closed"),
        ("m)", 1, "not expected"),
        ("[iU", 0, "not closed"),
        ("{x", 0, "ends with }"),
        ("m{a{b}}", 1, "no other brace"),
        ("m{錠}", 1, "ASCII only"),
        ("{a}m", 3, "After an annotation"),
        ("0.m", 0, "0 is no unit"),
        ("µg", 0, "not expected"),
        ("m²", 1, "not expected"),
        ("１", 0, "not expected"),
        ("m=", 1, "not expected"),
        ("mg/DL", 3, "'DL' is no unit"),
        ("m" * 201, 200, "more than 200"),
        ("(" * 90 + "m" + ")" * 90, 20, "parentheses within"),
        ("m10000000000000000", 1, "beyond 99"),
        ("10*100", 3, "beyond 99"),
        (".".join(["10*99"] * 33), 144, "out of all proportion"),
        ("m.[pi]99", 2, "out of all proportion"),
        ("m/N99", 2, "out of all proportion"),
    ],
)
def test_text_that_is_no_code_is_told_why(code: str, position: int, message: str) -> None:
    with pytest.raises(UcumError, match=message) as caught:
        parse_unit(code)
    assert caught.value.position == position
    assert not is_valid(code)


@settings(deadline=None)
@given(st.text(max_size=250) | st.text(alphabet="mgsL/.1239()[]{}-+%*^'dka", max_size=250))
def test_any_text_is_a_code_or_is_refused(text: str) -> None:
    try:
        unit = parse_unit(text)
    except UcumError as error:
        assert error.position is not None
        assert 0 <= error.position <= len(text)
    else:
        assert parse_unit(unit.canonical_code).terms == unit.canonical_terms
