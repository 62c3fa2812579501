"""What `htmlChecks()` asks of a narrative: well-formed XHTML of the allowed elements, no scripts, some content.

https://hl7.org/fhir/R4/narrative.html#rules (txt-1 and txt-2)
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from xml.parsers import expat

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


class _Refused(Exception):
    """The narrative breaks a rule."""


class _Checker:
    """Reads one narrative; raises `_Refused` at what is not allowed."""

    def __init__(self) -> None:
        self.depth = 0
        self.has_content = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if namespace != XHTML or local not in _ELEMENTS or (self.depth == 0 and local != "div"):
            raise _Refused(local)
        self.depth += 1
        self.has_content = self.has_content or local == "img"
        for attribute, value in attributes.items():
            plain = attribute.replace("http://www.w3.org/XML/1998/namespace ", "xml:")
            if plain not in _GLOBAL and plain not in _OWN.get(local, ()):
                raise _Refused(plain)
            if plain in _LINKS and "".join(value.split()).lower().startswith(_DANGEROUS):
                raise _Refused(plain)

    def end(self, name: str) -> None:
        self.depth -= 1

    def text(self, text: str) -> None:
        self.has_content = self.has_content or bool(text.strip())

    def refuse(self, *_: object) -> None:
        raise _Refused("DOCTYPE, entity or processing instruction")


@lru_cache(maxsize=64)
def is_safe_narrative(text: str) -> bool:
    """Whether `text` is a `div` that follows the rules of narratives."""
    checker = _Checker()
    parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
    parser.StartElementHandler = checker.start
    parser.EndElementHandler = checker.end
    parser.CharacterDataHandler = checker.text
    parser.StartDoctypeDeclHandler = checker.refuse
    parser.ProcessingInstructionHandler = checker.refuse
    try:
        parser.Parse(text.encode("utf-8", "surrogatepass"), True)
    except (expat.ExpatError, _Refused):
        return False
    return checker.has_content
