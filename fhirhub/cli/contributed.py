"""The commands that plugins add to `fhirhub`.

docs/plugins/hooks.md
"""

import argparse
import re
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from fhirhub.builtin import BUILTIN
from fhirhub.cli.database import database
from fhirhub.hooks.loader import load
from fhirhub.hub import open_hub
from fhirhub.model.agent import SYSTEM
from fhirhub.plugin import Command
from fhirhub.settings import ConfigurationError, Settings

_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Contributed:
    """A command with the name of the plugin it is of."""

    plugin: str
    command: Command

    def run(self, settings: Settings, namespace: argparse.Namespace) -> int:
        """Run it with a hub that acts for whoever operates the server; return its exit status."""
        with database(settings) as ready, closing(open_hub(ready)) as hub:
            hub.start()
            [plugin] = (each for each in hub.hooks.plugins if each.name == self.plugin)
            return self.command.run(namespace, hub.hub_for(SYSTEM, plugin))


def contributed(settings: Settings, taken: Collection[str]) -> Sequence[Contributed]:
    """Return the commands of the enabled plugins.

    Arguments:
        taken: names that fhirhub's own commands have.

    Raises ConfigurationError: a plugin cannot be loaded, or a command cannot have its name.
    """
    found = [
        Contributed(plugin.name, command)
        for plugin, commands in load(settings, builtin=BUILTIN).call("fhirhub_register_commands")
        for command in commands
    ]
    for each in found:
        name = each.command.name
        if name in taken:
            raise ConfigurationError(f"The plugin {each.plugin!r}: fhirhub has a command {name!r} of its own.")
        if _NAME.fullmatch(name) is None:
            raise ConfigurationError(
                f"The plugin {each.plugin!r}: a command cannot be named {name!r}: lower case letters, digits, hyphens."
            )
    return found
