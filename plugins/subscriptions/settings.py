"""The settings of the plugin: `[plugin.subscriptions]`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings.

    Arguments:
        endpoints: what the URLs of rest-hooks may begin with.
        attempts: how often a notification is tried before its Subscription is in error.
        timeout: seconds that an endpoint may take to answer.
    """

    endpoints: tuple[SplitResult, ...]
    attempts: int
    timeout: float


class SettingsSchema(Schema):
    """Checks `[plugin.subscriptions]` of fhirhub.toml."""

    class Meta:
        unknown = RAISE

    endpoints = fields.List(
        fields.String(),
        load_default=list,
        metadata={
            "description": "What URLs of rest-hooks may begin with, such as https://his.example/fhir; none: nobody."
        },
    )
    attempts = fields.Integer(
        load_default=8,
        validate=validate.Range(min=1, max=30),
        metadata={"description": "How often a notification is tried before its Subscription is in error."},
    )
    timeout = fields.Float(
        load_default=10.0,
        validate=validate.Range(min=0.1, max=60),
        metadata={"description": "Seconds that an endpoint may take to answer."},
    )

    @post_load
    def _made(self, values: Mapping[str, Any], **_: Any) -> Settings:
        endpoints = tuple(map(urlsplit, values["endpoints"]))
        for each in endpoints:
            if (
                each.scheme not in ("http", "https")
                or not each.hostname
                or each.query
                or each.fragment
                or each.username
            ):
                raise ValidationError(f"{each.geturl()} is no URL of a place: https://host/path", "endpoints")
        return Settings(endpoints, values["attempts"], values["timeout"])
