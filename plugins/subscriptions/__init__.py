"""Subscriptions of R4: who is told, by which channel, that a resource fulfils their criteria. See README.md."""

from collections.abc import Sequence

from marshmallow import Schema

from fhirhub.plugin import Change, Channel, Hub, Issue, Job, Json, Reader, hook

from .checking import problems
from .life import hear
from .notifying import notify_job
from .rest_hook import rest_hook
from .settings import Settings, SettingsSchema


@hook
def fhirhub_settings_schema() -> type[Schema]:
    return SettingsSchema


@hook
def fhirhub_register_channels(settings: Settings) -> Sequence[Channel]:
    return [rest_hook(settings)]


@hook
def fhirhub_register_jobs(settings: Settings) -> Sequence[Job]:
    return [notify_job(settings)]


@hook
def fhirhub_validate(resource: Json, reader: Reader) -> Sequence[Issue]:
    return list(problems(resource, reader)) if resource["resourceType"] == "Subscription" else []


@hook
def fhirhub_on_change(change: Change, hub: Hub) -> None:
    hear(change, hub)
