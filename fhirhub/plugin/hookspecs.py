"""The hooks of a plugin, in the order of a server's life. Each says in which style it is called.

A plugin implements any of them with `@hook` and takes of the arguments those it needs, by name:

    @hook
    def fhirhub_validate(resource, reader): ...

Styles: `register` once, before serving, the results joined; `check` each gets a copy and returns findings; `shape`
each gets what the one before it made, and None changes nothing; `observe` each alone, and what it raises is logged
and counted. What a `check` or `shape` raises refuses the request.
"""

from collections.abc import Sequence
from typing import Any, Final

import pluggy
from marshmallow import Schema

from fhirhub.errors import Issue
from fhirhub.model.json import Json
from fhirhub.plugin.contributions import Channel, Command, Format, Job, Operation, Page
from fhirhub.plugin.hub import Hub, Reader
from fhirhub.plugin.records import Answered, Change, Interaction

PROJECT: Final = "fhirhub"
hook: Final = pluggy.HookimplMarker(PROJECT)
"""Marks a function as the implementation of the hook whose name it has."""

_spec: Final = pluggy.HookspecMarker(PROJECT)
STYLE: Final = "fhirhub_style"
"""The attribute of a specification that names its style."""


def _styled(style: str, specification: Any) -> Any:
    marked = _spec(specification)
    setattr(marked, STYLE, style)
    return marked


def register(specification: Any) -> Any:
    """Called once, before serving; the results are joined. An exception stops the start."""
    return _styled("register", specification)


def check(specification: Any) -> Any:
    """Called by each request; findings are collected. An exception refuses the request."""
    return _styled("check", specification)


def shape(specification: Any) -> Any:
    """Called by each request; every plugin gets what the one before it returned. An exception refuses the request."""
    return _styled("shape", specification)


def observe(specification: Any) -> Any:
    """Told of what has happened. An exception is logged and counted, and nobody else notices."""
    return _styled("observe", specification)


# Start


@register
def fhirhub_settings_schema() -> type[Schema]:  # type: ignore[empty-body]  # a specification
    """Return the marshmallow schema of the plugin's settings, the table `[plugin.NAME]` of `fhirhub.toml`."""


@register
def fhirhub_register_operations(settings: Any) -> Sequence[Operation]:  # type: ignore[empty-body]  # a specification
    """Return operations. https://hl7.org/fhir/R4/operations.html"""


@register
def fhirhub_register_formats(settings: Any) -> Sequence[Format]:  # type: ignore[empty-body]  # a specification
    """Return forms in which resources can be had. https://hl7.org/fhir/R4/http.html#mime-type"""


@register
def fhirhub_register_channels(settings: Any) -> Sequence[Channel]:  # type: ignore[empty-body]  # a specification
    """Return channels of Subscriptions. https://hl7.org/fhir/R4/subscription.html#channels"""


@register
def fhirhub_register_jobs(settings: Any) -> Sequence[Job]:  # type: ignore[empty-body]  # a specification
    """Return jobs, which workers do."""


@register
def fhirhub_register_commands(settings: Any) -> Sequence[Command]:  # type: ignore[empty-body]  # a specification
    """Return commands of `fhirhub`."""


@register
def fhirhub_register_pages(settings: Any) -> Sequence[Page]:  # type: ignore[empty-body]  # a specification
    """Return pages for people."""


@register
def fhirhub_startup(hub: Hub) -> None:
    """Prepare what the plugin needs, before the first request. Every process does it: what it writes must bear
    that."""


# A request


@check
def fhirhub_authorize(interaction: Interaction, reader: Reader) -> Sequence[Issue] | Issue | None:
    """Say why an interaction must not be: 403. Called before anything else is looked at."""


@shape
def fhirhub_prepare(resource: Json, interaction: Interaction, reader: Reader) -> Json | None:
    """Change a resource that is about to be written: before it is validated. `id` and `meta.versionId` are the
    server's.

    It may run more than once for one write (a transaction that meets another one starts anew), so it must do nothing
    else.
    """


@check
def fhirhub_validate(resource: Json, interaction: Interaction, reader: Reader) -> Sequence[Issue] | Issue | None:
    """Say what is wrong with a resource that is about to be written and is valid FHIR: errors refuse it with 422.

    Like `fhirhub_prepare` it may run more than once.
    """


@shape
def fhirhub_present(resource: Json, interaction: Interaction, reader: Reader) -> Json | None:
    """Change a resource that is about to be returned: in reads, searches, histories and answers of writes."""


@shape
def fhirhub_describe(statement: Json) -> Json | None:
    """Change the CapabilityStatement."""


@observe
def fhirhub_after_interaction(answered: Answered) -> None:
    """Hear that an interaction is over, in the same process and before the answer is sent: be quick."""


# After the response


@observe
def fhirhub_on_change(change: Change, hub: Hub) -> None:
    """Hear of a committed version, from a worker: at least once, in the order of versions of a resource.

    What fails is tried again after a pause, later versions of that resource waiting; after some attempts it is
    parked until `fhirhub replay`. The manifest can name the types it is about (`[on_change] types`).
    """


@observe
def fhirhub_shutdown() -> None:
    """The process is about to end."""
