"""Folding and token keys: what is equal, what is a prefix, and that nothing else is."""

import time
import tracemalloc
import unicodedata
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from fhirhub.definitions import r4
from fhirhub.fhirpath.units import parse_unit
from fhirhub.search import keys
from fhirhub.search.folding import fold, fold_start
from fhirhub.search.paths import branches

BASE = "https://hub.example.org/fhir"
TRICKY = st.text(st.sampled_from("ab|%257C#\\,$ é\U0010ffff"), max_size=6)


def test_folding_ignores_case_accents_width_and_space() -> None:
    assert fold("  Müller-LÜDENSCHEIDT \t Jr. ") == "muller-ludenscheidt jr."
    assert fold("Straße") == "strasse"
    assert fold("ＡＢＣ１２３") == "abc123"
    assert fold("Ångström") == fold("Ångström") == "angstrom"
    assert fold("İstanbul") == "istanbul"


def folded_at_once(text: str) -> str:
    """What folding is, without regard for how long it takes."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(unicodedata.normalize("NFKC", bare).split())


LONG = st.lists(
    st.text("aÉ \u0301\u0323\u0345\u0f73İßﷺ張각\u1100\u1161\u11a8ｶﾞ", min_size=1, max_size=9), min_size=1, max_size=9
).map(lambda parts: "".join(parts) * 40)


@given(LONG | st.text(max_size=40), st.integers(1, 300))
def test_folding_in_pieces_is_folding_at_once(text: str, length: int) -> None:
    assert fold(text) == folded_at_once(text)
    assert fold_start(text, length) == folded_at_once(text)[:length]


def test_folding_takes_no_longer_than_the_text_is_long() -> None:
    begun = time.process_time()
    assert fold("e" + "\u0301\u0323" * 60_000 + "f") == "ef"
    assert keys.string_key("e" + "\u0323\u0f73" * 60_000 + "f").startswith("ef|")
    # The square of it would be half a minute.
    assert time.process_time() - begun < 10
    assert keys.string_key("\ufdfa" * 1_000_000).startswith("صلى الله")
    assert time.process_time() - begun < 10


def test_folding_keeps_chinese_and_whole_hangul_syllables() -> None:
    assert fold("张三") == "张三"
    assert fold("欧阳 娜娜") == "欧阳 娜娜"
    assert not fold("각").startswith(fold("가"))


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing_for_a_search(text: str) -> None:
    assert fold(fold(text)).casefold() == fold(fold(fold(text))).casefold()


@given(TRICKY, TRICKY)
@example("a", "a|b")
@example("a%7C", "a|")
def test_whole_values_share_no_key(left: str, right: str) -> None:
    assert (keys.whole(left) == keys.whole(right)) == (left == right)
    assert f"{keys.whole(right)}|xxxxxxxx".startswith(f"{keys.whole(left)}|") == (left == right)


@given(TRICKY, TRICKY)
def test_escaped_prefix_is_the_prefix_of_the_same_values(prefix: str, value: str) -> None:
    assert keys.escape(value).startswith(keys.escape(prefix)) == value.startswith(prefix)


@given(st.text(st.sampled_from("ab|%"), min_size=150, max_size=300), st.text(st.sampled_from("ab|%#"), max_size=300))
def test_long_values_get_short_keys_of_their_own(left: str, right: str) -> None:
    assert (keys.whole(left) == keys.whole(right)) == (left == right)
    assert len(keys.whole("x" * 5000)) < 150


@given(st.text(max_size=250))
@example("Straße")
def test_string_key_starts_with_every_folded_prefix(text: str) -> None:
    folded = fold(text)
    for length in range(min(len(folded), keys.STRING_LIMIT) + 1):
        assert keys.string_key(text).startswith(keys.escape(folded[:length]))


def test_string_key_tells_spellings_apart() -> None:
    assert keys.string_key("smith") == "smith|"
    assert len({keys.string_key(text) for text in ("Smith", "SMITH", "smith", "smíth", " smith")}) == 5
    long = "x" * keys.STRING_LIMIT
    assert len({keys.string_key(long + tail) for tail in ("", "a", "b")}) == 3


def test_system_is_eight_url_safe_characters() -> None:
    assert len(keys.system_id("http://loinc.org")) == 8
    assert keys.system_id("http://loinc.org") != keys.system_id("http://loinc.org/")


def test_reference_key_is_local_below_the_base() -> None:
    assert keys.reference_key("Patient/1", BASE) == "Patient/1"
    assert keys.reference_key("Patient/1/_history/7", BASE) == "Patient/1"
    assert keys.reference_key("Patient/1#part", BASE) == "Patient/1"
    assert keys.reference_key(f"{BASE}/Patient/1", BASE) == "Patient/1"
    assert (
        keys.reference_key("https://hub.example.org/fhir2/Patient/1", BASE) == "https://hub.example.org/fhir2/Patient/1"
    )
    assert (
        keys.reference_key("https://other.example.org/Patient/1/_history/2", BASE)
        == "https://other.example.org/Patient/1"
    )
    assert keys.reference_key("urn:uuid:0c3b", BASE) == "urn:uuid:0c3b"
    assert keys.reference_key("#inside", BASE) is None
    assert keys.reference_key("", BASE) is None


@given(TRICKY, TRICKY)
def test_uri_keys_are_prefixes_of_each_other_as_the_uris_are(left: str, right: str) -> None:
    assert keys.uri_key(right).startswith(keys.escape(left)) == right.startswith(left)


def test_uri_keys_of_long_uris_differ_and_begin_alike() -> None:
    long = "http://example.org/" + "a" * 2_000
    assert len(keys.uri_key(long)) < 600
    assert keys.uri_key(long).startswith("http://example.org/aaa")
    assert keys.uri_key(long) != keys.uri_key(long + "a")


def test_names_of_quantities_keep_their_parts_apart() -> None:
    assert keys.canonical_name("q", "g.m-3") == "q|c:g.m-3"
    assert keys.unit_name("q", "a|b") == "q|u:a\x1fb"
    assert keys.coded_name("q", "urn:s", "a:b") == f"q|s:{keys.system_id('urn:s')}:a:b"


def test_long_texts_of_clients_are_not_remembered() -> None:
    long = "x" * 100_000
    tracemalloc.start()
    try:
        for number in range(100):
            text = f"http://example.org/{number}/{long}"
            keys.system_id(text)
            keys.reference_key(text, BASE)
            keys.string_key(text)
            branches(
                replace(r4().search_parameters("Patient")["name"], expression=f"Patient.name.where('{text}')"),
                "Patient",
            )
            parse_unit(text)
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()
