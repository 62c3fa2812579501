"""`fhirhub replay`: changes that plugins could not take are handed to them again, or what there is for the first time.

docs/operations.md
"""

import argparse
import sys
from contextlib import closing
from typing import Final

from fhirhub.cli.database import database
from fhirhub.definitions import r4
from fhirhub.hub import Hub, open_hub
from fhirhub.settings import ConfigurationError, Settings
from fhirhub.store.deliveries import Deliveries
from fhirhub.worker import replay
from fhirhub.worker.delivery import HOOK

_PARTS: Final = 2


def run(settings: Settings, namespace: argparse.Namespace) -> int:
    """Say what is to be delivered again; workers do it. 0 when it is asked for."""
    resource = _resource(namespace.resource)
    with database(settings) as ready, closing(open_hub(ready)) as hub:
        if namespace.types:
            return _all_of(hub, namespace.plugin, namespace.types)
        deliveries = Deliveries(hub.call.now)
        if namespace.forget:
            count = deliveries.forget(namespace.plugin, resource)
            sys.stdout.write(f"{count} parked resources are given up: their plugins never hear of those changes.\n")
            return 0
        count = deliveries.replay(namespace.plugin, resource, parked_only=not namespace.now)
    sys.stdout.write(f"{count} resources are due again; a worker hands them on.\n")
    return 0


def _all_of(hub: Hub, plugin: str | None, types: list[str]) -> int:
    """Ask for the jobs that deliver all resources of types."""
    names = [each.name for each in hub.hooks.implementers(HOOK)]
    if plugin not in names:
        known = ", ".join(names) or "none of the enabled ones does"
        raise ConfigurationError(f"--all-of needs --plugin with a plugin that hears of changes: {known}.")
    for name in types:
        if not r4().is_resource_type(name):
            raise ConfigurationError(f"{name!r} is not a resource type of FHIR R4.")
    for name in types:
        parameters = {"plugin": plugin, "type": name}
        number = hub.database.jobs.schedule(replay.OWNER, replay.NAME, parameters, key=f"{plugin} {name}")
        sys.stdout.write(f"All {name} will be handed to {plugin}: run {number}. See `fhirhub worker --status`.\n")
    return 0


def _resource(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    parts = text.split("/")
    if len(parts) != _PARTS or not all(parts):
        raise ConfigurationError(f"--resource {text}: expected a type and an id, such as Patient/1.")
    return parts[0], parts[1]
