"""From the JSON of a resource to FHIR XML.

https://hl7.org/fhir/R4/xml.html
"""

import re
from decimal import Decimal
from itertools import zip_longest
from operator import attrgetter
from typing import Any, Final

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError
from fhirhub.http.xml_narrative import checked_div
from fhirhub.http.xml_parse import MarkupError
from fhirhub.http.xml_plan import FHIR, PRIMITIVE, Form, Plan, Property, plan
from fhirhub.model.json import MAX_DEPTH, Json

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'

_ILLEGAL: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
_illegal: Final = re.compile(f"[{_ILLEGAL}]")
_special: Final = re.compile(f'[&<>"\t\n\r{_ILLEGAL}]')
# Written as references, line ends and tabs survive the normalisation of attribute values.
_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)
_by_slot: Final = attrgetter("slot")


class _Unwritable(Exception):
    """Something XML has no place for; the steps to it are collected from the inside out."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        self.steps: list[str] = []
        super().__init__(sentence)


def to_xml(resource: Json, *, pretty: bool = False) -> bytes:
    """Return a resource as a UTF-8 XML document, indented by two spaces when `pretty`.

    Raises:
        FhirError: NOT_ACCEPTABLE when the resource holds something XML cannot carry: a control character, an element
            R4 does not define, an empty object or array, a narrative that is no well-formed XHTML. It is named.
    """
    out = [_DECLARATION, "" if pretty else "\n"]
    try:
        _write_resource(out, resource, "\n" if pretty else "", "  " if pretty else "", 1, root=True)
    except _Unwritable as problem:
        name = resource.get("resourceType")
        path = ".".join([name if isinstance(name, str) else "Resource", *reversed(problem.steps)])
        raise FhirError(
            Failure.NOT_ACCEPTABLE, f"{path} cannot be shown as XML: {problem.sentence}", expression=(path,)
        ) from None
    return "".join(out).encode()


def _write_resource(out: list[str], value: Any, margin: str, indent: str, depth: int, *, root: bool = False) -> None:
    name = value.get("resourceType") if isinstance(value, dict) else None
    if not isinstance(name, str) or not r4().is_resource_type(name):
        raise _Unwritable("this is no resource of a type that R4 defines.")
    opening = f'{name} xmlns="{FHIR}"' if root else name
    _write_object(out, opening, name, value, plan(name), margin, indent, depth)


def _write_object(
    out: list[str], opening: str, tag: str, value: Json, form: Plan, margin: str, indent: str, depth: int
) -> None:
    if depth > MAX_DEPTH:
        raise _Unwritable(f"elements are nested deeper than {MAX_DEPTH} levels.")
    for attribute in form.attributes:
        if attribute.name in value:
            opening += _attribute(attribute, value[attribute.name])
    children, has_companions = _children(value, form)
    if not children:
        if opening == tag and not form.is_resource:
            raise _Unwritable("the element is empty.")
        out.append(f"{margin}<{opening}/>")
        return
    out.append(f"{margin}<{opening}>")
    inner = margin + indent
    for child in children:
        companion = value.get(child.companion) if has_companions else None
        _write_property(out, child, value.get(child.name), companion, inner, indent, depth + child.levels)
    out.append(f"{margin}</{tag}>")


def _children(value: Json, form: Plan) -> tuple[list[Property], bool]:
    """Return the properties present, in document order, and whether any has ids or extensions beside it (`_x`)."""
    children: list[Property] = []
    has_companions = False
    by_name = form.by_name
    for key in value:
        found = by_name.get(key)
        if found is None:
            if key == "resourceType" and form.is_resource:
                continue
            found = by_name.get(key[1:]) if key[:1] == "_" else None
            if found is None or found.is_attribute or found.form in _WITHOUT_COMPANION:
                raise _Unwritable(f"R4 defines no property '{key[:80]}' here.")
            has_companions = True
            if found.name in value:
                continue
        if not found.is_attribute:
            children.append(found)
    children.sort(key=_by_slot)
    return children, has_companions


_WITHOUT_COMPANION: Final = frozenset({Form.COMPLEX, Form.RESOURCE, Form.XHTML})


def _write_property(
    out: list[str], p: Property, content: Any, companion: Any, margin: str, indent: str, depth: int
) -> None:
    index = -1
    try:
        if not p.is_array:
            _write_item(out, p, content, companion, margin, indent, depth)
            return
        items = _items(content) if content is not None else []
        extras = _items(companion) if companion is not None else []
        for item, extra in zip_longest(items, extras):
            index += 1
            _write_item(out, p, item, extra, margin, indent, depth)
    except _Unwritable as problem:
        problem.steps.append(p.step if index < 0 else f"{p.step}[{index}]")
        raise


def _items(content: Any) -> list[Any]:
    if not isinstance(content, list) or not content:
        raise _Unwritable("this has to be an array that is not empty.")
    return content


def _write_item(
    out: list[str], p: Property, content: Any, companion: Any, margin: str, indent: str, depth: int
) -> None:
    name = p.name
    if p.form is Form.COMPLEX:
        if not isinstance(content, dict):
            raise _Unwritable("this has to be an object.")
        _write_object(out, name, name, content, plan(p.type), margin, indent, depth)
    elif p.form is Form.RESOURCE:
        out.append(f"{margin}<{name}>")
        _write_resource(out, content, margin + indent, indent, depth)
        out.append(f"{margin}</{name}>")
    elif p.form is Form.XHTML:
        out.append(margin + _div(content))
    elif companion is None:
        if content is None:
            raise _Unwritable("null stands here without an id or extension.")
        out.append(f'{margin}<{name} value="{_text(p, content)}"/>')
    else:
        if not isinstance(companion, dict) or not companion:
            raise _Unwritable("the id and extensions of a primitive have to be an object that is not empty.")
        opening = name if content is None else f'{name} value="{_text(p, content)}"'
        _write_object(out, opening, name, companion, plan(PRIMITIVE), margin, indent, depth)


def _attribute(p: Property, content: Any) -> str:
    try:
        return f' {p.name}="{_text(p, content)}"'
    except _Unwritable as problem:
        problem.steps.append(p.step)
        raise


def _text(p: Property, content: Any) -> str:
    """Return the attribute text of a primitive, escaped."""
    if p.form is Form.TEXT or p.form is Form.TOKEN:
        if not isinstance(content, str) or not content:
            raise _Unwritable(f"a {p.type} has to be a string that is not empty.")
        return content if _special.search(content) is None else _escaped(content)
    if p.form is Form.BOOLEAN:
        if not isinstance(content, bool):
            raise _Unwritable("a boolean has to be true or false.")
        return "true" if content else "false"
    if isinstance(content, bool) or not isinstance(content, int | Decimal):
        raise _Unwritable(f"a {p.type} has to be a number.")
    if isinstance(content, Decimal) and not content.is_finite():
        raise _Unwritable("this is no finite number.")
    return str(content)


def _escaped(content: str) -> str:
    _refuse_illegal(content)
    return content.translate(_ESCAPES)


def _refuse_illegal(content: str) -> None:
    found = _illegal.search(content)
    if found is not None:
        raise _Unwritable(f"XML cannot carry the character U+{ord(found[0]):04X}.")


def _div(content: Any) -> str:
    if not isinstance(content, str):
        raise _Unwritable("a narrative has to be a string.")
    _refuse_illegal(content)
    try:
        return checked_div(content)
    except MarkupError as error:
        raise _Unwritable(str(error)) from None
