"""How strings are made equal that people hold for equal: case, accents, width and white space do not count.

https://hl7.org/fhir/R4/search.html#string
"""

import unicodedata


def fold(text: str) -> str:
    """Return `text` without case, combining marks and compatibility forms, white space collapsed and trimmed.

    Chinese characters stay as they are (full-width Latin letters and digits become ordinary ones); a Hangul syllable is
    put together again, so that one syllable is not the prefix of another.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(char for char in unicodedata.normalize("NFKD", decomposed) if not unicodedata.combining(char))
    return " ".join(unicodedata.normalize("NFKC", bare).split())
