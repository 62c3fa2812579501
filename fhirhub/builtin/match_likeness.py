"""How alike two texts are: edits between them, and the likeness of names.

F. J. Damerau, Communications of the ACM 7 (1964) 171; W. E. Winkler, Proceedings of the Section on Survey Research
Methods, American Statistical Association (1990) 354.
"""

import unicodedata
from typing import Final

MAX_LENGTH: Final = 100
"""Characters of a text that are compared."""

_PREFIX: Final = 4
_PREFIX_WEIGHT: Final = 0.1


def folded(text: str) -> str:
    """Return a text without case, accents and width, its words separated by single spaces; all else goes."""
    plain = unicodedata.normalize("NFKD", text[: 2 * MAX_LENGTH]).casefold()
    kept = (each if each.isalnum() else " " for each in plain if not unicodedata.combining(each))
    joined = unicodedata.normalize("NFKC", "".join(kept))
    return " ".join(joined.split())[:MAX_LENGTH].rstrip()


def is_edit_apart(left: str, right: str) -> bool:
    """Whether one insertion, deletion or replacement, or one exchange of neighbours, makes one text of the other."""
    if left == right:
        return True
    if len(left) > len(right):
        left, right = right, left
    if len(right) - len(left) > 1:
        return False
    at = next((place for place, (one, other) in enumerate(zip(left, right, strict=False)) if one != other), len(left))
    if len(left) < len(right):
        return left[at:] == right[at + 1 :]
    if left[at + 1 :] == right[at + 1 :]:
        return True
    return left[at : at + 2] == right[at : at + 2][::-1] and left[at + 2 :] == right[at + 2 :]


def likeness(left: str, right: str) -> float:
    """Return the likeness of Jaro and Winkler, from 0 to 1."""
    jaro = _jaro(left[:MAX_LENGTH], right[:MAX_LENGTH])
    shared = 0
    for one, other in zip(left[:_PREFIX], right[:_PREFIX], strict=False):
        if one != other:
            break
        shared += 1
    return jaro + shared * _PREFIX_WEIGHT * (1 - jaro)


def _jaro(left: str, right: str) -> float:
    if left == right:
        return 1.0
    reach = max(max(len(left), len(right)) // 2 - 1, 0)
    taken: set[int] = set()
    of_left: list[str] = []
    for place, letter in enumerate(left):
        for other in range(max(place - reach, 0), min(place + reach + 1, len(right))):
            if other not in taken and right[other] == letter:
                taken.add(other)
                of_left.append(letter)
                break
    if not of_left:
        return 0.0
    of_right = [right[place] for place in sorted(taken)]
    moved = sum(one != other for one, other in zip(of_left, of_right, strict=True)) / 2
    found = len(of_left)
    return (found / len(left) + found / len(right) + (found - moved) / found) / 3
