"""Alternatives and escapes in the text of a search value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.errors import FhirError
from fhirhub.search import syntax


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        ("a\\,b,c", ["a,b", "c"]),
        ("a\\\\,b", ["a\\", "b"]),
        ("a\\\\\\,b", ["a\\,b"]),
        ("a\\|b\\$c", ["a|b$c"]),
    ],
)
def test_commas_separate_unless_escaped(value: str, parts: list[str]) -> None:
    assert [syntax.unescape(part) for part in syntax.alternatives("name", value)] == parts


@given(st.lists(st.text(st.sampled_from("a\\,|$ "), min_size=1, max_size=5).filter(str.strip), min_size=1, max_size=4))
def test_escaped_texts_come_back_as_they_were(texts: list[str]) -> None:
    value = ",".join(map(syntax.escape, texts))
    assert [syntax.unescape(part) for part in syntax.alternatives("name", value)] == texts


@pytest.mark.parametrize("value", ["", ",", "a,", ",a", "a,,b", "a, ,b"])
def test_empty_alternatives_are_refused(value: str) -> None:
    with pytest.raises(FhirError, match=r"Search parameter name: .*empty") as caught:
        syntax.alternatives("name", value)
    assert (caught.value.status, caught.value.issues[0].code) == (400, "value")


@pytest.mark.parametrize("value", ["DOM\\user", "a\\", "\\n", "a,b\\"])
def test_backslash_that_escapes_nothing_is_refused(value: str) -> None:
    with pytest.raises(FhirError, match="backslash") as caught:
        syntax.alternatives("identifier", value)
    assert caught.value.issues[0].expression == ("http.identifier",)


def test_lone_surrogate_is_refused() -> None:
    with pytest.raises(FhirError, match="surrogate"):
        syntax.alternatives("name", "a\ud800")
