"""The XHTML of a narrative: as text in JSON, as elements in XML.

https://hl7.org/fhir/R4/narrative.html, https://hl7.org/fhir/R4/json.html#narrative
"""

from typing import Final

from lxml import etree

from fhirhub.http.xml_parse import MarkupError, Node, parse
from fhirhub.http.xml_plan import XHTML

MAX_DEPTH: Final = 64
"""Deepest nesting of markup in one narrative."""

_PREFIX: Final = f"{{{XHTML}}}"
_XML: Final = "{http://www.w3.org/XML/1998/namespace}"
_DECLARATION: Final = f' xmlns="{XHTML}"'
_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)
# Browsers read `<a/>` and `<td/>` as opening tags; only these elements may be closed at once.
_VOID: Final = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "param"})


def checked_div(text: str) -> str:
    """Return the text of a `div` as it can stand inside a document, unchanged wherever possible.

    Raises:
        MarkupError: it is not one well-formed `div` of XHTML.
    """
    text = text.strip()
    root = parse(text.encode())
    if text.startswith("<?"):
        raise MarkupError("The narrative begins with an XML declaration.")
    if root.tag not in {"div", _PREFIX + "div"}:
        raise MarkupError("The narrative is no div element of XHTML.")
    # Every level has an opening bracket, so most narratives need no walk.
    if text.count("<") > MAX_DEPTH:
        _refuse_depth(root)
    if root.tag == "div":
        end = text.index("<div") + len("<div")
        return text[:end] + _DECLARATION + text[end:]
    return text


def _refuse_depth(root: Node) -> None:
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in node]
        if not level:
            return
    raise MarkupError(_TOO_DEEP)


_TOO_DEEP: Final = f"The narrative nests deeper than {MAX_DEPTH} levels."


def div_text(div: Node) -> str:
    """Return a `div` element as the text JSON carries, XHTML being the default namespace.

    Raises:
        MarkupError: an element or attribute of another namespace, or too deep.
    """
    out: list[str] = []
    _write(out, div, 1, _DECLARATION)
    return "".join(out)


def _write(out: list[str], node: Node, depth: int, declaration: str = "") -> None:
    if node.tag is etree.Comment:
        out.append(f"<!--{node.text or ''}-->")
        return
    tag = str(node.tag)
    if not tag.startswith(_PREFIX):
        raise MarkupError(f"The narrative holds '{tag[:80]}', which is not XHTML.")
    if depth > MAX_DEPTH:
        raise MarkupError(_TOO_DEEP)
    name = tag[len(_PREFIX) :]
    out.append(f"<{name}{declaration}")
    for key, value in node.items():
        if key.startswith("{") and not key.startswith(_XML):
            raise MarkupError(f"The narrative holds the attribute '{key[:80]}', which is not XHTML.")
        out.append(f' {key.replace(_XML, "xml:")}="{value.translate(_ATTRIBUTE)}"')
    text = node.text
    if not text and len(node) == 0:
        out.append("/>" if name in _VOID else f"></{name}>")
        return
    out.append(">" + (text.translate(_TEXT) if text else ""))
    for child in node:
        _write(out, child, depth + 1)
        if child.tail:
            out.append(child.tail.translate(_TEXT))
    out.append(f"</{name}>")
