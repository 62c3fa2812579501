"""Token strings: how a value of a parameter becomes one short, unambiguous index key.

https://hl7.org/fhir/R4/search.html#token, #string, #uri and #reference

    parameter=value|system     token; system is a hash of eight characters, empty where there is none
    parameter=|system          any code of the system
    parameter=folded|original  string: folded and cut at `STRING_LIMIT`; original is a hash, empty where
                               folding changed nothing
    parameter=value            uri and reference
    parameter=                 the element is present but gives no other key

A bar or a percent sign in a value is escaped as in URLs, so a bar only ever separates and `parameter=value|` is the
prefix of exactly one value. A value longer than `VALUE_LIMIT` is replaced by its beginning and a hash of all of it.
Codes, identifiers and URIs are compared exactly as written: merging two patients whose numbers differ in case only is
worse than not finding one.
"""

from base64 import urlsafe_b64encode
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from fhirhub.model.reference import parse_reference
from fhirhub.search.folding import fold

STRING_LIMIT: Final = 200
"""Characters of a folded string that its key keeps; nothing longer can be searched for."""
VALUE_LIMIT: Final = 200
"""Characters of a token, uri or reference that its key keeps literally."""


def digest(text: str, size: int = 6) -> str:
    """Return a hash of `text` as url-safe base64; `size` is in bytes and a multiple of three."""
    return urlsafe_b64encode(blake2b(text.encode(), digest_size=size).digest()).decode()


@lru_cache(maxsize=4096)
def system_id(system: str) -> str:
    """Return the eight characters that stand for a code or identifier system."""
    return digest(system)


def escape(text: str) -> str:
    """Return `text` without bars; a prefix of the result is the escaped prefix of `text` and of nothing else."""
    if "|" in text or "%" in text:
        return text.replace("%", "%25").replace("|", "%7C")
    return text


def whole(text: str) -> str:
    """Return the key part of a value that is only ever compared as a whole."""
    if len(text) <= VALUE_LIMIT:
        return escape(text)
    # No escape produces %#, so a shortened value equals no literal one.
    return f"{escape(text[: VALUE_LIMIT // 2])}%#{digest(text, 18)}"


def string_key(text: str) -> str:
    """Return the key part of a string; it starts with `escape(fold(prefix))` for every prefix up to `STRING_LIMIT`."""
    return _short_string_key(text) if len(text) <= _SHORT else _string_key(text)


def _string_key(text: str) -> str:
    kept = fold(text)[:STRING_LIMIT]
    return f"{escape(kept)}|" if kept == text else f"{escape(kept)}|{digest(text)}"


# Names of people and places recur, within one resource as well; long texts do not and would fill the memory.
_SHORT: Final = 40
_short_string_key: Final = lru_cache(maxsize=8192)(_string_key)


@lru_cache(maxsize=8192)
def reference_key(text: str, base_url: str) -> str | None:
    """Return the key part of a literal reference, None for one into the resource itself (`#x`) or an empty one.

    A restful reference loses version and fragment, and below `base_url` also the base.
    """
    parsed = parse_reference(text)
    if parsed is None:
        return None if text.startswith("#") or not text else whole(text)
    local = f"{parsed.resource_type}/{parsed.logical_id}"
    if parsed.base is None or parsed.base == base_url:
        return local
    return whole(f"{parsed.base}/{local}")
