"""What persons are compared by, without a server. https://hl7.org/fhir/R4/patient-operation-match.html"""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirhub.builtin.match_comparison import Comparison, compare
from fhirhub.builtin.match_identity import birth_date, gender, resident_number
from fhirhub.builtin.match_likeness import MAX_LENGTH, folded, is_edit_apart, likeness
from fhirhub.builtin.match_person import MAX_READINGS, person, phone
from fhirhub.builtin.match_weights import CHANCES, FAMILIES, weight
from fhirhub.model.json import Json

MRN = "http://hospital.example/mrn"
NUMBERS = ("11010519491231002X", "440524188001010014")

IDENTIFIERS = st.sampled_from(
    [{"system": MRN, "value": value} for value in ("A-1", "A-2", "B-77")]
    + [{"system": "http://other.example", "value": "A-1"}, {"value": "A-1"}]
    + [{"value": number} for number in NUMBERS]
)
NAMES = st.sampled_from(
    [
        {"family": "王", "given": ["芳"]},
        {"text": "王芳"},
        {"family": "欧阳", "given": ["秀英"]},
        {"text": "欧阳秀英"},
        {"family": "李", "given": ["秀英"]},
        {"family": "Smith", "given": ["Jane"]},
        {"family": "Smyth", "given": ["Jane", "Ann"]},
        {"text": "Jane Smith"},
        {"family": "Okonkwo", "given": ["Peter"]},
        {"family": "Okonkwo"},
        {"given": ["Jane"]},
    ]
)
TELECOM = st.sampled_from(
    [
        {"system": "phone", "value": "13800138000"},
        {"system": "phone", "value": "+86 138 0013 8000"},
        {"system": "phone", "value": "010-12345678"},
        {"system": "email", "value": "a@example.org"},
        {"system": "email", "value": "b@example.org"},
    ]
)
ADDRESSES = st.sampled_from(
    [
        {"city": "北京", "line": ["朝阳区建国路88号5栋1201室"]},
        {"state": "北京", "city": "北京", "line": ["朝阳区建国路88号5栋1201室"]},
        {"city": "北京"},
        {"city": "Leeds", "line": ["1 High Street"], "postalCode": "LS1 1AA"},
        {"postalCode": "LS11AA"},
    ]
)
PATIENTS = st.fixed_dictionaries(
    {"resourceType": st.just("Patient")},
    optional={
        "identifier": st.lists(IDENTIFIERS, max_size=3),
        "name": st.lists(NAMES, max_size=2),
        "gender": st.sampled_from(["male", "female", "other", "unknown"]),
        "birthDate": st.sampled_from(["1949-12-31", "1949-12", "1949", "1985-03-04", "1985-04-03", "1985-03-05"]),
        "telecom": st.lists(TELECOM, max_size=2),
        "address": st.lists(ADDRESSES, max_size=2),
        "multipleBirthInteger": st.integers(1, 3),
    },
)
RANKS = {"certain": 3, "probable": 2, "possible": 1, None: 0, "certainly-not": 0}


def compared(left: Json, right: Json) -> Comparison:
    return compare(person(left), person(right))


def outcomes(found: Comparison) -> dict[str, str]:
    return {each.element: each.outcome for each in found.findings}


@settings(max_examples=400, deadline=None)
@given(PATIENTS, PATIENTS)
def test_comparison_is_the_same_from_both_sides(left: Json, right: Json) -> None:
    there, back = compared(left, right), compared(right, left)
    assert (there.score, there.grade) == (back.score, back.grade)
    assert 0 <= there.score <= 1


@settings(max_examples=600, deadline=None)
@given(PATIENTS, PATIENTS, st.sampled_from(["birthDate", "gender", "multipleBirthInteger"]))
def test_single_element_that_is_made_to_agree_lowers_nothing(left: Json, right: Json, element: str) -> None:
    if element not in right or right[element] == "unknown":
        return
    before, after = compared(left, right), compared({**left, element: right[element]}, right)
    assert after.score >= before.score
    if before.grade != "certainly-not":
        assert RANKS[after.grade] >= RANKS[before.grade]


@settings(max_examples=800, deadline=None)
@given(PATIENTS, PATIENTS, st.sampled_from(["identifier", "name", "telecom", "address"]), st.data())
def test_item_that_agrees_lowers_nothing(left: Json, right: Json, element: str, data: st.DataObject) -> None:
    if not right.get(element):
        return
    item = data.draw(st.sampled_from(right[element]))
    before, after = compared(left, right), compared({**left, element: [*left.get(element, []), item]}, right)
    assert after.score >= before.score, (outcomes(before), outcomes(after))


@settings(max_examples=300, deadline=None)
@given(PATIENTS, PATIENTS, st.sampled_from(["identifier", "name", "gender", "birthDate", "telecom", "address"]))
def test_what_one_side_lacks_weighs_nothing(left: Json, right: Json, element: str) -> None:
    named = {
        "identifier": {"identifier", "residentNumber"},
        "name": {"family", "given"},
        "telecom": {"phone", "email"},
    }.get(element, {element})
    lacking = {key: value for key, value in left.items() if key not in (element, "identifier")}
    for each in compared(lacking, right).findings:
        if each.element in named:
            assert each.outcome == "missing"
            assert each.weight == 0


