"""The check of narrative: well-formed XHTML of formatting only, nothing active, nothing loaded but images.

https://hl7.org/fhir/R4/narrative.html#xhtml
"""

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final
from xml.parsers import expat

from lxml import etree

from fhirhub.validation.faults import LIMIT, Faults, Scope, either, fault, shown, suggestion, wrong_json_type
from fhirhub.validation.primitives import unwritable

MAX_DEPTH: Final = 64
"""Deepest nesting of elements; browsers and XML readers have limits of their own, this is below all of them."""

_NAMESPACE: Final = "http://www.w3.org/1999/xhtml"

# Chapters 7 to 11 (without 9.4) and 15 of HTML 4.0, links and images; nothing that HTML 4.0 calls deprecated.
# Those that narratives are full of come first: the pattern below tries them in this order.
_ELEMENT_NAMES: Final = (
    "td tr b br p span div table i li th h2 ul code blockquote h3 pre strong ol em hr tbody thead h1 h4 h5 h6 a img "
    "address bdo dfn samp kbd var cite abbr acronym q sub sup dl dt dd caption tfoot colgroup col tt big small map area"
)
_ELEMENTS: Final = frozenset(_ELEMENT_NAMES.split())
_QUALIFIED: Final = frozenset(f"{{{_NAMESPACE}}}{name}" for name in _ELEMENTS)
_EVERYWHERE: Final = "id class style title lang dir accesskey tabindex align valign width"
_COLUMN: Final = "span char charoff"
_CELL: Final = "abbr axis headers scope rowspan colspan nowrap char charoff"
_ATTRIBUTES: Final = {
    "a": "href name hreflang charset type rel rev shape coords",
    "img": "src alt longdesc height usemap ismap name border",
    "map": "name",
    "area": "shape coords href nohref alt",
    "blockquote": "cite",
    "q": "cite",
    "table": "summary border frame rules cellspacing cellpadding",
    "colgroup": _COLUMN,
    "col": _COLUMN,
    "thead": _COLUMN,
    "tbody": _COLUMN,
    "tfoot": _COLUMN,
    "tr": _COLUMN,
    "th": _CELL,
    "td": _CELL,
}
_ALLOWED: Final = {name: frozenset(f"{_EVERYWHERE} {_ATTRIBUTES.get(name, '')}".split()) for name in _ELEMENTS}
_XML_ATTRIBUTES: Final = frozenset(f"{{http://www.w3.org/XML/1998/namespace}}{name}" for name in ("lang", "space"))

# Attributes that can do nothing: no link but over http or inside the resource, no style that loads (it takes brackets).
_PLAIN_ATTRIBUTES: Final = (
    r'(?: (?:(?:class|title|id|lang|colspan|rowspan|border|name)="[^"<>&]*"'
    r'|href="(?:https?://)?[\w./?#=%,;~+ -]*"|style="[\w:;#.,% -]*"))*+'
)
# Formatting with only such tags: all that is left to ask is whether it is well-formed.
_PLAIN: Final = re.compile(
    rf'<div xmlns="{_NAMESPACE}">(?:[^<]*+</?(?:{_ELEMENT_NAMES.replace(" ", "|")})(?:>|{_PLAIN_ATTRIBUTES} ?/?>))*+\s*'
)
_EDGES: Final = re.compile(r"</|<(?=[^>]*[^/]>)")
_LEVELS: Final = {"<": 1, "</": -1}.__getitem__
_TEXT: Final = re.compile(r">\s*[^<\s]")

_LINKS: Final = frozenset({"href", "cite", "longdesc", "usemap"})
_LINK_SCHEMES: Final = frozenset({"http", "https", "ftp", "mailto", "tel", "urn"})
_IMAGE_SCHEMES: Final = frozenset({"http", "https"})
# Browsers skip blanks and controls before and inside a scheme.
_SKIPPED: Final = re.compile(r"[\s\x00-\x20\x7f-\x9f\u00ad\u200b-\u200f\u2060-\u206f\ufeff]")
_SCHEME: Final = re.compile(r"([^:/?#]*):")
_IMAGE_DATA: Final = re.compile(r"data:\s*image/[a-z0-9.+\-]+(;[a-z0-9=\-]+)*,", re.IGNORECASE)
_STYLE_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_STYLE_URL: Final = re.compile(r"url\(\s*+(['\"]?)([^'\"()\\]*+)\1\s*+\)", re.IGNORECASE)
_ACTIVE_STYLE: Final = re.compile(
    r"url\s*\(|image\s*\(|image-set|src\s*\(|expression|@import|(?:^|[;\s])behavior\s*:|-moz-binding|\\|/\*",
    re.IGNORECASE,
)

