"""How strings are made equal that people hold for equal: case, accents, width and white space do not count.

https://hl7.org/fhir/R4/search.html#string
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

# Putting combining marks into their order takes the square of how many there are in a row, and a text may have a
# million: no piece is longer. It ends, where it can, in front of a character that is never joined to the one before.
_PIECE: Final = re.compile(r"(?s:.){1,200}[^\x00-\x7f\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff]{0,100}")

_JOINED_AT_MOST: Final = 8
"""No character is made of more than this many by composition."""


def fold(text: str) -> str:
    """Return `text` without case, combining marks and compatibility forms, white space collapsed and trimmed.

    Chinese characters stay as they are (full-width Latin letters and digits become ordinary ones); a Hangul syllable is
    put together again, so that one syllable is not the prefix of another.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", in_pieces(_bare, text)).split())


def fold_start(text: str, length: int) -> str:
    """Return the first `length` characters of `fold(text)`; of a long text hardly more than these is looked at."""
    taken = 4 * length
    while taken < len(text):
        folded = fold(text[:taken])
        # The last character could be joined with what was not taken.
        if len(folded) >= length + _JOINED_AT_MOST:
            return folded[:length]
        taken *= 4
    return fold(text)[:length]


def in_pieces(normal: Callable[[str], str], text: str) -> str:
    """Return what a function that calls `unicodedata.normalize` makes of `text`, in time that rises as its length."""
    return "".join(map(normal, _PIECE.findall(text)))


def _bare(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in unicodedata.normalize("NFKD", decomposed) if not unicodedata.combining(char))