@settings(max_examples=600, deadline=None)
@given(PATIENTS, PATIENTS)
def test_certain_is_nobody_with_a_conflict_or_without_proof(left: Json, right: Json) -> None:
    found = compared(left, right)
    if found.grade != "certain":
        return
    said = outcomes(found)
    for element in ("residentNumber", "family", "given", "birthDate", "gender", "multipleBirth"):
        assert said[element] not in ("disagrees", "close")
    proof = [said[name] == "agrees" for name in ("residentNumber", "identifier", "phone", "email", "address")]
    assert any(proof)
    if not said["residentNumber"] == said["identifier"] == "agrees" and said["residentNumber"] != "agrees":
        assert said["birthDate"] == "agrees" or said["family"] == said["given"] == "agrees"


def test_agreement_never_weighs_less_than_nothing_and_disagreement_never_more() -> None:
    for element, chances in CHANCES.items():
        assert chances["agrees"].weight > 0 > chances["disagrees"].weight
        assert chances["agrees"].weight == max(each.weight for each in chances.values()), element
        for outcome in ("close", "partial"):
            assert outcome not in chances or chances[outcome].weight > 0
        assert sum(each.m for each in chances.values()) <= 1.0001
        assert weight(element, "missing") == 0
    usual = weight("family", "agrees", "欧阳")
    assert all(0 < weight("family", "agrees", name) <= usual for name in FAMILIES)
    assert weight("family", "close") < weight("family", "agrees", "王")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        # The two examples of the standard, a woman and a man.
        ("11010519491231002X", "11010519491231002X"),
        ("440524188001010014", "440524188001010014"),
        ("1101 0519 4912 3100 2x", "11010519491231002X"),
        ("110105-19491231-002X", "11010519491231002X"),
        ("110105491231002", "11010519491231002X"),
        ("110105194912310020", None),
        ("110105194913310029", None),
        ("11010519491231002", None),
        ("010105194912310025", None),
        ("١١٠١٠٥١٩٤٩١٢٣١٠٠٢X", None),
        ("", None),
    ],
)
def test_resident_number_is_told_from_others(text: str, number: str | None) -> None:
    assert resident_number(text) == number
    if number == "11010519491231002X":
        assert (birth_date(number), gender(number)) == ("1949-12-31", "female")


@given(st.integers(0, 16), st.sampled_from("0123456789"), st.sampled_from(NUMBERS))
def test_every_wrong_digit_and_exchange_of_neighbours_is_noticed(place: int, digit: str, number: str) -> None:
    wrong = number[:place] + digit + number[place + 1 :]
    assert (resident_number(wrong) == wrong) == (wrong == number)
    exchanged = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert (resident_number(exchanged) == exchanged) == (exchanged == number)


@pytest.mark.parametrize(
    ("left", "right", "value"),
    # Published examples of W. E. Winkler.
    [("martha", "marhta", "0.9611"), ("dwayne", "duane", "0.84"), ("dixon", "dicksonx", "0.8133"), ("ab", "cd", "0")],
)
def test_likeness_is_that_of_jaro_and_winkler(left: str, right: str, value: str) -> None:
    assert abs(Decimal(likeness(left, right)) - Decimal(value)) < Decimal("0.0001")


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_edits_apart_are_those_of_a_slow_definition(left: str, right: str) -> None:
    made = {left}
    for place in range(len(left) + 1):
        made |= {left[:place] + letter + left[place:] for letter in "abc"}
        made.add(left[:place] + left[place + 1 :])
        made |= {left[:place] + letter + left[place + 1 :] for letter in "abc" if place < len(left)}
        if place + 1 < len(left):
            made.add(left[:place] + left[place + 1] + left[place] + left[place + 2 :])
    assert is_edit_apart(left, right) == (right in made)
    assert 0 <= likeness(left, right) <= 1
    assert likeness(left, left) == 1


@given(st.text(max_size=400))
def test_folded_text_stays_as_it_is_when_folded_again(text: str) -> None:
    once = folded(text)
    assert len(once) <= MAX_LENGTH
    assert folded(once) == once


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("13800138000", "13800138000"),
        ("+86 138-0013-8000", "13800138000"),
        ("0086 13800138000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("010-12345678", "01012345678"),
        ("+44 20 7946 0000", "442079460000"),
        ("+1 (555) 010-9999 x12", "15550109999"),
        ("12345", ""),
        ("no phone", ""),
    ],
)
def test_phone_is_known_by_its_digits(text: str, number: str) -> None:
    assert phone(text) == number


def test_number_of_readings_is_bounded() -> None:
    many: list[Any] = [{"family": f"Family{number}", "given": ["A"]} for number in range(500)]
    assert len(person({"resourceType": "Patient", "name": many}).names) == MAX_READINGS


def test_names_are_exchanged_only_where_both_are() -> None:
    stored = {"resourceType": "Patient", "name": [{"family": "李", "given": ["秀英"]}]}
    exchanged = {"resourceType": "Patient", "name": [{"family": "秀英", "given": ["李"]}]}
    another = {"resourceType": "Patient", "name": [{"family": "秀英", "given": ["王"]}]}
    said = outcomes(compared(exchanged, stored))
    assert (said["family"], said["given"]) == ("agrees", "agrees")
    said = outcomes(compared(another, stored))
    assert (said["family"], said["given"]) == ("disagrees", "disagrees")
