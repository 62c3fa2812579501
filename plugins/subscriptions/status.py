"""The status of a Subscription, as far as the server sets it.

https://hl7.org/fhir/R4/valueset-subscription-status.html
"""

import contextlib

from fhirhub.plugin import FhirError, Hub, Json, date_range


def activate(logical_id: str, hub: Hub) -> None:
    """Make a Subscription that was requested active."""
    subscription = hub.read("Subscription", logical_id)
    if subscription is not None and subscription["status"] == "requested":
        rest = {name: value for name, value in subscription.items() if name != "error"}
        _write({**rest, "status": "active"}, hub)


def put_in_error(subscription: Json, reason: str, hub: Hub) -> None:
    """Say why a Subscription tells nobody any more; whoever has it can request it again."""
    _write({**subscription, "status": "error", "error": reason[:1000]}, hub)


def turn_off(subscription: Json, hub: Hub) -> None:
    """End a Subscription whose time is over."""
    _write({**subscription, "status": "off"}, hub)


def has_ended(subscription: Json, hub: Hub) -> bool:
    """Whether its time is over."""
    end = date_range(subscription.get("end") or "", hub.zone)
    return end is not None and end[1] <= hub.now()


def _write(subscription: Json, hub: Hub) -> None:
    # Where somebody else has just changed it, that version decides. And one that another plugin will not have written
    # must not keep others from being told.
    with contextlib.suppress(FhirError):
        hub.update(subscription, if_match=subscription["meta"]["versionId"])
