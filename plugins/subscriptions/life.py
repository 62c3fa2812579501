"""What a change means: a Subscription begins, or those whose criteria a resource fulfils are to be told of it.

https://hl7.org/fhir/R4/subscription.html
"""

from collections.abc import Iterator

from fhirhub.plugin import Change, FhirError, Hub, Json

from .criteria import BadCriteria, Criteria, parse
from .notifying import JOB
from .status import activate, has_ended, put_in_error, turn_off


def hear(change: Change, hub: Hub) -> None:
    """Take part in a change. There are no notifications of deletions."""
    if change.resource is None:
        return
    if change.resource_type == "Subscription" and change.resource["status"] == "requested":
        activate(change.logical_id, hub)
    for subscription, criteria in _asking(change.resource_type, hub):
        try:
            matches = criteria.match(hub, change.logical_id)
        except FhirError as error:
            if error.status >= 500:
                raise
            # A search parameter that is no more, for example.
            put_in_error(subscription, f"The criteria cannot be used any more: {error}", hub)
            continue
        if matches:
            told = {"subscription": subscription["id"], "type": change.resource_type, "id": change.logical_id}
            key = f"{subscription['id']} {change.reference} {change.version}"
            hub.schedule(JOB, {**told, "version": str(change.version)}, key=key)


def _asking(resource_type: str, hub: Hub) -> Iterator[tuple[Json, Criteria]]:
    """Yield the active Subscriptions to a type."""
    # As a string it begins with the type, in upper or lower case; another type may begin with the same letters.
    for subscription in list(hub.search("Subscription", [("status", "active"), ("criteria", resource_type)])):
        try:
            criteria = parse(subscription["criteria"])
        except BadCriteria:
            continue
        if criteria.resource_type != resource_type:
            continue
        if has_ended(subscription, hub):
            turn_off(subscription, hub)
            continue
        yield subscription, criteria
