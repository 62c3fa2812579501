"""Which operations there are, by level, resource type and name.

https://hl7.org/fhir/R4/operationdefinition.html
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from fhirhub.definitions import r4
from fhirhub.model.json import Json
from fhirhub.operations.own import OWN
from fhirhub.operations.parameters import can_be_got
from fhirhub.plugin import Operation
from fhirhub.settings import ConfigurationError

Level = Literal["system", "type", "instance"]
Place = tuple[Level, str | None]
"""A level and, of types and instances, the resource type; None: all of them."""

_SERVER: Final = "fhirhub"
_ALL: Final = frozenset({"Resource", "DomainResource"})
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Registered:
    """An operation and the plugin it is of; no operation: the route table answers.

    Arguments:
        plugin: its name.
        definition: the OperationDefinition, with an id; its URL is the canonical one where it has one.
    """

    plugin: str
    definition: Json
    operation: Operation | None = None

    @property
    def code(self) -> str:
        """The name without its dollar sign."""
        return str(self.definition["code"])

    @property
    def methods(self) -> tuple[str, ...]:
        """The HTTP methods it takes: GET where nothing is changed and a URL can carry what it needs."""
        return ("GET", "POST") if can_be_got(self.definition) else ("POST",)

    def url(self, base_url: str) -> str:
        """Return the canonical URL of the definition: on this server where it has no other."""
        return str(self.definition.get("url") or f"{base_url}/OperationDefinition/{self.definition['id']}")


class Registry:
    """The operations of a server.

    Arguments:
        operations: with the names of the plugins they are of.

    Raises ConfigurationError: two answer in one place, or a definition is none.
    """

    def __init__(self, operations: Iterable[tuple[str, Operation]]) -> None:
        self._found: dict[tuple[str, Level, str | None], Registered] = {}
        self._by_id: dict[str, Registered] = {}
        for definition in OWN:
            self._add(Registered(_SERVER, _identified(_SERVER, definition)))
        for plugin, operation in operations:
            self._add(Registered(plugin, _identified(plugin, operation.definition), operation))

    def _add(self, each: Registered) -> None:
        same = self._by_id.setdefault(each.definition["id"], each)
        if same is not each:
            raise ConfigurationError(
                f"Plugins {same.plugin} and {each.plugin} both have an OperationDefinition {each.definition['id']}."
            )
        for level, resource_type in places(each.definition):
            other = self._found.setdefault((each.code, level, resource_type), each)
            if other is not each:
                where = " of ".join(filter(None, [level, resource_type]))
                raise ConfigurationError(
                    f"Plugins {other.plugin} and {each.plugin} both have an operation ${each.code} at level {where}."
                )

    def __iter__(self) -> Iterator[Registered]:
        return iter(self._by_id.values())

    def find(self, name: str, level: Level, resource_type: str | None = None) -> Registered | None:
        """Return the operation `$name` of a level, None where there is none."""
        code = name.removeprefix("$")
        return self._found.get((code, level, resource_type)) or self._found.get((code, level, None))

    def of(self, resource_type: str | None) -> list[Registered]:
        """Return the operations of a resource type, at whatever level; None: those of the system."""
        levels: tuple[Level, ...] = ("system",) if resource_type is None else ("type", "instance")
        codes = sorted({code for code, _, _ in self._found})
        found = (self.find(code, level, resource_type) for code in codes for level in levels)
        return list({each.definition["id"]: each for each in found if each is not None}.values())

    def definition(self, logical_id: str, base_url: str) -> Json | None:
        """Return the OperationDefinition of an id as this server tells it, None where there is none."""
        found = self._by_id.get(logical_id)
        return None if found is None else {**found.definition, "url": found.url(base_url)}


def places(definition: Json) -> Iterator[Place]:
    """Yield where an operation can be invoked."""
    if definition.get("system"):
        yield "system", None
    for name in dict.fromkeys(None if each in _ALL else each for each in definition.get("resource", ())):
        if definition.get("type"):
            yield "type", name
        if definition.get("instance"):
            yield "instance", name


def _identified(plugin: str, definition: Json) -> Json:
    """Return a definition with its id. Raises ConfigurationError: it is none that can be worked with."""
    code = definition.get("code")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise ConfigurationError(f"Plugin {plugin}: an OperationDefinition has the code {code!r}, which cannot be one.")
    if not list(places(definition)):
        raise ConfigurationError(f"Plugin {plugin}: ${code} can be invoked nowhere, as its definition says.")
    for name in definition.get("resource", ()):
        if name not in _ALL and not r4().is_resource_type(name):
            raise ConfigurationError(f"Plugin {plugin}: ${code} is of {name!r}, which is no resource type.")
    _check_parameters(f"Plugin {plugin}: ${code}", definition.get("parameter", ()))
    logical_id = definition.get("id") or f"{'-'.join(definition.get('resource', ())) or 'System'}-{code}"
    return {"resourceType": "OperationDefinition", "id": logical_id, **definition}


def _check_parameters(where: str, rows: Iterable[Any]) -> None:
    for row in rows:
        missing = [name for name in ("name", "use", "min", "max") if name not in row]
        if missing:
            raise ConfigurationError(f"{where}: its parameter {row.get('name')!r} does not tell {missing[0]}.")
        _check_parameters(where, row.get("part", ()))
