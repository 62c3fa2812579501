"""What `htmlChecks()` asks of a narrative: well-formed XHTML of the allowed elements, no scripts, some content.

https://hl7.org/fhir/R4/narrative.html#rules (txt-1 and txt-2)
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from lxml import etree

XHTML: Final = "http://www.w3.org/1999/xhtml"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ELEMENTS: Final = _words(
    "p br div h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn q var abbr acronym cite blockquote hr address "
    "bdo kbd samp sub sup ul ol li dl dt dd pre table caption colgroup col thead tr tfoot tbody th td code img map "
    "area ins del u s strike center font"
)
_GLOBAL: Final = _words("title style class id lang xml:lang dir accesskey tabindex")
_OWN: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        name: _words(attributes)
        for name, attributes in {
            "a": "href name charset hreflang rel rev shape coords type target",
            "img": "src alt longdesc height width usemap ismap border align hspace vspace",
            "area": "shape coords href nohref alt",
            "map": "name",
            "q": "cite", "blockquote": "cite", "ins": "cite datetime", "del": "cite datetime",
            "table": "summary width border frame rules cellspacing cellpadding align bgcolor",
            "th": "abbr axis headers scope rowspan colspan align char charoff valign nowrap bgcolor width height",
            "td": "abbr axis headers scope rowspan colspan align char charoff valign nowrap bgcolor width height",
            "tr": "align char charoff valign bgcolor", "thead": "align char charoff valign",
            "tbody": "align char charoff valign", "tfoot": "align char charoff valign",
            "col": "span width align char charoff valign", "colgroup": "span width align char charoff valign",
            "ol": "type start compact", "ul": "type compact", "li": "type value", "dl": "compact",
            "hr": "align size width noshade", "pre": "width space xml:space", "font": "color face size", "br": "clear",
            "p": "align", "div": "align", "h1": "align", "h2": "align", "h3": "align", "h4": "align", "h5": "align",
            "h6": "align", "caption": "align",
        }.items()
    }
)  # fmt: skip
_LINKS: Final = frozenset({"href", "src", "cite", "longdesc"})
_DANGEROUS: Final = ("javascript:", "vbscript:", "data:text")
_ALLOWED: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {f"{{{XHTML}}}{name}": _GLOBAL | _OWN.get(name, frozenset()) for name in _ELEMENTS}
)
"""Qualified element to its attributes."""
_DIV: Final = f"{{{XHTML}}}div"
_IMAGE: Final = f"{{{XHTML}}}img"
_XML: Final = "{http://www.w3.org/XML/1998/namespace}"

_PARSER: Final = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, huge_tree=False)


@lru_cache(maxsize=8)
def is_safe_narrative(text: str) -> bool:
    """Whether `text` is a `div` that follows the rules of narratives."""
    if "<!DOCTYPE" in text:
        return False
    try:
        root = etree.fromstring(text.encode(), _PARSER)
    except (etree.XMLSyntaxError, UnicodeEncodeError, ValueError):
        return False
    has_content = False
    for element in root.iter():
        # Entities and processing instructions have a function for a tag.
        attributes = _ALLOWED.get(element.tag) if isinstance(element.tag, str) else None
        if attributes is None or not all(_is_safe(k, v, attributes) for k, v in element.attrib.items()):
            return False
        if not has_content:
            has_content = element.tag == _IMAGE or _is_text(element.text) or _is_text(element.tail)
    return has_content and root.tag == _DIV


def _is_safe(name: str | bytes, value: str | bytes, allowed: frozenset[str]) -> bool:
    plain = str(name).replace(_XML, "xml:")
    if plain not in allowed:
        return False
    return plain not in _LINKS or not "".join(str(value).split()).lower().startswith(_DANGEROUS)


def _is_text(text: str | None) -> bool:
    return text is not None and not text.isspace() and text != ""
