"""Where in the bytes of a JSON document a value stands.

https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.location
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, Final

Path = tuple[str | int, ...]

_blanks: Final = re.compile(r"[ \t\r\n]*").match
# Reads a whole value at the speed of C; numbers stay text, since none is needed and a huge one could not be read.
_read: Final = json.JSONDecoder(strict=False, parse_int=str, parse_float=str, parse_constant=str).raw_decode

_Wanted = dict[str | int, Any]


def locate(source: bytes, paths: Iterable[Path]) -> dict[Path, str]:
    """Return `line N, column M` of what each path leads to in `source`, or of the nearest thing around it.

    Arguments:
        source: a JSON document in UTF-8.
        paths: names and indexes from the outermost value inwards.

    Lines and columns count from 1, columns in characters. A property is where its name stands. Values that no path
    leads into are skipped, so the cost is one pass over the document however many paths there are.
    """
    wanted: _Wanted = {}
    paths = list(paths)
    for path in paths:
        node = wanted
        for step in path:
            node = node.setdefault(step, {})
    text = source.decode("utf-8", errors="replace")
    offsets: dict[Path, int] = {}
    try:
        start = _end_of_blanks(text, 0)
        offsets[()] = start
        _walk(text, start, wanted, (), offsets)
    except (ValueError, IndexError, RecursionError):
        # The bytes are not the document the paths are of: what was found until here still helps.
        pass
    lines = [0, *(match.end() for match in re.finditer("\n", text))]
    return {path: _line_and_column(_nearest(path, offsets), lines) for path in paths}


def _nearest(path: Path, offsets: dict[Path, int]) -> int:
    while path and path not in offsets:
        path = path[:-1]
    return offsets.get(path, 0)


def _line_and_column(offset: int, lines: list[int]) -> str:
    line = bisect_right(lines, offset)
    return f"line {line}, column {offset - lines[line - 1] + 1}"


def _end_of_blanks(text: str, position: int) -> int:
    match = _blanks(text, position)
    return match.end() if match else position


def _walk(text: str, position: int, wanted: _Wanted, path: Path, offsets: dict[Path, int]) -> int:
    """Note the offsets of what is wanted of the value at `position`; return the position behind it."""
    if not wanted or text[position] not in "{[":
        return _read(text, position)[1]
    is_object = text[position] == "{"
    index = 0
    position = _end_of_blanks(text, position + 1)
    while text[position] not in "}]":
        start = position
        step: str | int = index
        if is_object:
            step, position = _read(text, position)
            # Behind the name and its colon.
            position = _end_of_blanks(text, _end_of_blanks(text, position) + 1)
        inner = wanted.get(step)
        if inner is None:
            position = _read(text, position)[1]
        else:
            offsets[*path, step] = start
            position = _walk(text, position, inner, (*path, step), offsets)
        index += 1
        position = _end_of_blanks(text, position)
        if text[position] == ",":
            position = _end_of_blanks(text, position + 1)
    return position + 1
