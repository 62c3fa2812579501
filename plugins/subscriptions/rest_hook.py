"""The channel rest-hook: a request to a URL that the operator allows.

Without a payload it is an empty POST to the endpoint; with one an update, PUT to `endpoint/Type/id`, which is what
other R4 servers do and what a FHIR server can be the endpoint of. https://hl7.org/fhir/R4/subscription.html
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

import requests

from fhirhub.plugin import Channel, Failure, FhirError, Json, Notification, encode_json

from .settings import Settings

FHIR_JSON: Final = "application/fhir+json"
_HEADER: Final = re.compile(r"(?P<name>[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}): *(?P<value>[\x21-\x7e][\x20-\x7e]{0,4000})")
_UNCLEAR: Final = re.compile(r"[\\\s\x00-\x1f\x7f]|%(2e|2f|5c|00)", re.I)
"""What some take for steps of a path and others do not."""
_OURS: Final = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te"})


def rest_hook(settings: Settings) -> Channel:
    """Return the channel."""

    def check(channel: Json) -> Mapping[str, str]:
        return _problems(channel, settings)

    def send(notification: Notification) -> None:
        _send(notification, settings)

    return Channel("rest-hook", send, check)


def _problems(channel: Json, settings: Settings) -> Mapping[str, str]:
    found = {}
    if (endpoint := channel.get("endpoint")) is None:
        found["endpoint"] = "A rest-hook needs an endpoint."
    elif not is_allowed(endpoint, settings.endpoints):
        found["endpoint"] = f"The operator does not allow notifications to {endpoint[:300]!r}."
    for index, text in enumerate(channel.get("header", ())):
        header = _HEADER.fullmatch(text)
        if header is None or header["name"].lower() in _OURS:
            found[f"header[{index}]"] = "It is no header that can be set: Name: value."
    return found


def is_allowed(endpoint: str, allowed: tuple[SplitResult, ...]) -> bool:
    """Whether a URL is one of the places, or below one: the same scheme, host and port, the path step by step."""
    try:
        url = urlsplit(endpoint)
        origin = _origin(url)
    except ValueError:
        return False
    steps = url.path.rstrip("/").split("/")
    if "@" in url.netloc or url.fragment or _UNCLEAR.search(endpoint) or {".", ".."} & set(steps):
        return False
    for each in allowed:
        place = each.path.rstrip("/").split("/")
        if origin == _origin(each) and steps[: len(place)] == place:
            return True
    return False


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _send(notification: Notification, settings: Settings) -> None:
    channel = notification.subscription["channel"]
    endpoint = channel["endpoint"]
    # What is allowed may have changed since it was written.
    if not is_allowed(endpoint, settings.endpoints):
        raise FhirError(Failure.UNAVAILABLE, "The operator does not allow notifications to this endpoint any more.")
    headers = dict(text.split(":", 1) for text in channel.get("header", ()))
    headers = {name: value.strip() for name, value in headers.items()}
    body = b""
    method = "POST"
    if notification.resource is not None:
        base, mark, query = endpoint.partition("?")
        endpoint = f"{base.rstrip('/')}/{notification.resource_type}/{notification.logical_id}{mark}{query}"
        method, body = "PUT", encode_json(notification.resource)
        headers["Content-Type"] = FHIR_JSON
    with requests.Session() as session:
        # No proxy and no password of this machine's environment.
        session.trust_env = False
        with session.request(
            method, endpoint, data=body, headers=headers, timeout=settings.timeout, allow_redirects=False, stream=True
        ) as answer:
            if not 200 <= answer.status_code < 300:
                raise FhirError(Failure.UNAVAILABLE, f"The endpoint answered {answer.status_code}.")
