"""Header fields taken apart: media types, quality values, preferences.

https://hl7.org/fhir/R4/http.html#ops (Prefer, RFC 7240) and https://hl7.org/fhir/R4/http.html#mime-type
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fhirhub.model.request import Handling, Return

_CACHED: Final = 512
"""Distinct values remembered per header; clients send few."""

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE: Final = re.compile(rf"{_TOKEN}/{_TOKEN}\Z")
_RETURNS: Final[dict[str, Return]] = {
    "minimal": "minimal",
    "representation": "representation",
    "operationoutcome": "OperationOutcome",
}


@dataclass(frozen=True, slots=True)
class MediaType:
    """One media type or range; `essence` is `type/subtype` in lower case, parameter names are lower case."""

    essence: str
    parameters: tuple[tuple[str, str], ...] = ()

    def parameter(self, name: str) -> str | None:
        """The value of a parameter, None where it is absent."""
        return dict(self.parameters).get(name)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a Prefer header asks for; an unknown preference is none (RFC 7240, section 2)."""

    returned: Return | None = None
    handling: Handling = "strict"


@lru_cache(_CACHED)
def parse_media_type(value: str) -> MediaType | None:
    """Read `type/subtype; name=value`, None where it is not of that form."""
    essence, *rest = split(value, ";")
    essence = essence.lower()
    if not _MEDIA_TYPE.match(essence):
        return None
    pairs = (part.partition("=") for part in rest if part)
    return MediaType(essence, tuple((name.strip().lower(), unquote(text.strip())) for name, _, text in pairs))


@lru_cache(_CACHED)
def parse_ranges(accept: str) -> tuple[tuple[MediaType, float], ...]:
    """Read an Accept header: each readable range with its quality from 0 to 1, in the order given."""
    ranges = (parse_media_type(part) for part in split(accept, ","))
    return tuple((each, quality(each.parameter("q"))) for each in ranges if each is not None)


@lru_cache(_CACHED)
def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    wildcard = False
    for part in split(header, ","):
        coding, *parameters = split(part.lower(), ";")
        weight = next((quality(p[2:].strip()) for p in parameters if p.startswith("q=")), 1.0)
        if coding in ("gzip", "x-gzip"):
            return weight > 0
        if coding == "*":
            wildcard = weight > 0
    return wildcard


@lru_cache(_CACHED)
def parse_prefer(header: str) -> Preferences:
    """Read Prefer (several headers joined by commas); the first of two equal preferences counts."""
    found: dict[str, str] = {}
    for part in split(header, ","):
        name, _, value = split(part, ";")[0].partition("=")
        found.setdefault(name.strip().lower(), unquote(value.strip()).lower())
    handling: Handling = "lenient" if found.get("handling") == "lenient" else "strict"
    return Preferences(_RETURNS.get(found.get("return", "")), handling)


def quality(text: str | None) -> float:
    """A quality value; 1 where it is absent, 0 where it is nonsense."""
    if text is None:
        return 1.0
    return float(text) if re.fullmatch(r"0(\.\d{0,3})?|1(\.0{0,3})?", text) else 0.0


def split(text: str, separator: str) -> list[str]:
    """Split at `separator` outside quoted strings; the parts are stripped."""
    if '"' not in text:
        return [part.strip() for part in text.split(separator)]
    parts, current, quoted, escaped = [], "", False, False
    for character in text:
        if escaped or (quoted and character == "\\"):
            escaped = not escaped
        elif character == '"':
            quoted = not quoted
        if character == separator and not quoted:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    return [*parts, current.strip()]


def unquote(text: str) -> str:
    """The content of a quoted string; another text unchanged."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return re.sub(r"\\(.)", r"\1", text[1:-1])
