"""The links inside a resource that a Bundle's entries can be the target of, and rewriting them.

https://hl7.org/fhir/R4/http.html#trules, https://hl7.org/fhir/R4/bundle.html#references
"""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal
from xml.sax.saxutils import quoteattr

from fhirhub.definitions import r4
from fhirhub.model.json import Json

Kind = Literal["reference", "uri", "narrative"]

_LINK_TYPES: Final = frozenset({"uri", "url", "oid", "uuid", "canonical"})
_NARRATIVE_LINK: Final = re.compile(r"""(?P<name>\s(?:href|src)=)(?P<quote>["'])(?P<url>[^"']*)(?P=quote)""")


_Step = tuple[Any, str, int | None]


@dataclass(frozen=True, slots=True)
class Link:
    """One place that holds a link: `holder[key]`, and what stood there when it was found.

    `kind` says what it is: a `Reference.reference`, an element of a URI type, or the XHTML of a narrative.
    """

    holder: Any
    key: str | int
    kind: Kind
    original: str
    _step: _Step

    @property
    def path(self) -> str:
        """The FHIRPath of the place."""
        steps = []
        step: _Step | None = self._step
        while step is not None:
            step, name, index = step
            steps.append(name if index is None else f"{name}[{index}]")
        return ".".join(reversed(steps))

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


def links(resource: Json, uris: Container[str]) -> list[Link]:
    """Return the links of a resource, contained resources and extensions included, typed by the definitions.

    Arguments:
        uris: the values for which an element of a URI type counts as a link; a code system's URL is none.
    """
    found: list[Link] = []
    resource_type = resource.get("resourceType")
    if isinstance(resource_type, str) and r4().is_resource_type(resource_type):
        _walk(resource, resource_type, (None, resource_type, None), uris, found)
    return found


@cache
def _ways(type_name: str) -> dict[str, str]:
    """Return the properties of a type that are links or lead to some, with the type to go on with."""
    ways = {}
    for name, element in r4().type(type_name).elements.items():
        kind = r4().types[element.type].kind
        if kind != "primitive-type" or element.type in _LINK_TYPES or element.type == "xhtml":
            ways[name] = element.type
    if type_name == "Reference":
        ways["reference"] = "Reference.reference"
        # Names a type, links to nothing.
        del ways["type"]
    return ways


def _walk(node: Json, type_name: str, step: _Step, uris: Container[str], found: list[Link]) -> None:
    ways = _ways(type_name)
    for name, value in node.items():
        below = ways.get(name)
        if below is None:
            continue
        if type(value) is list:
            for index, item in enumerate(value):
                _at(value, index, item, below, (step, name, index), uris, found)
        else:
            _at(node, name, value, below, (step, name, None), uris, found)


def _at(
    holder: Any, key: str | int, value: Any, type_name: str, step: _Step, uris: Container[str], found: list[Link]
) -> None:
    if type(value) is str:
        if type_name == "Reference.reference":
            found.append(Link(holder, key, "reference", value, step))
        elif type_name == "xhtml":
            if "href=" in value or "src=" in value:
                found.append(Link(holder, key, "narrative", value, step))
        elif value in uris and type_name in _LINK_TYPES:
            found.append(Link(holder, key, "uri", value, step))
    elif type(value) is dict:
        if type_name == "Resource":
            resource_type = value.get("resourceType")
            if isinstance(resource_type, str) and r4().is_resource_type(resource_type):
                _walk(value, resource_type, step, uris, found)
        elif type_name in r4().types:
            _walk(value, type_name, step, uris, found)
