"""Which operations there are, by level, resource type and name.

https://hl7.org/fhir/R4/operationdefinition.html
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from fhirhub.plugin import Operation
from fhirhub.settings import ConfigurationError

Level = Literal["system", "type", "instance"]


@dataclass(frozen=True, slots=True)
class Registered:
    """An operation and the plugin it is of."""

    plugin: str
    operation: Operation

    @property
    def code(self) -> str:
        """The name without its dollar sign."""
        return str(self.operation.definition["code"])


class Registry:
    """The operations of a server.

    Arguments:
        operations: with the names of the plugins they are of.

    Raises ConfigurationError: two answer in one place.
    """

    def __init__(self, operations: Iterable[tuple[str, Operation]]) -> None:
        self._found: dict[tuple[str, Level, str | None], Registered] = {}
        self._all: list[Registered] = []
        for plugin, operation in operations:
            each = Registered(plugin, operation)
            self._all.append(each)
            for place in _places(operation.definition):
                other = self._found.setdefault((each.code, *place), each)
                if other is not each:
                    raise ConfigurationError(
                        f"Plugins {other.plugin} and {plugin} both have an operation ${each.code} at {place}."
                    )

    def __iter__(self) -> Iterator[Registered]:
        return iter(self._all)

    def find(self, name: str, level: Level, resource_type: str | None = None) -> Registered | None:
        """Return the operation `$name` of a level, None where there is none."""
        code = name.removeprefix("$")
        return self._found.get((code, level, resource_type)) or self._found.get((code, level, None))


def _places(definition: dict[str, Any]) -> Iterator[tuple[Level, str | None]]:
    if definition.get("system"):
        yield "system", None
    types = [None if name in ("Resource", "DomainResource") else name for name in definition.get("resource", ())]
    for name in types:
        if definition.get("type"):
            yield "type", name
        if definition.get("instance"):
            yield "instance", name
