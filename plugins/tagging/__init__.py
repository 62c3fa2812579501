"""Automatic tags on patients: Flags that declarative rules set and clear when data change. See README.md."""

from collections.abc import Sequence

from marshmallow import Schema

from fhirhub.plugin import Change, Hub, Job, Operation, hook

from .changes import hear
from .cohorts import cohort_job
from .definitions import establish
from .expiry import expiry_job
from .operation import evaluate_tags
from .settings import Settings, SettingsSchema


@hook
def fhirhub_settings_schema() -> type[Schema]:
    return SettingsSchema


@hook
def fhirhub_register_operations(settings: Settings) -> Sequence[Operation]:
    return [evaluate_tags(settings)]


@hook
def fhirhub_register_jobs(settings: Settings) -> Sequence[Job]:
    return [cohort_job(settings), expiry_job(settings)]


@hook
def fhirhub_startup(hub: Hub) -> None:
    establish(hub, hub.settings)


@hook
def fhirhub_on_change(change: Change, hub: Hub) -> None:
    hear(change, hub)
