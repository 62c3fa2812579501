"""Token strings: how a value of a parameter becomes one short, unambiguous index key.

https://hl7.org/fhir/R4/search.html#token, #string, #uri and #reference

    parameter=value|system     token; system is a hash of eight characters, empty where there is none
    parameter=|system          any code of the system
    parameter=folded|original  string: folded and cut at `STRING_LIMIT`; original is a hash, empty where
                               folding changed nothing
    parameter=value            uri and reference
    parameter=                 the element is present but gives no other key
    parameter:text=folded|original
                               what a code or reference is called, cut as a string is
    parameter:identifier=value|system
                               the identifier a reference gives, as a token
    parameter:of-type=code|system|value
                               an identifier with one coding of its type
    phonetic=sound             see `phonetic`
    ^parameter                 of a contained resource: the reference parameter of what contains it leads to it;
                               no parameter's name starts like that
    parameter^                 of a contained resource: the reference parameter leads to one beside it

Ranges of numbers have names instead: `parameter` for the bare number, and for a quantity as well

    parameter|c:unit           in a canonical unit of UCUM
    parameter|u:text           as it stands, `text` being its unit or the code of that, but for codes of UCUM
    parameter|s:system:code    as it stands, the unit given by a code system

A bar in a value is written as `BAR`, a control character that no FHIR value has, so a bar only ever separates and
`parameter=value|` is the prefix of exactly one value. A value longer than `VALUE_LIMIT` is replaced by its beginning
and a hash of all of it; of a uri parameter, where prefixes are asked for, `URI_LIMIT` counts.
Codes, identifiers and URIs are compared exactly as written: merging two patients whose numbers differ in case only is
worse than not finding one.
"""

from base64 import urlsafe_b64encode
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from fhirhub.model.reference import parse_reference
from fhirhub.search.folding import fold_start

BAR: Final = "\x1f"
"""What stands for a bar within a value."""
CUT: Final = "\x1e"
"""Where a value was cut; a hash of all of it follows."""
STRING_LIMIT: Final = 200
"""Characters of a folded string that its key keeps; nothing longer can be searched for."""
VALUE_LIMIT: Final = 200
"""Characters of a token or reference that its key keeps literally."""
URI_LIMIT: Final = 1_000
"""Characters of the value of a uri parameter that its key keeps literally."""


def digest(text: str, size: int = 6) -> str:
    """Return a hash of `text` as url-safe base64; `size` is in bytes and a multiple of three."""
    return urlsafe_b64encode(blake2b(text.encode(), digest_size=size).digest()).decode()


def system_id(system: str) -> str:
    """Return the eight characters that stand for a code or identifier system."""
    return _known_digest(system) if len(system) <= VALUE_LIMIT else digest(system)


# What is short recurs; what is longer than a key keeps does not, and would fill the memory.
_known_digest: Final = lru_cache(maxsize=4096)(digest)


def escape(text: str) -> str:
    """Return `text` without bars; every part of the result stands for the same part of `text` and for nothing else."""
    return text.replace("|", BAR)


def unescape(text: str) -> str | None:
    """Return the text that an escaped value stands for, None where it was shortened."""
    return None if CUT in text else text.replace(BAR, "|")


def whole(text: str) -> str:
    """Return the key part of a value that is only ever compared as a whole."""
    return _within(text, VALUE_LIMIT)


def uri_key(text: str) -> str:
    """Return the key part of a value of a uri parameter; up to half of `URI_LIMIT` it starts as the value does."""
    return _within(text, URI_LIMIT)


def _within(text: str, limit: int) -> str:
    if len(text) <= limit:
        return escape(text)
    # No value has the mark, so a shortened value equals no literal one.
    return f"{escape(text[: limit // 2])}{CUT}{digest(text, 18)}"


def held_key(code: str) -> str:
    """Return the key of a contained resource that a reference parameter of its container leads to."""
    return f"^{code}"


def beside_key(code: str) -> str:
    """Return the key of a contained resource whose reference parameter leads to one beside it."""
    return f"{code}^"


def canonical_name(code: str, unit: str) -> str:
    """Return the name of the numbers of a quantity parameter in a canonical unit."""
    return f"{code}|c:{whole(unit)}"


def unit_name(code: str, text: str) -> str:
    """Return the name of the numbers of a quantity parameter whose unit, or the code of it, is `text`."""
    return f"{code}|u:{whole(text)}"


def coded_name(code: str, system: str, unit: str) -> str:
    """Return the name of the numbers of a quantity parameter in a unit of a code system."""
    return f"{code}|s:{system_id(system)}:{whole(unit)}"


def string_key(text: str) -> str:
    """Return the key part of a string; it starts with `escape(fold(prefix))` for every prefix up to `STRING_LIMIT`."""
    return _short_string_key(text) if len(text) <= _SHORT else _string_key(text)


def _string_key(text: str) -> str:
    kept = fold_start(text, STRING_LIMIT)
    return f"{escape(kept)}|" if kept == text else f"{escape(kept)}|{digest(text)}"


# Names of people and places recur, within one resource as well; long texts do not and would fill the memory.
_SHORT: Final = 40
_short_string_key: Final = lru_cache(maxsize=8192)(_string_key)


def reference_key(text: str, base_url: str) -> str | None:
    """Return the key part of a literal reference, None for one into the resource itself (`#x`) or an empty one.

    A restful reference loses version and fragment, and below `base_url` also the base.
    """
    return _known_reference(text, base_url) if len(text) <= VALUE_LIMIT else _new_reference(text, base_url)


def _new_reference(text: str, base_url: str) -> str | None:
    parsed = parse_reference(text)
    if parsed is None:
        return None if text.startswith("#") or not text else whole(text)
    local = f"{parsed.resource_type}/{parsed.logical_id}"
    if parsed.base is None or parsed.base == base_url:
        return local
    return whole(f"{parsed.base}/{local}")


_known_reference: Final = lru_cache(maxsize=8192)(_new_reference)
