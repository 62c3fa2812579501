"""The words of a resource, for searches of its narrative and its whole content.

https://hl7.org/fhir/R4/search.html#text

A word is a run of letters and digits, without its case and in compatibility form. Chinese, Japanese and Korean do not
put spaces between words: of a run of their characters every single one is a word, and every two neighbours are. What
counts as content are texts for people by the definition tables: strings, markdown and narratives, also in extensions
and contained resources; no codes, identifiers, URIs, numbers or dates.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice, pairwise
from types import MappingProxyType
from typing import Any, Final

from fhirhub.definitions import Element, r4
from fhirhub.model.json import Json
from fhirhub.search.folding import in_pieces

MAX_WORDS: Final = 2_000
"""Words of a resource that are kept; of longer texts the rest cannot be searched."""
MAX_LENGTH: Final = 40
"""Characters of a word that count."""

_JOINED: Final = (
    "\u1100-\u11ff\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u318f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_RUN: Final = re.compile(f"[{_JOINED}]+")
_WORD: Final = re.compile(rf"[^\W_{_JOINED}]+")
_ASCII_WORD: Final = re.compile("[a-z0-9]+")

# What well-formed XHTML has besides text; the tags that come first stand within words.
_COMMENT: Final = re.compile("<!--.*?-->", re.DOTALL)
_INLINE: Final = re.compile(
    r"""</?(?:a|abbr|acronym|b|bdo|big|cite|code|dfn|em|font|i|kbd|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var)"""
    r"""(?=[\s/>])(?:[^<>"']|"[^"]*"|'[^']*')*+>"""
)
_TAG: Final = re.compile(r"""<(?:[^<>"']|"[^"]*"|'[^']*')*+>""")


def words(resource: Json) -> list[str]:
    """Return the words of a valid resource, `MAX_WORDS` at most; those in its narrative start with a full stop."""
    texts: list[str] = []
    narratives: list[str] = []
    _gather(resource, _steps()[resource["resourceType"]], texts, narratives)
    told = {f".{word}": None for word in _split("\n".join(map(_plain, narratives)))} if narratives else {}
    content = (word for word in dict.fromkeys(_split("\n".join(texts))) if f".{word}" not in told)
    return [*islice(told, MAX_WORDS), *islice(content, max(MAX_WORDS - len(told), 0))]


def asked(text: str) -> list[str]:
    """Return the words that a resource has if it has `text`: of a run of Chinese characters each two neighbours."""
    plain = _normal(text)
    found = dict.fromkeys(word[:MAX_LENGTH] for word in _WORD.findall(plain))
    for run in _RUN.findall(plain):
        found |= dict.fromkeys(_pairs(run) if len(run) > 1 else run)
    return list(found)


def _normal(text: str) -> str:
    if text.isascii():
        return text.lower()
    return in_pieces(_compatible, text)


def _compatible(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _split(text: str) -> Iterable[str]:
    plain = _normal(text)
    if plain.isascii():
        return [word[:MAX_LENGTH] for word in _ASCII_WORD.findall(plain)]
    found = [word[:MAX_LENGTH] for word in _WORD.findall(plain)]
    for run in _RUN.findall(plain):
        found += run
        found += _pairs(run)
    return found


def _pairs(run: str) -> Iterator[str]:
    return map("".join, pairwise(run))


def _plain(div: str) -> str:
    # Comments first: what looks like a tag in one is none, and could seem to end behind it.
    text = _COMMENT.sub(" ", div) if "<!--" in div else div
    text = _TAG.sub(" ", _INLINE.sub("", text))
    return html.unescape(text) if "&" in text else text


_Steps = Mapping[str, Any]
"""What a property leads to: `_TEXT`, `_NARRATIVE`, `_RESOURCE`, or the steps of its type."""

_TEXT: Final[_Steps] = MappingProxyType({})
_NARRATIVE: Final[_Steps] = MappingProxyType({})
_RESOURCE: Final[_Steps] = MappingProxyType({})


def _gather(value: Json, steps: _Steps, texts: list[str], narratives: list[str]) -> None:
    for name, found in value.items():
        step = steps.get(name)
        if step is None:
            continue
        if step is _TEXT:
            if type(found) is str:
                texts.append(found)
            else:
                texts += filter(None, found)
        elif type(found) is list:
            for each in found:
                # Null stands for a primitive of an array without extensions.
                if each is not None:
                    _enter(each, step, texts, narratives)
        else:
            _enter(found, step, texts, narratives)


def _enter(value: Any, step: _Steps, texts: list[str], narratives: list[str]) -> None:
    if step is _NARRATIVE:
        narratives.append(value)
    elif step is _RESOURCE:
        inner: list[str] = []
        _gather(value, _steps().get(value["resourceType"], {}), texts, inner)
        # For the resource around it, it is content.
        texts += map(_plain, inner)
    else:
        _gather(value, step, texts, narratives)


@cache
def _steps() -> Mapping[str, _Steps]:
    """Return the steps of every type; those of the types lead to each other."""
    steps: dict[str, dict[str, _Steps]] = {name: {} for name in r4().types}
    for name, definition in r4().types.items():
        if definition.kind == "primitive-type":
            continue
        for element in definition.elements.values():
            if element.type in _PROSE and not _is_key(name, element):
                steps[name][element.name] = _PROSE[element.type]
            elif r4().types[element.type].kind != "primitive-type":
                steps[name][element.name] = _RESOURCE if element.type == "Resource" else steps[element.type]
            if r4().types[element.type].kind == "primitive-type" and not element.is_attribute:
                steps[name][f"_{element.name}"] = steps["Element"]
    return steps


_PROSE: Final = MappingProxyType({"string": _TEXT, "markdown": _TEXT, "xhtml": _NARRATIVE})

_KEYS: Final = frozenset(
    {"Identifier.value", "Reference.reference", "Coding.version", "SampledData.data", "Quantity.unit"}
)
"""Strings of data types that are not written for people."""


def _is_key(type_name: str, element: Element) -> bool:
    parent = r4().types[type_name].parent
    return element.name == "id" or not _KEYS.isdisjoint((f"{type_name}.{element.name}", f"{parent}.{element.name}"))
