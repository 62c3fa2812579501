"""What a worker needs of the hub.

docs/how-it-works/worker.md
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from fhirhub.plugin import Agent, Hub
from fhirhub.search.site import Site
from fhirhub.store.database import Database


class LoadedPlugin(Protocol):
    """A plugin as it was loaded; `on_change_types` names the types it wants to hear of, none: all."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def settings(self) -> Any:
        """Its settings."""

    @property
    def on_change_types(self) -> frozenset[str]:
        """The types it wants to hear of."""


class LoadedHooks(Protocol):
    """The plugins in their order."""

    @property
    def plugins(self) -> Sequence[Any]:
        """All of them."""

    def implementers(self, name: str) -> Sequence[Any]:
        """Return the plugins that implement a hook."""

    def call(self, name: str, **arguments: Any) -> Any:
        """Call a hook in its style."""

    def call_one(self, plugin: Any, name: str, **arguments: Any) -> Any:
        """Call the hook of one plugin; what it raises comes here."""


class Surroundings(Protocol):
    """The part of `interactions.call.Call` a worker needs."""

    @property
    def now(self) -> Callable[[], datetime]:
        """The wall clock."""

    @property
    def site(self) -> Site:
        """What the site decides."""


class WorkerHub(Protocol):
    """The part of `fhirhub.hub.Hub` a worker needs."""

    @property
    def database(self) -> Database:
        """The database."""

    @property
    def hooks(self) -> LoadedHooks:
        """The plugins."""

    @property
    def call(self) -> Surroundings:
        """What interactions work with."""

    def hub_of(self, plugin: Any) -> Hub:
        """Return the hub that acts as a plugin."""

    def hub_for(self, agent: Agent) -> Hub:
        """Return a hub that acts for somebody."""
