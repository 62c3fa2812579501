"""JSON Pointer: reading the text, and changing one place of a document without touching the original.

https://datatracker.ietf.org/doc/html/rfc6901
"""

import re
from collections.abc import Callable
from typing import Any, Final

Tokens = tuple[str, ...]

_escape: Final = re.compile(r"~(?![01])")
_index: Final = re.compile(r"0|[1-9][0-9]{0,8}")

END: Final = "-"
"""The token that stands for the place behind the last item of an array."""


class PointerSyntaxError(ValueError):
    """The text is no JSON Pointer; the message completes the sentence `the path ...`."""


class NoSuchPlace(LookupError):
    """The document has nothing at that place; the message is a clause."""


def parse(text: str) -> Tokens:
    """Return the unescaped reference tokens of a pointer; the whole document is `()`.

    Raises:
        PointerSyntaxError: it does not begin with a slash, or `~` is followed by neither 0 nor 1.
    """
    if not text:
        return ()
    if not text.startswith("/"):
        raise PointerSyntaxError("does not begin with '/'")
    if _escape.search(text) is not None:
        raise PointerSyntaxError("has a '~' that is followed by neither 0 nor 1")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text[1:].split("/"))


def position(array: list[Any], token: str, *, length: int | None = None) -> int:
    """Return the index a token names in an array of `length` items (as many as it has, unless told otherwise).

    Raises:
        NoSuchPlace: not a plain decimal number, or beyond the array.
    """
    length = len(array) if length is None else length
    if _index.fullmatch(token) is None:
        raise NoSuchPlace(f"'{token[:40]}' is no index of an array")
    if int(token) >= length:
        raise NoSuchPlace(f"the array has {len(array)} items and none at {token}")
    return int(token)


def member(container: Any, token: str) -> Any:
    """Return what stands at one token of an object or array.

    Raises:
        NoSuchPlace: there is nothing.
    """
    if isinstance(container, dict):
        if token not in container:
            raise NoSuchPlace(f"there is no member '{token[:40]}'")
        return container[token]
    if isinstance(container, list):
        return container[position(container, token)]
    raise NoSuchPlace(f"what should hold '{token[:40]}' is neither an object nor an array")


def value_at(document: Any, tokens: Tokens) -> Any:
    """Return what stands at a place; raises NoSuchPlace."""
    for token in tokens:
        document = member(document, token)
    return document


def changed(document: Any, tokens: Tokens, change: Callable[[Any, str], Any]) -> Any:
    """Return the document with the container of the last token replaced by `change(container, token)`.

    Only the containers on the way are copied; everything else is shared with the original.

    Raises:
        NoSuchPlace: a container on the way is missing.
    """
    head, rest = tokens[0], tokens[1:]
    if not rest:
        return change(document, head)
    inner = changed(member(document, head), rest, change)
    if isinstance(document, dict):
        return document | {head: inner}
    copied = list(document)
    copied[int(head)] = inner
    return copied
