"""The server without HTTP: database and interactions wired together, for web workers, the loader and tests.

https://hl7.org/fhir/R4/http.html, docs/architecture.md
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from fhirhub.builtin import BUILTIN
from fhirhub.hooks.dispatch import Hooks
from fhirhub.hooks.loader import load
from fhirhub.hooks.plugins import Plugin
from fhirhub.interactions.body import examined
from fhirhub.interactions.call import Call, Rules
from fhirhub.interactions.dispatch import dispatch
from fhirhub.interactions.hook_counts import Counting
from fhirhub.interactions.plugin_hub import PluginHub
from fhirhub.model.agent import Agent
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.operations.registry import Registry
from fhirhub.search.site import Site
from fhirhub.settings import ConfigurationError, Settings, zone_of
from fhirhub.store.database import Database, open_database
from fhirhub.store.failures import DATABASE_ERRORS
from fhirhub.store.parameter_failures import Failures
from fhirhub.store.reindex import Pace, Reindexer
from fhirhub.store.terminology import StoredTerminology


class Hub:
    """Everything a request needs, in one process.

    Arguments:
        call: what interactions work with.
        database: the database.
        failures: where the site of `call` counts search parameters that fail.
    """

    def __init__(self, call: Call, database: Database, failures: Failures) -> None:
        self.database = database
        self._call = call
        self._failures = failures
        self._counting = Counting(call.hooks)

    @property
    def hooks(self) -> Hooks:
        """The plugins and what they implement."""
        return self._call.hooks

    def start(self) -> None:
        """Let plugins prepare what they need. Raises ConfigurationError naming the plugin that fails."""
        self._counting.start()
        self.hooks.call("fhirhub_startup", bind=lambda plugin: {"hub": self.hub_of(plugin)})

    def hub_of(self, plugin: Plugin) -> PluginHub:
        """Return the hub of a plugin that acts by itself: after a change, in a job, at start."""
        return PluginHub(lambda: self.call, Agent("plugin", plugin.name), plugin)

    def hub_for(self, agent: Agent, plugin: Plugin | None = None) -> PluginHub:
        """Return a hub that acts for somebody: on a page of the plugin, at a command, in a test."""
        return PluginHub(lambda: self.call, agent, plugin)

    @property
    def call(self) -> Call:
        """What interactions work with, with the newest search parameters."""
        call = self._call
        parameters = self.database.parameters.current()
        if call.site.parameters is not parameters:
            # Of threads that do this at the same time, the last one wins; each has what it asked for.
            self._call = call = replace(call, site=replace(call.site, parameters=parameters))
        return call

    def answer(self, request: FhirRequest) -> FhirResponse:
        """Run one request. Raises FhirError."""
        return dispatch(request, self.call)

    def reindexer(self, pace: Pace) -> Reindexer:
        """Return what makes index entries anew, when it is asked for or new search parameters need it."""
        return Reindexer(
            self.database.collections,
            self.database.parameters,
            self.database.reindex,
            lambda: self.call.site,
            self._failures,
            owner=str(uuid.uuid4()),
            pace=pace,
            now=self.call.now,
        )

    def close(self) -> None:
        """Tell plugins, and close the database."""
        self.hooks.call("fhirhub_shutdown")
        self._counting.stop()
        self.database.close()


def open_hub(
    settings: Settings,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> Hub:
    """Open the database of the settings and wire the interactions to it.

    Arguments:
        now: the wall clock, in UTC.
        new_id: makes logical ids.

    Raises:
        ConfigurationError: no database is configured, it is not one fhirhub can use, or a plugin cannot be loaded.
    """
    if settings.mongodb_uri is None:
        raise ConfigurationError("No database: set FHIRHUB_MONGODB_URI, or start the embedded mongod first.")
    hooks = load(settings, builtin=BUILTIN, passing=DATABASE_ERRORS)
    operations = Registry(
        (plugin.name, operation)
        for plugin, found in hooks.call("fhirhub_register_operations")
        for operation in found or ()
    )
    formats = [(plugin.name, each) for plugin, found in hooks.call("fhirhub_register_formats") for each in found or ()]
    channels = {each.type: each for _, found in hooks.call("fhirhub_register_channels") for each in found or ()}
    database = open_database(settings.mongodb_uri, settings.database, max_time_ms=settings.max_time_ms, now=now)
    failures = Failures()
    site = Site(
        settings.public_url,
        now,
        zone=zone_of(settings.time_zone),
        parameters=database.parameters.current(),
        terminology=StoredTerminology(database.find),
        full_text=settings.full_text,
        failed=failures.note,
    )
    call = Call(
        site=site,
        find=database.find,
        commits=database.commits,
        added=database.parameters,
        reindex=database.reindex,
        rules=Rules(
            update_create=settings.update_create,
            default_count=settings.default_count,
            max_count=settings.max_count,
            max_bundle_entries=settings.max_bundle_entries,
        ),
        new_id=new_id,
        dispatch=dispatch,
        examine=examined,
        hooks=hooks,
        operations=operations,
        jobs=database.jobs,
        formats=formats,
        channels=channels,
    )
    return Hub(call, database, failures)
