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

# Canonicals are not to be replaced, and a `uuid` or `oid` could not hold what would replace it.
_LINK_TYPES: Final = frozenset({"uri", "url"})
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


def links(resource: Json, uris: Container[str], *, relative: bool = True) -> list[Link]:
    """Return the links of a resource, contained resources and extensions included, typed by the definitions.

    Arguments:
        uris: the values for which an element of a URI type counts as a link; a code system's URL is none.
        relative: whether references such as `Type/id` are wanted besides conditional ones, placeholders and `uris`.
    """
    found: list[Link] = []
    resource_type = resource.get("resourceType")
    if isinstance(resource_type, str) and r4().is_resource_type(resource_type):
        _walk(resource, resource_type, (None, resource_type, None), uris, relative, found)
    return found


@cache
def _ways(type_name: str) -> dict[str, str]:
    """Return the properties of a type that are links or lead to some, with the type to go on with."""
    ways: dict[str, str] = {}
    if type_name == "Bundle":
        # What is in a Bundle refers to what else is in it, not to the entries around it.
        return ways
    for name, element in r4().type(type_name).elements.items():
        kind = r4().types[element.type].kind
        if kind != "primitive-type" or element.type in _LINK_TYPES or element.type == "xhtml":
            ways[name] = element.type
        if kind == "primitive-type":
            ways[f"_{name}"] = "Element"
    if type_name == "Reference":
        ways["reference"] = "Reference.reference"
        # Names a type, links to nothing.
        del ways["type"]
    return ways


def _walk(node: Json, type_name: str, step: _Step, uris: Container[str], relative: bool, found: list[Link]) -> None:
    ways = _ways(type_name)
    for name, value in node.items():
        below = ways.get(name)
        if below is None:
            continue
        kind = type(value)
        # Most strings here are the URLs of code systems: no call for those.
        if kind is str:
            if value in uris or below == "xhtml" or (below == "Reference.reference" and _may_move(value, relative)):
                _note(node, name, value, below, (step, name, None), found)
        elif kind is dict:
            _enter(value, below, (step, name, None), uris, relative, found)
        elif kind is list:
            for index, item in enumerate(value):
                if type(item) is dict:
                    _enter(item, below, (step, name, index), uris, relative, found)
                elif type(item) is str and item in uris:
                    _note(value, index, item, below, (step, name, index), found)


def _may_move(reference: str, relative: bool) -> bool:
    return not reference.startswith("#") and (relative or "?" in reference or reference.startswith("urn:"))


def _enter(node: Json, type_name: str, step: _Step, uris: Container[str], relative: bool, found: list[Link]) -> None:
    if type_name == "Resource":
        type_name = str(node.get("resourceType"))
    # What is not validated yet may have an object where a string belongs.
    if type_name in r4().types:
        _walk(node, type_name, step, uris, relative, found)


def _note(holder: Any, key: str | int, text: str, type_name: str, step: _Step, found: list[Link]) -> None:
    if type_name == "Reference.reference":
        found.append(Link(holder, key, "reference", text, step))
    elif type_name == "xhtml":
        if "href=" in text or "src=" in text:
            found.append(Link(holder, key, "narrative", text, step))
    elif type_name in _LINK_TYPES:
        found.append(Link(holder, key, "uri", text, step))
