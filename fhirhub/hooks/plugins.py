"""A plugin that has been loaded.

docs/plugins/README.md
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Plugin:
    """A plugin that has been loaded.

    Arguments:
        name, version, title: what its manifest says.
        source: the folder, file or distribution it came from, for people.
        module: what its hooks are implemented in.
        settings: as its schema loads them; an empty mapping without a schema.
        on_change_types: the resource types whose changes it hears of; empty: all.
        after: the plugins that come before it where they are there.
        requires: the plugins that come before it and must be there.
    """

    name: str
    version: str
    title: str
    source: str
    module: Any
    settings: Any
    on_change_types: frozenset[str] = frozenset()
    after: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
