"""`_text` and `_content`: words, and how they are joined."""

import time
from dataclasses import replace

import pytest

from fhirhub.errors import FhirError
from fhirhub.model.json import Json
from fhirhub.search.filter import And, HasWord, Not, Or
from fhirhub.search.parse import parse
from fhirhub.search.text_query import MAX_LENGTH

from .criteria_check import SITE, filter_of, finds, refusal

CONDITION: Json = {
    "resourceType": "Condition",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Bone <b>metastases</b></div>'},
    "code": {"text": "Knochenmetastasen, fortgeschritten", "coding": [{"code": "secret"}]},
    "note": [{"text": "患者有高血压病史"}],
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bone", True),
        ("BONE Metastases", True),
        ("bone AND liver", False),
        ("bone OR liver", True),
        ("liver or bone", True),
        ("bone and metastases", True),
        ("bone NOT liver", True),
        ("NOT bone", False),
        ("NOT NOT bone", True),
        ("(bone OR liver) AND (metastases)", True),
        ("liver OR bone AND nothing", False),
        ("liver AND nothing OR bone", True),
        ('"bone metastases"', True),
        ('"bone liver"', False),
        ("knochenmetastasen", False),
        ("liver,bone", True),
        ("met", False),
    ],
)
def test_text_finds_words_of_the_narrative(value: str, expected: bool) -> None:
    assert finds("_text", value, CONDITION) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("knochenmetastasen", True),
        ("bone", True),
        ("高血压", True),
        ("血", True),
        ("血高", False),
        ("高血压 AND bone", True),
        ("secret", False),
        ("fortgeschritten NOT 糖尿病", True),
    ],
)
def test_content_finds_words_of_everything(value: str, expected: bool) -> None:
    assert finds("_content", value, CONDITION) is expected


def test_query_becomes_a_tree() -> None:
    def word(text: str) -> HasWord:
        return HasWord(text, narrative=True)

    assert filter_of("Patient", "_text", "a (b OR c) NOT d") == And(
        (word("a"), Or((word("b"), word("c"))), Not(word("d")))
    )
    assert filter_of("Patient", "_content", "高血压") == And((HasWord("高血"), HasWord("血压")))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("(a", "a parenthesis is not closed"),
        ("a)", "a closing parenthesis has no opening one"),
        ("()", "expected a word before )"),
        ("a OR", "expected a word at the end"),
        ("AND a", "expected a word before AND"),
        ("NOT", "expected a word at the end"),
        ('"a b', "a quotation mark is not closed"),
        ("!!!", "has no letter or digit"),
        ('""', "has no letter or digit"),
    ],
)
def test_query_of_no_grammar_is_refused(value: str, says: str) -> None:
    assert says in refusal("Patient", "_content", value)


@pytest.mark.parametrize("value", ["(" * 30 + "a" + ")" * 30, "NOT " * 30 + "a", " ".join(f"w{n}" for n in range(101))])
def test_query_too_large_is_refused(value: str) -> None:
    assert refusal("Patient", "_content", value, code="too-costly")


def test_hostile_query_is_refused_at_once() -> None:
    began = time.perf_counter()
    refusal("Patient", "_content", "(" * 50_000, code="too-costly")
    refusal("Patient", "_content", " ".join(f"w{n}" for n in range(20_000)), code="too-costly")
    assert time.perf_counter() - began < 2


def test_modifier_of_a_query_of_words_is_refused() -> None:
    assert "supported: none." in refusal("Patient", "_text:exact", "a", code="not-supported")


def test_server_without_words_refuses_to_look_for_them_or_passes_them_over() -> None:
    site = replace(SITE, full_text=False)
    for name, value in (("_content", "a"), ("_filter", "_text eq a")):
        with pytest.raises(FhirError, match="not indexed on this server") as caught:
            parse("Patient", [(name, value)], handling="strict", site=site)
        assert caught.value.issues[0].code == "not-supported"
        query = parse("Patient", [(name, value), ("_id", "1")], handling="lenient", site=site)
        assert query.used == (("_id", "1"),)
        assert "not indexed on this server" in query.ignored[0].diagnostics


@pytest.mark.parametrize(
    ("value", "expected"), [("Smeth", True), ("jon SMITH", True), ("Smith Mary", False), ("Zhang", False)]
)
def test_phonetic_asks_for_the_sound_of_every_word(value: str, expected: bool) -> None:
    patient: Json = {"resourceType": "Patient", "name": [{"family": "Smith", "given": ["John"]}]}
    assert finds("phonetic", value, patient) is expected


def test_phonetic_of_a_chinese_name_is_found_by_its_reading() -> None:
    patient: Json = {"resourceType": "Patient", "name": [{"text": "张三"}]}
    assert finds("phonetic", "Zhang San", patient)
    assert finds("phonetic", "章三", patient)
    assert not finds("phonetic", "Li San", patient)
    assert finds("phonetic:missing", "false", patient)
    assert "has no word" in refusal("Patient", "phonetic", "!!")


def test_blanks_at_the_end_of_a_query_cost_nothing() -> None:
    began = time.perf_counter()
    assert finds("_content", "bone" + " " * (MAX_LENGTH - 4), CONDITION)
    assert time.perf_counter() - began < 1


def test_query_of_too_many_characters_is_too_costly() -> None:
    assert str(MAX_LENGTH) in refusal("Patient", "_content", "bone " * MAX_LENGTH, code="too-costly")
