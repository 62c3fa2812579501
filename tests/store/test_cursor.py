"""Cursors as text: https://hl7.org/fhir/R4/http.html#paging."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.errors import FhirError
from fhirhub.store.cursor import Cursor, Seal

SCALARS = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.decimals(allow_nan=False).map(lambda number: number if number.is_infinite() else number.normalize())
)
CURSORS = st.builds(
    lambda values, number, backward: Cursor((*values, number), backward),
    st.lists(SCALARS, max_size=5),
    st.integers(1, 2**63 - 1),
    st.booleans(),
)
SEAL = Seal(b"a" * 32)


@given(CURSORS, st.text())
def test_cursor_comes_back_as_it_was_sealed(cursor: Cursor, search: str) -> None:
    text = SEAL.close(cursor, search)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert SEAL.open(text, search) == cursor
    assert [type(value) for value in SEAL.open(text, search).position] == [type(value) for value in cursor.position]


@given(CURSORS, st.text(), st.text())
def test_cursor_opens_for_its_own_search_only(cursor: Cursor, search: str, other: str) -> None:
    if search != other:
        with pytest.raises(FhirError):
            SEAL.open(SEAL.close(cursor, search), other)


@given(CURSORS, st.text(), st.data())
def test_cursor_that_was_changed_does_not_open(cursor: Cursor, search: str, data: st.DataObject) -> None:
    text = SEAL.close(cursor, search)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("AZaz09-_").filter(lambda each: each != text[place]))
    with pytest.raises(FhirError) as caught:
        SEAL.open(text[:place] + letter + text[place + 1 :], search)
    assert caught.value.issues[0].code == "value"


@given(st.text() | st.binary().map(lambda octets: octets.hex()))
def test_nonsense_is_refused_as_a_bad_value(text: str) -> None:
    with pytest.raises(FhirError) as caught:
        SEAL.open(text, "Patient?")
    assert (caught.value.status, caught.value.issues[0].expression) == (400, ("http._cursor",))


def test_decimals_keep_their_digits() -> None:
    cursor = Cursor((Decimal("1.500"), Decimal("-Infinity"), "d1", 5))
    assert str(SEAL.open(SEAL.close(cursor, ""), "").position) == str(cursor.position)
