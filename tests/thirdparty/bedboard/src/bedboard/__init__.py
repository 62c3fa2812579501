"""Who lies in which bed: a plugin of fhirhub."""

from collections.abc import Sequence
from typing import Any

from marshmallow import Schema, fields

from bedboard import beds, census, cleaning, page
from fhirhub.plugin import Change, Hub, Interaction, Issue, Job, Json, Operation, Page, Reader, hook


class SettingsSchema(Schema):
    """`[plugin.bedboard]`."""

    title = fields.String(load_default="Beds")


@hook
def fhirhub_settings_schema() -> type[Schema]:
    return SettingsSchema


@hook
def fhirhub_register_operations(settings: Any) -> Sequence[Operation]:
    return [Operation(beds.DEFINITION, beds.occupancy)]


@hook
def fhirhub_register_jobs(settings: Any) -> Sequence[Job]:
    return [Job("census", census.count, schedule="55 23 * * *")]


@hook
def fhirhub_register_pages(settings: Any) -> Sequence[Page]:
    return [Page("", settings["title"], page.board)]


@hook
def fhirhub_validate(resource: Json, interaction: Interaction, reader: Reader) -> Sequence[Issue]:
    return beds.conflicts(resource, reader) if resource["resourceType"] == "Encounter" else []


@hook
def fhirhub_on_change(change: Change, hub: Hub) -> None:
    cleaning.hear(change, hub)
    hub.schedule("census", key="census")
