"""Names that sound alike have keys in common."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.search.phonetic import MAX_LENGTH, MAX_WORDS, asked, keys_of, nysiis


def found(query: str, name: str) -> bool:
    keys = keys_of(name)
    return all(any(key in keys for key in each) for each in asked(query))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("macdonald", "MCDANALD"),
        ("knight", "NAGT"),
        ("phillipson", "FALAPSAN"),
        ("schmidt", "SNAD"),
        ("watkins", "WATCAN"),
        ("bonnie", "BANY"),
        ("mitchell", "MATCAL"),
        ("robertson", "RABARTSAN"),
        ("lee", "LY"),
        ("smith", "SNAT"),
        ("stevenson", "STAFANSAN"),
        ("quincy", "QANCY"),
        ("a", "A"),
        ("s", "S"),
        ("mac", "MC"),
        ("hh", "H"),
    ],
)
def test_nysiis_keys_are_those_of_its_rules(name: str, key: str) -> None:
    assert nysiis(name) == key


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("Philips", "Fillips"),
        ("Knight", "Night"),
        ("Brian", "Brion Smith"),
        ("JOHNSON", "Jansen"),
        ("Müller", "Mueler"),
        ("O'Brien", "OBrien"),
        ("O’Brien", "Obrian"),
        ("张三", "张三"),
        ("章叁", "张三"),
        ("張三", "张三"),
        ("Zhang San", "张三"),
        ("Zhangsan", "张三"),
        ("张三", "Zhang San"),
        ("张三", "Zhangsan"),
        ("张小明", "Zhang Xiaoming"),
        ("Zeng", "曾国"),
        ("Shan", "单"),
        ("三", "张三"),
        ("Lü", "吕布"),
        ("Zhanguo", "占国"),
        ("国", "Zhanguo"),
        ("Иванов", "иванов Пётр"),
        ("山田", "山田太郎"),
    ],
)
def test_names_that_sound_alike_are_found(query: str, name: str) -> None:
    assert found(query, name)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("Smith", "Jones"),
        ("Zhang", "李四"),
        ("张三", "张四"),
        ("李", "Zhang San"),
        ("Smith Ann", "Smith"),
        ("Ив", "Иванов"),
    ],
)
def test_names_that_sound_different_are_not_found(query: str, name: str) -> None:
    assert not found(query, name)


@given(st.text(st.sampled_from("aehkmnsvwyzptr' é张曾三Иあ1-"), max_size=20))
def test_every_name_is_found_by_itself(name: str) -> None:
    assert found(name, name)


@given(st.text("aehkmnsvwyzpfqcdtr", min_size=1, max_size=20))
def test_keys_are_short_capitals(name: str) -> None:
    key = nysiis(name)
    assert key.isupper()
    assert 1 <= len(key) <= len(name) + 1


def test_text_without_a_word_has_no_sound() -> None:
    assert keys_of(" -?") == ()
    assert asked(" -?") == []


def test_long_names_keep_few_keys() -> None:
    assert len(keys_of("曾" * 1_000)) <= MAX_LENGTH + 8
    assert len(asked("a b " * 1_000)) <= MAX_WORDS
    assert len(keys_of("x" * 10_000)[0]) <= MAX_LENGTH
