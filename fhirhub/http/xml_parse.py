"""The one place that parses XML from outside: no entities, no DOCTYPE, no files, no network.

https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/R4/security.html#narrative
"""

import re
from collections.abc import Iterator
from typing import Any, Final, Protocol, cast

from lxml import etree


class Node(Protocol):
    """What is used of an lxml node. The published stubs say `str | bytes` where lxml 5 and later return `str`."""

    @property
    def tag(self) -> Any:
        """The qualified name; a function for comments, processing instructions and entities."""

    @property
    def text(self) -> str | None: ...

    @property
    def tail(self) -> str | None: ...

    @property
    def sourceline(self) -> int | None: ...

    def items(self) -> list[tuple[str, str]]: ...

    def get(self, key: str) -> str | None: ...

    def getparent(self) -> "Node": ...

    def iterancestors(self) -> "Iterator[Node]": ...

    def itersiblings(self, tag: str, *, preceding: bool) -> "Iterator[Node]": ...

    def __iter__(self) -> "Iterator[Node]": ...

    def __len__(self) -> int: ...


class MarkupError(ValueError):
    """The bytes are no XML that is accepted; the message is a sentence, `location` says where as far as known."""

    def __init__(self, sentence: str, location: tuple[str, ...] = ()) -> None:
        self.location = location
        super().__init__(sentence)


# Atomic groups: each piece of the prolog is read once, whatever follows.
_doctype: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?>\s+|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)
_FOREIGN_MARKS: Final = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
_NO_DOCTYPE: Final = "The XML has a DOCTYPE, which is never accepted."


def parse(data: bytes) -> Node:
    """Return the root of a UTF-8 document.

    Raises:
        MarkupError: not well-formed, another encoding, a DOCTYPE, a processing instruction, or beyond the limits of
            libxml2 (256 levels, ten million characters in one attribute).
    """
    # Another encoding that a declaration names is seen below; libxml2 believes these marks without one.
    if data.startswith(_FOREIGN_MARKS):
        raise MarkupError("FHIR XML is UTF-8; this begins with the byte order mark of another encoding.")
    # Found before parsing, so that nothing of the document type is ever read.
    if _doctype.match(data) is not None:
        raise MarkupError(_NO_DOCTYPE)
    # One parser per document: lxml locks a parser while it is at work.
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        reason = error.msg.partition(f", line {line}, column")[0]
        raise MarkupError(f"The XML is not well-formed: {reason}.", (f"line {line}, column {column}",)) from None
    tree = root.getroottree()
    if tree.docinfo.internalDTD is not None:
        raise MarkupError(_NO_DOCTYPE)
    if (tree.docinfo.encoding or "UTF-8").upper() not in {"UTF-8", "US-ASCII", "ASCII"}:
        raise MarkupError(f"FHIR XML is UTF-8; this says it is {tree.docinfo.encoding}.")
    if tree.xpath("//processing-instruction()"):
        raise MarkupError("The XML has a processing instruction, which is not accepted.")
    return cast(Node, root)


def stray_text(root: Node, namespace: str) -> list[tuple[str, Node]]:
    """Return each text that stands directly in an element of `namespace`, with that element."""
    find = etree.XPath("//f:*/text()[normalize-space()]", namespaces={"f": namespace})
    found = cast(list[Any], find(cast(etree._Element, root)))
    return [(str(text), text.getparent() if text.is_text else text.getparent().getparent()) for text in found]
