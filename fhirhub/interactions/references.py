"""The links inside a resource that a Bundle's entries can be the target of, and rewriting them.

https://hl7.org/fhir/R4/http.html#trules, https://hl7.org/fhir/R4/bundle.html#references
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal
from xml.sax.saxutils import quoteattr

from fhirhub.definitions import r4
from fhirhub.model.json import Json

Kind = Literal["reference", "uri", "narrative"]

_LINK_TYPES: Final = frozenset({"uri", "url", "oid", "uuid", "canonical"})
_NARRATIVE_LINK: Final = re.compile(r"""(?P<name>\s(?:href|src)=)(?P<quote>["'])(?P<url>[^"']*)(?P=quote)""")


@dataclass(frozen=True, slots=True)
class Link:
    """One place that holds a link: `holder[key]`, and what stood there when it was found.

    `kind` says what it is: a `Reference.reference`, an element of a URI type, or the XHTML of a narrative.
    """

    holder: Any
    key: str | int
    kind: Kind
    original: str
    path: str

    def rewrite(self, target: Callable[[str], str | None]) -> None:
        """Put `target(link)` in the place of what stood there originally; where it returns None nothing changes.

        May be called again with another answer: it always starts from the original.
        """
        if self.kind == "narrative":
            self.holder[self.key] = _NARRATIVE_LINK.sub(lambda match: _relinked(match, target), self.original)
        else:
            self.holder[self.key] = target(self.original) or self.original


def _relinked(match: re.Match[str], target: Callable[[str], str | None]) -> str:
    found = target(match["url"])
    return match[0] if found is None else match["name"] + quoteattr(found)


def links(resource: Json) -> Iterator[Link]:
    """Yield every link of a resource, contained resources and extensions included, typed by the definitions."""
    resource_type = resource.get("resourceType")
    if isinstance(resource_type, str) and r4().is_resource_type(resource_type):
        yield from _walk(resource, resource_type, resource_type)


@cache
def _ways(type_name: str) -> dict[str, str]:
    """Return the properties of a type that are links or lead to some, with the type to go on with."""
    ways = {}
    for name, element in r4().type(type_name).elements.items():
        kind = r4().types[element.type].kind
        if kind != "primitive-type" or element.type in _LINK_TYPES or element.type == "xhtml":
            ways[name] = element.type
    # Identifier.system and friends name things, they do not link to them.
    if type_name == "Reference":
        ways["reference"] = "Reference.reference"
        ways.pop("type", None)
    return ways


def _walk(node: Json, type_name: str, path: str) -> Iterator[Link]:
    ways = _ways(type_name)
    for name, value in node.items():
        below = ways.get(name)
        if below is None:
            continue
        here = f"{path}.{name}"
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _at(value, index, item, below, f"{here}[{index}]")
        else:
            yield from _at(node, name, value, below, here)


def _at(holder: Any, key: str | int, value: Any, type_name: str, path: str) -> Iterator[Link]:
    if isinstance(value, str):
        if type_name == "Reference.reference":
            yield Link(holder, key, "reference", value, path)
        elif type_name == "xhtml":
            if "href=" in value or "src=" in value:
                yield Link(holder, key, "narrative", value, path)
        elif type_name in _LINK_TYPES:
            yield Link(holder, key, "uri", value, path)
    elif isinstance(value, dict):
        if type_name == "Resource":
            resource_type = value.get("resourceType")
            if isinstance(resource_type, str) and r4().is_resource_type(resource_type):
                yield from _walk(value, resource_type, path)
        elif type_name in r4().types:
            yield from _walk(value, type_name, path)
