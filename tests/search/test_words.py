"""The words of narratives and of content: which texts count, and how they are taken apart."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.model.json import Json
from fhirhub.search.extract import extract
from fhirhub.search.site import Site
from fhirhub.search.words import MAX_LENGTH, MAX_WORDS, asked, words

from .conftest import BASE_URL


def narrative(inner: str) -> Json:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'
    return {"resourceType": "Basic", "text": {"status": "generated", "div": div}}


def noted(text: str) -> Json:
    return {"resourceType": "Observation", "note": [{"text": text}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Chest PAIN, left-sided", ["chest", "pain", "left", "sided"]),
        ("pain pain Pain", ["pain"]),
        ("Größe STRASSE Straße", ["grösse", "strasse"]),
        ("ＡＢＣ　１２３ ﬁne", ["abc", "123", "fine"]),
        ("5.4 mmol_per_l", ["5", "4", "mmol", "per", "l"]),
        ("糖尿病", ["糖", "尿", "病", "糖尿", "尿病"]),
        ("B超检查3次", ["b", "3", "超", "检", "查", "超检", "检查", "次"]),
        ("糖尿病 糖", ["糖", "尿", "病", "糖尿", "尿病"]),
        ("ｶﾞﾝ がん", ["ガ", "ン", "ガン", "が", "ん", "がん"]),
        ("각각", ["각", "각각"]),
        ("𠮷野家", ["𠮷", "野", "家", "𠮷野", "野家"]),
        ("", []),
        (" ,;— ", []),
    ],
)
def test_text_is_taken_apart_into_words(text: str, expected: list[str]) -> None:
    assert words(noted(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Chest  pain", ["chest", "pain"]),
        ("糖尿病", ["糖尿", "尿病"]),
        ("病", ["病"]),
        ("B超", ["b", "超"]),
        ("type 2 糖尿", ["type", "2", "糖尿"]),
        ("...", []),
    ],
)
def test_words_asked_for_are_the_longest_there_are(text: str, expected: list[str]) -> None:
    assert asked(text) == expected


TEXTS = st.text(st.sampled_from("aZ9 é-ßﬁ糖尿病がｶﾞ각İ𠮷_"), max_size=12)


@given(TEXTS, TEXTS, TEXTS)
def test_every_part_of_a_text_between_spaces_is_found(before: str, part: str, after: str) -> None:
    assert set(asked(part)) <= set(words(noted(f"{before} {part} {after}")))


@given(st.text("糖尿病史", max_size=3), st.text("糖尿病史", min_size=1, max_size=4), st.text("糖尿病史", max_size=3))
def test_every_run_within_a_longer_one_is_found(before: str, part: str, after: str) -> None:
    assert set(asked(part)) <= set(words(noted(before + part + after)))


def test_words_of_the_narrative_are_marked_and_not_repeated() -> None:
    resource = {**narrative("<p>Severe <b>pa</b>in</p><td>one</td><td>two</td>"), "code": {"text": "Severe cough"}}
    assert words(resource) == [".severe", ".pain", ".one", ".two", "cough"]


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("a&amp;b &lt;i&gt; caf&#233; &nbsp;x", [".a", ".b", ".i", ".café", ".x"]),
        ("one<br/>two<!-- hidden <b> > -->three", [".one", ".two", ".three"]),
        ('<a href="http://example.org/hidden?a>b">seen</a>', [".seen"]),
        ("<span class='x'>糖</span>尿病", [".糖", ".尿", ".病", ".糖尿", ".尿病"]),
        ('<img src="#1" alt="hidden"/>', []),
        ("<abbr>AB</abbr>C <strong>D</strong>", [".abc", ".d"]),
        ("<!-- <a ' -->it<p>don't > me</p>", [".it", ".don", ".t", ".me"]),
        ("<article>x</article>", [".x"]),
    ],
)
def test_narrative_is_read_without_its_markup(inner: str, expected: list[str]) -> None:
    assert words(narrative(inner)) == expected


def test_unclosed_markup_takes_no_longer_than_its_length() -> None:
    assert words(narrative("<a '" * 50_000 + "end"))[-1] == ".end"


MARKS = "\u0301\u0323"
"""Two combining marks that are not in their order."""


def test_long_run_of_marks_takes_no_longer_than_its_length() -> None:
    begun = time.process_time()
    assert words(noted("cafe" + MARKS * 60_000 + " noir")) == ["cafẹ", "noir"]
    assert words(narrative("e" + "\u0f73" * 60_000 + " noir"))[-1] == ".noir"
    # The square of it would be half a minute.
    assert time.process_time() - begun < 10


@given(st.lists(st.text("e\u0301é\u0327糖がか\u3099각\u1100\u1161\u11a8ﷺİ", max_size=12), min_size=30, max_size=60))
def test_long_text_has_the_words_it_has_when_made_normal_at_once(parts: list[str]) -> None:
    text = " ".join(parts)
    whole = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    assert words(noted(f"{text}.")) == words(noted(f"{whole}."))


def test_content_is_what_people_read() -> None:
    resource: Json = {
        "resourceType": "Observation",
        "id": "idword",
        "meta": {"profile": ["http://profileword"], "tag": [{"code": "tagcode", "display": "tagdisplay"}]},
        "identifier": [{"system": "http://systemword", "value": "identifierword", "assigner": {"display": "clinic"}}],
        "status": "final",
        "code": {"coding": [{"system": "urn:s", "version": "v1", "code": "codeword", "display": "cd"}], "text": "ct"},
        "subject": {"reference": "Patient/referenceword", "display": "Ann"},
        "effectiveDateTime": "2020-01-01",
        "valueQuantity": {"value": 5, "unit": "unitword", "code": "kg"},
        "note": [{"text": "**markdown**", "authorString": "Dr Who"}],
        "component": [{"id": "elementid", "code": {"text": "part"}, "valueString": "green"}],
    }
    expected = {"tagdisplay", "clinic", "cd", "ct", "ann", "markdown", "dr", "who", "part", "green"}
    assert set(words(resource)) == expected


def test_names_and_addresses_are_content() -> None:
    name = {"use": "official", "family": "Li", "given": ["Wei", None], "prefix": ["Dr"]}
    resource: Json = {"resourceType": "Patient", "name": [name], "address": [{"line": ["1 High St"], "city": "Leeds"}]}
    resource["telecom"] = [{"system": "phone", "value": "555"}]
    assert words(resource) == ["li", "wei", "dr", "1", "high", "st", "leeds", "555"]


def test_extensions_are_content_those_of_primitives_too() -> None:
    translation = {"url": "urn:t", "extension": [{"url": "content", "valueString": "李伟"}]}
    name = {"family": "Li", "_family": {"extension": [translation]}, "given": ["A"], "_given": [None]}
    resource: Json = {"resourceType": "Patient", "name": [name], "extension": [{"url": "urn:x", "valueMarkdown": "m"}]}
    assert set(words(resource)) == {"li", "李", "伟", "李伟", "a", "m"}


def test_contained_resources_and_entries_are_content_with_their_narratives() -> None:
    inner = {**narrative("told"), "code": {"text": "inner"}}
    resource = {**narrative("outer"), "contained": [inner]}
    assert words(resource) == [".outer", "inner", "told"]
    bundle: Json = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": inner}, {}]}
    assert words(bundle) == ["inner", "told"]


def test_sections_have_narratives() -> None:
    section = {"title": "History", "text": {"status": "generated", "div": "<div>long ago</div>"}}
    assert words({"resourceType": "Composition", "title": "Letter", "section": [{"section": [section]}]}) == [
        ".long",
        ".ago",
        "letter",
        "history",
    ]


def test_long_words_are_cut_when_kept_and_when_asked_for() -> None:
    long = "x" * 100
    assert words(noted(long)) == asked(long) == ["x" * MAX_LENGTH]


def test_long_texts_are_cut() -> None:
    found = words({**narrative("seen"), **noted(" ".join(map(str, range(MAX_WORDS * 2))))})
    assert len(found) == MAX_WORDS
    assert found[:2] == [".seen", "0"]
    assert len(words(narrative(" ".join(map(str, range(MAX_WORDS * 2)))))) == MAX_WORDS


def test_site_decides_whether_words_are_indexed() -> None:
    assert extract(noted("pain"), "Observation", Site(BASE_URL)).words == ["pain"]
    assert extract(noted("pain"), "Observation", Site(BASE_URL, full_text=False)).words == []
