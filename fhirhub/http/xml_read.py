"""From FHIR XML to the JSON of a resource.

https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/R4/json.html
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec
from lxml import etree

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.http.xml_narrative import div_text
from fhirhub.http.xml_parse import MarkupError, Node, parse, stray_text
from fhirhub.http.xml_plan import FHIR, PRIMITIVE, XHTML, Form, Plan, Property, plan
from fhirhub.model.json import MAX_DEPTH, Json

_MAX_ISSUES: Final = 50
_PREFIX: Final = f"{{{FHIR}}}"
_DIV_OUTSIDE: Final = f"{_PREFIX}div"
_INSTANCE: Final = "{http://www.w3.org/2001/XMLSchema-instance}"

_number: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_number_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)


def from_xml(data: bytes) -> Json:
    """Return the resource of a FHIR XML document, keys in the order of the definitions.

    Numbers become what reading the same digits from JSON gives. Whether values suit their types is for validation to
    say, as far as JSON can show them at all.

    Raises:
        FhirError: MALFORMED when it is not well-formed, not UTF-8, has a DOCTYPE or processing instruction, an element,
            attribute or text that R4 does not define there, elements in the wrong order, or nests too deep. Every issue
            names its line and, where it can, the element.
    """
    try:
        root = parse(data)
    except MarkupError as error:
        issue = Issue("error", "structure", str(error), location=error.location)
        raise FhirError(Failure.MALFORMED, issues=[issue]) from None
    reader = _Reader()
    resource = reader.document(root)
    if reader.issues:
        raise FhirError(Failure.MALFORMED, issues=reader.issues)
    return resource


class _Reader:
    """Reads one document and collects everything that is wrong with it."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def document(self, root: Node) -> Json:
        for text, owner in stray_text(root, FHIR):
            self._report("structure", f"The text '{_short(text.strip())}' stands between elements", owner)
        return self._resource(root, 1)

    def _resource(self, element: Node, depth: int) -> Json:
        tag = str(element.tag)
        name = tag.removeprefix(_PREFIX)
        if name == tag:
            self._report("structure", f"The element '{_short(name)}' is not in the namespace {FHIR}", element, "")
            return {}
        if not r4().is_resource_type(name):
            self._report("structure", f"R4 has no resource type '{_short(name)}'", element, "")
            return {}
        return self._object(element, plan(name), depth, {"resourceType": name})

    def _object(self, element: Node, form: Plan, depth: int, result: Json) -> Json:
        if depth > MAX_DEPTH:
            self._report("too-long", f"Elements are nested deeper than {MAX_DEPTH} levels", element)
            self._refuse()
        found = len(self.issues)
        attributes = dict(element.items())
        for p in form.attributes:
            text = attributes.pop(p.name, None)
            if text is not None:
                result[p.name] = self._value(element, p, text)
        for name in attributes:
            self._unknown_attribute(element, name)
        self._children(element, form, depth, result)
        if not result and len(self.issues) == found:
            self._report("structure", "The element is empty; leave it out", element)
        if form.type == "Extension" and "extension" in result:
            return {name: result[name] for name in form.by_name if name in result} | result
        return result

    def _children(self, element: Node, form: Plan, depth: int, result: Json) -> None:
        by_tag = form.by_tag
        slot = -1
        padded: list[Property] = []
        for child in element:
            p = by_tag.get(child.tag)
            if p is None:
                self._unknown_element(child)
                continue
            if p.slot < slot:
                self._report("structure", f"'{p.name}' stands too late: the order of elements is fixed", child)
            else:
                slot = p.slot
            extra: Json | None = None
            if p.form is Form.COMPLEX:
                item: Any = self._object(child, plan(p.type), depth + p.levels, {})
            elif p.form is Form.RESOURCE:
                item = self._wrapped(child, depth + p.levels)
            elif p.form is Form.XHTML:
                item = self._div(child)
            else:
                attributes = child.items()
                if len(attributes) == 1 and attributes[0][0] == "value" and len(child) == 0:
                    item = self._value(child, p, attributes[0][1])
                else:
                    item, extra = self._primitive(child, p, depth + p.levels)
            if not p.is_array:
                if p.name in result or p.companion in result:
                    self._report("structure", f"'{p.name}' may stand once only", child)
                if item is not None:
                    result[p.name] = item
                if extra:
                    result[p.companion] = extra
                continue
            items = result.setdefault(p.name, [])
            items.append(item)
            if extra:
                if p.companion not in result:
                    padded.append(p)
                extras = result.setdefault(p.companion, [])
                extras.extend([None] * (len(items) - 1 - len(extras)))
                extras.append(extra)
        for p in padded:
            _pad(result, p)

    def _wrapped(self, element: Node, depth: int) -> Json:
        for attribute in element.items():
            self._unknown_attribute(element, attribute[0])
        inside = [child for child in element if child.tag is not etree.Comment]
        if len(inside) != 1:
            self._report("structure", f"One resource is expected here, not {len(inside)}", element)
            return {}
        return self._resource(inside[0], depth)

    def _div(self, element: Node) -> str | None:
        try:
            return div_text(element)
        except MarkupError as error:
            self._report("structure", str(error).removesuffix("."), element)
            return None

    def _primitive(self, element: Node, p: Property, depth: int) -> tuple[Any, Json | None]:
        text = element.get("value")
        value = self._value(element, p, text) if text is not None else None
        form = plan(PRIMITIVE)
        extra: Json = {}
        for name, content in element.items():
            if name == "id":
                extra["id"] = self._value(element, form.by_name["id"], content)
            elif name != "value":
                self._unknown_attribute(element, name)
        self._children(element, form, depth, extra)
        if text is None and not extra:
            self._report("structure", "The element has no value; leave it out", element)
        return value, extra or None

    def _value(self, element: Node, p: Property, text: str) -> Any:
        if p.form is not Form.TEXT:
            text = text.strip(" \t\r\n")
        if not text:
            self._report("value", "An attribute must not be empty", element)
            return None
        if p.form is Form.NUMBER:
            return self._numeric(element, p, text)
        if p.form is Form.BOOLEAN:
            if text not in {"true", "false"}:
                self._report("value", f"'{_short(text)}' is no boolean: true or false is", element)
            return text == "true"
        return text

    def _numeric(self, element: Node, p: Property, text: str) -> Any:
        if _number.fullmatch(text) is not None:
            try:
                return _number_decoder.decode(text)
            except (msgspec.DecodeError, InvalidOperation):
                pass
        self._report("value", f"'{_short(text)}' is no {p.type}", element)
        return None

    def _unknown_attribute(self, element: Node, name: str) -> None:
        if name.startswith(_INSTANCE):
            self._report("structure", "FHIR XML names no schema: attributes of XML Schema are not accepted", element)
        elif name == "value":
            self._report("structure", "This element has children, not a value", element)
        else:
            self._report("structure", f"R4 defines no attribute '{_short(name)}' here", element)

    def _unknown_element(self, element: Node) -> None:
        tag = element.tag
        if tag is etree.Comment:
            return
        if not isinstance(tag, str):
            self._report("structure", "Entities are not accepted", element.getparent())
        elif not tag.startswith(_PREFIX):
            self._report("structure", f"The element '{_short(tag)}' is not in the namespace {FHIR}", element)
        elif tag == _DIV_OUTSIDE:
            self._report("structure", f"A narrative's div belongs to the namespace {XHTML}", element)
        else:
            self._report("structure", f"R4 defines no element '{_short(tag.removeprefix(_PREFIX))}' here", element)

    def _report(self, code: str, sentence: str, element: Node, path: str | None = None) -> None:
        path = _path(element) if path is None else path
        where = (f"line {element.sourceline}",) if element.sourceline else ()
        said = f"{path}: {sentence}." if path else f"{sentence}."
        self.issues.append(Issue("error", code, said, (path,) if path else (), where))
        if len(self.issues) >= _MAX_ISSUES:
            self._refuse()

    def _refuse(self) -> None:
        raise FhirError(Failure.MALFORMED, issues=self.issues)


def _pad(result: Json, p: Property) -> None:
    """Give `_x` the length of `x`, and drop an `x` that would hold nothing but nulls."""
    items = result[p.name]
    extras = result[p.companion]
    extras.extend([None] * (len(items) - len(extras)))
    if all(item is None for item in items):
        del result[p.name]


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _path(element: Node) -> str:
    """Return the FHIRPath of an element, as far as the definitions know it."""
    path = ""
    form: Plan | None = None
    for node in [*reversed(list(element.iterancestors())), element]:
        tag = str(node.tag)
        name = tag.removeprefix(_PREFIX)
        if form is None:
            # The element that wraps a resource is named after its type and is no step of its own.
            path = path or name
            form = plan(name) if name != tag and r4().is_resource_type(name) else None
            continue
        p = form.by_tag.get(tag)
        if p is None:
            return f"{path}.{_short(name.rpartition('}')[2])}"
        path += f".{p.step}"
        if p.is_array:
            path += f"[{sum(1 for _ in node.itersiblings(tag, preceding=True))}]"
        if p.form is Form.XHTML:
            return path
        form = None if p.form is Form.RESOURCE else plan(p.type if p.form is Form.COMPLEX else PRIMITIVE)
    return path
