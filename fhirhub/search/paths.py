"""What a search expression tells before any resource is there: its branches, where they start, what they end in.

https://hl7.org/fhir/R4/searchparameter.html#expression
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fhirhub.definitions import Element, SearchParameter, r4

ANY_RESOURCE: Final = frozenset({"Resource", "DomainResource"})

_CAST: Final = re.compile(r"\(([A-Za-z.]+) as ([A-Za-z]+)\)")
_RESOLVES: Final = re.compile(r"(?P<path>.+)\.where\(resolve\(\) is (?P<type>[A-Za-z]+)\)")
_STEP: Final = re.compile(r"(?P<name>[A-Za-z]\w*)(?:\[\d+\])?")
_OPERATORS: Final = (" and ", " or ", "!=")
_INNER: Final = re.compile(r"\([^()]*\)|'[^']*'")
_OF_TYPE: Final = re.compile(r"(?:as|ofType)\((?P<type>[A-Za-z]+)\)")


@dataclass(frozen=True, slots=True)
class Branch:
    """One alternative of a union.

    Arguments:
        expression: what to evaluate, without a closing `.where(resolve() is T)`.
        properties: the JSON properties of the resource one of which must be there for it to give anything; empty where
            that cannot be told.
        elements: the elements it ends in; empty where that cannot be told.
        only: the T of `.where(resolve() is T)`.
        is_boolean: whether it is a condition, which gives true or false and no element.
    """

    expression: str
    properties: frozenset[str]
    elements: tuple[Element, ...]
    only: str | None = None
    is_boolean: bool = False


def branches(parameter: SearchParameter, resource_type: str) -> tuple[Branch, ...]:
    """Return the alternatives of a parameter's expression that concern `resource_type`."""
    expression = parameter.expression or ""
    if len(expression) <= _SHORT:
        return _known_branches(expression, resource_type)
    return _new_branches(expression, resource_type)


def _new_branches(expression: str, resource_type: str) -> tuple[Branch, ...]:
    texts = (text.strip() for text in _split(expression, "|"))
    return tuple(_branch(text, resource_type) for text in texts if _concerns(text, resource_type))


# R4 has half as many, and none is longer; anyone can send a SearchParameter that is looked at and refused.
_SHORT: Final = 1_500
_known_branches: Final = lru_cache(maxsize=8192)(_new_branches)


def _concerns(text: str, resource_type: str) -> bool:
    head = re.match(r"\(*([A-Z][A-Za-z]*)\b", text)
    return bool(text) and (head is None or head[1] == resource_type or head[1] in ANY_RESOURCE)


def _branch(text: str, resource_type: str) -> Branch:
    only = None
    if resolves := _RESOLVES.fullmatch(text):
        text, only = resolves["path"], resolves["type"]
    path = _CAST.sub(r"\1.as(\2)", text)
    head, *steps = _split(path, ".")
    if _children(resource_type, head):
        # A path from the resource itself, as in `name | alias`.
        head, steps = resource_type, [head, *steps]
    if re.fullmatch(r"[A-Z][A-Za-z]*", head) is None or not steps or _STEP.fullmatch(steps[0]) is None:
        return _opaque(text, path, resource_type, only)
    if any(operator in path for operator in _OPERATORS):
        return Branch(text, frozenset(), (), only, is_boolean=_is_condition(path))
    elements = _children(resource_type, steps[0])
    first = elements
    for position, step in enumerate(steps[1:]):
        elements = _follow(elements, step)
        if position == 0 and _OF_TYPE.fullmatch(step):
            first = elements
    return Branch(text, frozenset(element.name for element in first), elements, only)


def _is_condition(path: str) -> bool:
    while (outer := _INNER.sub("", path)) != path:
        path = outer
    return any(operator in path for operator in _OPERATORS)


def _opaque(text: str, path: str, resource_type: str, only: str | None) -> Branch:
    """A branch that ends in extensions, or one nothing is known of."""
    extension = re.fullmatch(rf"{resource_type}\.extension\('[^']*'\)", path)
    return Branch(text, frozenset({"extension"} if extension else ()), (), only)


def _children(type_name: str, step: str) -> tuple[Element, ...]:
    found = _STEP.fullmatch(step)
    definition = r4().types.get(type_name)
    if found is None or definition is None:
        return ()
    if element := definition.elements.get(found["name"]):
        return (element,)
    return definition.choices.get(found["name"], ())


def _follow(elements: tuple[Element, ...], step: str) -> tuple[Element, ...]:
    if step.startswith("where("):
        return elements
    if of_type := _OF_TYPE.fullmatch(step):
        return tuple(element for element in elements if element.type == of_type["type"])
    return tuple(child for element in elements for child in _children(element.type, step))


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator outside of parentheses and quotes."""
    parts, depth, quoted, escaped, start = [], 0, False, False, 0
    for position, char in enumerate(text):
        if quoted:
            quoted = escaped or char != "'"
            escaped = char == "\\" and not escaped
        elif char == "'":
            quoted = True
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]
