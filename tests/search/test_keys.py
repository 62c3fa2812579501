"""Folding and token keys: what is equal, what is a prefix, and that nothing else is."""

from hypothesis import example, given
from hypothesis import strategies as st

from fhirhub.search import keys
from fhirhub.search.folding import fold

BASE = "https://hub.example.org/fhir"
TRICKY = st.text(st.sampled_from("ab|%257C#\\,$ é\U0010ffff"), max_size=6)


def test_folding_ignores_case_accents_width_and_space() -> None:
    assert fold("  Müller-LÜDENSCHEIDT \t Jr. ") == "muller-ludenscheidt jr."
    assert fold("Straße") == "strasse"
    assert fold("ＡＢＣ１２３") == "abc123"
    assert fold("Ångström") == fold("Ångström") == "angstrom"
    assert fold("İstanbul") == "istanbul"


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
