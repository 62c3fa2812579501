"""Functions of strings.

http://hl7.org/fhirpath/N1/#string-manipulation
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.functions import pattern
from fhirhub.fhirpath.functions.signature import Function, of_values
from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.singleton import MAX_TEXT, boolean, number, string, typed

_STRING: Final = "System.String"
MAX_PARTS: Final = 100_000
"""The most strings one string is split into."""


def _of_strings(name: str, function: Callable[..., list[Node]]) -> Callable[..., list[Node]]:
    """Make a function of strings: the result is empty where any of them is."""

    def run(items: list[Node], *arguments: list[Node]) -> list[Node]:
        values = [typed(operand, _STRING, name) for operand in (items, *arguments)]
        return [] if None in values else function(*values)

    return run


def _substring(items: list[Node], start: list[Node], *length: list[Node]) -> list[Node]:
    text = typed(items, _STRING, "substring")
    first = typed(start, "System.Integer", "substring")
    if text is None or first is None or not 0 <= first < len(text):
        return []
    count = typed(length[0], "System.Integer", "substring") if length else None
    return string(text[first:] if count is None else text[first : first + max(count, 0)])


def _replace(text: str, found: str, replacement: str) -> list[Node]:
    if len(text) + text.count(found) * len(replacement) > MAX_TEXT:
        raise FhirPathError(f"replace would make more than {MAX_TEXT} characters")
    return string(text.replace(found, replacement))


def _join(items: list[Node], *separator: list[Node]) -> list[Node]:
    between = typed(separator[0], _STRING, "join") if separator else ""
    texts = [typed([node], _STRING, "join") for node in items if node.value is not None]
    return string((between or "").join(texts)) if texts else []


def _split(text: str, separator: str) -> list[Node]:
    if (text.count(separator) if separator else len(text)) > MAX_PARTS:
        raise FhirPathError(f"A string cannot be split into more than {MAX_PARTS} parts")
    parts = text.split(separator) if separator else text
    return [Node(part, _STRING) for part in parts]


_Coding = Mapping[str, Callable[[str], str]]

_ENCODERS: Final[_Coding] = {
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "urlbase64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}
_DECODERS: Final[_Coding] = {
    "hex": lambda text: bytes.fromhex(text).decode(),
    "base64": lambda text: base64.b64decode(text, validate=True).decode(),
    "urlbase64": lambda text: base64.b64decode(text, altchars=b"-_", validate=True).decode(),
}
_JSON_ESCAPE: Final = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|(["\\/bfnrt]))')
_JSON_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPERS: Final[_Coding] = {
    "html": lambda text: html.escape(text, quote=True),
    "json": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
}
_UNESCAPERS: Final[_Coding] = {
    "html": html.unescape,
    "json": lambda text: _JSON_ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _JSON_ESCAPES[m[2]], text),
}


def _coded(table: _Coding, name: str) -> Callable[[str, str], list[Node]]:
    def run(text: str, target: str) -> list[Node]:
        code = table.get(target)
        if code is None:
            raise FhirPathError(f"{name} does not know {target!r}")
        try:
            return string(code(text))
        except (ValueError, binascii.Error):
            return []

    return run


def _strings(name: str, function: Callable[..., Any], arguments: int, returns: str | None = _STRING) -> Function:
    single = name not in ("split", "toChars")
    build = of_values(_of_strings(name, function))
    return Function(build, arguments, arguments, returns=returns, takes=_STRING, single=single)


_BOOLEAN: Final = "System.Boolean"
STRINGS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "indexOf": _strings("indexOf", lambda s, part: number(s.find(part)), 1, "System.Integer"),
        "lastIndexOf": _strings("lastIndexOf", lambda s, part: number(s.rfind(part)), 1, "System.Integer"),
        "substring": Function(of_values(_substring), 1, 2, returns=_STRING, takes=_STRING),
        "startsWith": _strings("startsWith", lambda s, part: boolean(s.startswith(part)), 1, _BOOLEAN),
        "endsWith": _strings("endsWith", lambda s, part: boolean(s.endswith(part)), 1, _BOOLEAN),
        "contains": _strings("contains", lambda s, part: boolean(part in s), 1, _BOOLEAN),
        "upper": _strings("upper", lambda s: string(s.upper()), 0),
        "lower": _strings("lower", lambda s: string(s.lower()), 0),
        "replace": _strings("replace", _replace, 2),
        "matches": _strings("matches", lambda s, regex: boolean(pattern.search(regex, s)), 1, _BOOLEAN),
        "matchesFull": _strings("matchesFull", lambda s, regex: boolean(pattern.fullmatch(regex, s)), 1, _BOOLEAN),
        "replaceMatches": _strings("replaceMatches", lambda s, regex, by: string(pattern.replace(regex, by, s)), 2),
        "length": _strings("length", lambda s: number(len(s)), 0, "System.Integer"),
        "toChars": _strings("toChars", lambda s: _split(s, ""), 0),
        "trim": _strings("trim", lambda s: string(s.strip()), 0),
        "split": _strings("split", _split, 1),
        "join": Function(of_values(_join), 0, 1, returns=_STRING, takes=_STRING),
        "encode": _strings("encode", _coded(_ENCODERS, "encode"), 1),
        "decode": _strings("decode", _coded(_DECODERS, "decode"), 1),
        "escape": _strings("escape", _coded(_ESCAPERS, "escape"), 1),
        "unescape": _strings("unescape", _coded(_UNESCAPERS, "unescape"), 1),
    }
)