_parser: Final = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def check(value: Any, scope: Scope) -> Faults | None:
    """Check a `Narrative.div`."""
    if type(value) is not str:
        return wrong_json_type(value, "XHTML in a string")
    if _PLAIN.fullmatch(value) and _reads(value):
        return None
    return _syntax_faults(value) or _examine(value)


def _reads(value: str) -> bool:
    """Whether plain formatting is well-formed, not too deep, and says something."""
    try:
        expat.ParserCreate().Parse(value, True)
    except (expat.ExpatError, UnicodeEncodeError):
        return False
    if value.count("</") > MAX_DEPTH and max(accumulate(map(_LEVELS, _EDGES.findall(value)))) > MAX_DEPTH:
        return False
    return _TEXT.search(value) is not None


def _syntax_faults(value: str) -> Faults | None:
    """Refuse what readers of XML and of HTML understand differently: the latter could find active content there."""
    character = unwritable(value)
    if character is not None:
        return _refuse(f"{character}.")
    if "<?" in value or "<![" in value or "<!D" in value:
        return _refuse("processing instructions, CDATA sections and document types are not part of a narrative.")
    if "<!-->" in value or "<!--->" in value:
        return _refuse("a comment cannot start with > or ->.")
    return None


def _examine(value: str) -> Faults | None:
    try:
        root = etree.fromstring(value, _parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        advice = " Only the five entities of XML exist; write characters themselves." if "ntity" in str(error) else ""
        return _refuse(f"it is not well-formed XML: {error}.{advice}")
    if root.tag != f"{{{_NAMESPACE}}}div":
        return _refuse(f'its outermost element must be <div xmlns="{_NAMESPACE}">, not {shown(root.tag)}.')
    if value.count("</") > MAX_DEPTH and _is_too_deep(root):
        return _refuse(f"its elements are nested deeper than {MAX_DEPTH} levels.")
    found: Faults = []
    for element in root.iter("*"):
        if element.attrib or element.tag not in _QUALIFIED:
            found += _element_faults(element)
            if len(found) > LIMIT:
                break
    if not found and not _says_something(root):
        return fault("txt-2", "invariant", "The narrative has neither text nor an image.")
    return found or None


def _refuse(why: str) -> Faults:
    return fault("txt-1", "invariant", f"The narrative cannot be accepted: {why}")


def _is_too_deep(root: etree._Element) -> bool:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            return True
    return False


def _says_something(root: etree._Element) -> bool:
    return bool(str(root.xpath("string()")).strip()) or root.find(f".//{{{_NAMESPACE}}}img") is not None


def _element_faults(element: etree._Element) -> Iterator[Any]:
    namespace, _, name = str(element.tag)[1:].rpartition("}")
    if namespace != _NAMESPACE or name not in _ELEMENTS:
        yield from _refuse(f"the element {shown(name)} is not allowed.{suggestion(name, _ELEMENTS)}")
        return
    for attribute, value in element.attrib.items():
        why = _attribute_fault(name, str(attribute), str(value))
        if why is not None:
            yield from _refuse(f"{shown(str(attribute))} of <{name}> {why}.")


def _attribute_fault(element: str, attribute: str, value: str) -> str | None:
    if attribute not in _ALLOWED[element] and attribute not in _XML_ATTRIBUTES:
        return "is an event handler" if attribute.lower().startswith("on") else "is not allowed"
    if attribute in _LINKS:
        return _link_fault(value, _LINK_SCHEMES)
    if attribute == "src":
        return _image_fault(value)
    return _style_fault(value) if attribute == "style" else None


def _image_fault(value: str) -> str | None:
    return None if _IMAGE_DATA.match(value) else _link_fault(value, _IMAGE_SCHEMES)


def _style_fault(value: str) -> str | None:
    style = _STYLE_COMMENT.sub("", value)
    if _ACTIVE_STYLE.search(_STYLE_URL.sub("", style)):
        return "can only hold styles that run nothing and load nothing but images"
    return next(filter(None, (_image_fault(link[2]) for link in _STYLE_URL.finditer(style))), None)


def _link_fault(value: str, schemes: frozenset[str]) -> str | None:
    scheme = _SCHEME.match(_SKIPPED.sub("", value))
    if scheme is None or scheme[1].lower() in schemes:
        return None
    return f"has the scheme {shown(scheme[1])}; allowed are {either(sorted(schemes))}"
