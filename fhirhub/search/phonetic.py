"""How names sound: keys that names have in common which are spelt differently but spoken alike.

https://hl7.org/fhir/R4/patient.html#search (`phonetic`)

A name in Latin letters has the key of NYSIIS, in capitals (R. L. Taft, Name Search Techniques, New York State
Identification and Intelligence System, Special Report 1, 1970; not cut at six letters). A Chinese name has its readings
in Pinyin without tones, in small letters, of each character and of the whole; a Latin name that can be Pinyin has them
too, so that 张三, Zhang San and Zhangsan find each other. Words in other scripts sound like themselves.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice, product
from types import MappingProxyType
from typing import Final

from fhirhub.search.folding import fold_start

_WORD: Final = re.compile(r"[\u4e00-\u9fff]+|[^\W_\u4e00-\u9fff]+")
_LATIN: Final = re.compile("[a-z]+")
_APOSTROPHES: Final = re.compile(r"['’`´]")

MAX_WORDS: Final = 40
"""Words of a name that count."""
MAX_LENGTH: Final = 40
"""Characters of a word that count."""
_MAX_READINGS: Final = 8
_MAX_FOLDED: Final = MAX_WORDS * (MAX_LENGTH + 1)


def keys_of(name: str) -> tuple[str, ...]:
    """Return the keys of a name or a part of one."""
    return _keys_of(name) if len(name) <= MAX_LENGTH else _new_keys(name)


def _new_keys(name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for word in _words(name) for key in _keys(word)))


# Names recur; long ones do not.
_keys_of: Final = lru_cache(maxsize=4096)(_new_keys)


def asked(name: str) -> list[tuple[str, ...]]:
    """Return of every word of `name`, and every character of a Chinese one, the keys one of which is to be found."""
    found: dict[tuple[str, ...], None] = {}
    for word in _words(name):
        if "\u4e00" <= word[0] <= "\u9fff":
            found |= dict.fromkeys(map(_readings, word))
        else:
            found[tuple(_latin(word))] = None
    return list(found)


def _words(name: str) -> Iterator[str]:
    plain = _APOSTROPHES.sub("", fold_start(name, _MAX_FOLDED))
    return islice((word[:MAX_LENGTH] for word in _WORD.findall(plain)), MAX_WORDS)


def _keys(word: str) -> Iterator[str]:
    if "\u4e00" <= word[0] <= "\u9fff":
        readings = [_readings(character) for character in word]
        for each in readings:
            yield from each
        yield from islice(map("".join, product(*readings)), _MAX_READINGS)
    else:
        yield from _latin(word)
        yield from _syllables(word)


def _latin(word: str) -> Iterator[str]:
    """The key of a word as a whole: by its letters, and as Pinyin if it can be that; other scripts stay as they are."""
    if _LATIN.fullmatch(word) is None:
        yield word
        return
    yield nysiis(word)
    if _syllables(word):
        yield word


def _readings(character: str) -> tuple[str, ...]:
    return _pinyin().get(character) or (character,)


@cache
def _pinyin() -> Mapping[str, tuple[str, ...]]:
    readings: dict[str, tuple[str, ...]] = {}
    for line in files("fhirhub.search").joinpath("pinyin.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            syllable, characters = line.split("\t")
            for character in characters:
                readings[character] = (*readings.get(character, ()), syllable)
    return MappingProxyType(readings)


@cache
def _known_syllables() -> frozenset[str]:
    return frozenset(each for readings in _pinyin().values() for each in readings)


_LONGEST: Final = len("zhuang")


def _syllables(word: str) -> list[str]:
    """Take a word apart into syllables of Pinyin, each as long as what follows allows; nothing where that is no way."""
    known = _known_syllables()
    # By where they start: what the rest of the word from there on can be.
    rests: dict[int, list[str]] = {len(word): []}
    for start in reversed(range(len(word))):
        for end in range(min(start + _LONGEST, len(word)), start, -1):
            if end in rests and word[start:end] in known:
                rests[start] = [word[start:end], *rests[end]]
                break
    return rests.get(0, [])


_BEGINNINGS: Final = (("mac", "mcc"), ("kn", "nn"), ("k", "c"), ("ph", "ff"), ("pf", "ff"), ("sch", "sss"))
_ENDINGS: Final = (("ee", "y"), ("ie", "y"), ("dt", "d"), ("rt", "d"), ("rd", "d"), ("nt", "d"), ("nd", "d"))
_WITHIN: Final = (("ev", "af"), ("kn", "n"), ("sch", "sss"), ("ph", "ff"))
_LETTERS: Final = MappingProxyType({**dict.fromkeys("aeiou", "a"), "q": "g", "z": "s", "m": "n", "k": "c"})


def nysiis(word: str) -> str:
    """Return the NYSIIS key of a word of small Latin letters, in capitals."""
    for beginning, instead in _BEGINNINGS:
        if word.startswith(beginning):
            word = instead + word[len(beginning) :]
            break
    for ending, instead in _ENDINGS:
        if word.endswith(ending):
            word = word[: -len(ending)] + instead
            break
    key = word[0]
    position = 1
    while position < len(word):
        spoken, length = _spoken(word, position)
        word = word[:position] + spoken + word[position + length :]
        for letter in spoken:
            if letter != key[-1]:
                key += letter
        position += len(spoken)
    return _ended(key).upper()


def _spoken(word: str, position: int) -> tuple[str, int]:
    """Return what stands for the letters at a position, and how many those are."""
    for letters, instead in _WITHIN:
        if word.startswith(letters, position):
            return instead, len(letters)
    letter, before, after = word[position], word[position - 1], word[position + 1 : position + 2]
    if letter == "h" and (before not in "aeiou" or after not in ("a", "e", "i", "o", "u")):
        return before, 1
    if letter == "w" and before in "aeiou":
        return before, 1
    return _LETTERS.get(letter, letter), 1


def _ended(key: str) -> str:
    if key.endswith("s") and len(key) > 1:
        key = key[:-1]
    if key.endswith("ay"):
        key = f"{key[:-2]}y"
    if key.endswith("a") and len(key) > 1:
        key = key[:-1]
    return key
