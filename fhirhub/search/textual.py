"""Criteria on texts and URIs: beginnings, parts, wholes, paths.

https://hl7.org/fhir/R4/search.html#string, https://hl7.org/fhir/R4/search.html#uri
"""

import re
from typing import Final

from fhirhub.search import keys, syntax
from fhirhub.search import phonetic as sound
from fhirhub.search.criterion import Criterion
from fhirhub.search.filter import Filter, TokenHas, TokenIs, TokenStartsWith, all_of, any_of
from fhirhub.search.folding import fold

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*")


def string(criterion: Criterion, text: str) -> Filter:
    """Return the filter of one value of a string parameter: a beginning, a part (`:contains`) or the whole (`:exact`).

    Raises FhirError: a text of nothing that is compared, or one longer than what is kept.
    """
    plain = syntax.unescape(text)
    code = criterion.parameter.code
    if criterion.modifier == "exact":
        return TokenIs(f"{code}={keys.string_key(plain)}")
    folded = _folded(criterion, plain)
    if criterion.modifier == "contains":
        return TokenHas(f"{code}=", folded)
    return TokenStartsWith(f"{code}={folded}")


def phonetic(criterion: Criterion, text: str) -> Filter:
    """Return the filter of one value of the parameter `phonetic`: for every word of it a name has one of that sound.

    Raises FhirError: a text without a word.
    """
    plain = syntax.unescape(text)
    words = sound.asked(plain)
    if not words:
        raise syntax.bad_value(criterion.name, f"{plain!r} has no word that could sound like a name.")
    code = criterion.parameter.code
    return all_of(any_of(TokenIs(f"{code}={each}") for each in alike) for alike in words)


def starting_with(criterion: Criterion, text: str) -> Filter:
    """Return the filter of `:text` of a token or reference: what it is called starts with the value.

    Raises FhirError: as `string`.
    """
    return TokenStartsWith(f"{criterion.parameter.code}:text={_folded(criterion, syntax.unescape(text))}")


def _folded(criterion: Criterion, plain: str) -> str:
    folded = fold(plain)
    if not folded:
        raise syntax.bad_value(criterion.name, f"{plain!r} has no character that counts in a comparison.")
    if len(folded) > keys.STRING_LIMIT:
        raise syntax.bad_value(
            criterion.name,
            f"only the first {keys.STRING_LIMIT} characters of a text can be searched; shorten the value.",
        )
    return keys.escape(folded)


def uri(criterion: Criterion, text: str) -> Filter:
    """Return the filter of one value of a uri parameter: the whole, or by path segments what is above or below it.

    Raises FhirError: `:above` or `:below` of what has no path, such as `urn:oid:1.2`, or is too long for it.
    """
    plain, code = syntax.unescape(text), criterion.parameter.code
    if criterion.modifier not in ("above", "below"):
        return TokenIs(f"{code}={keys.uri_key(plain)}")
    origin = _URL.match(plain)
    if origin is None:
        raise syntax.bad_value(
            criterion.name,
            f"{plain!r} is no URL; only of URLs, such as http://example.org/a/b, segments are compared.",
        )
    # A longer one is kept by its beginning of this length, and a hash.
    if len(plain) > keys.URI_LIMIT // 2:
        raise syntax.bad_value(
            criterion.name, f"no segments are compared of more than {keys.URI_LIMIT // 2} characters."
        )
    if criterion.modifier == "below":
        beginning = TokenStartsWith(f"{code}={keys.escape(plain)}{'' if plain.endswith('/') else '/'}")
        return beginning if plain.endswith("/") else any_of([TokenIs(f"{code}={keys.uri_key(plain)}"), beginning])
    ends = [at for at in range(origin.end(), len(plain)) if plain[at] == "/"]
    above = dict.fromkeys([plain, *(plain[:at] for at in ends), *(plain[: at + 1] for at in ends)])
    return any_of(TokenIs(f"{code}={keys.uri_key(each)}") for each in above)
