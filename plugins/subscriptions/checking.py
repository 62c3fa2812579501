"""What is wrong with a Subscription that is about to be written.

https://hl7.org/fhir/R4/subscription.html
"""

from collections.abc import Iterator
from typing import Final

from fhirhub.plugin import Issue, Json, Reader

from .criteria import BadCriteria, check, parse

PAYLOADS: Final = ("application/fhir+json", "application/json")


def problems(subscription: Json, reader: Reader) -> Iterator[Issue]:
    """Yield errors: criteria that are no search, a channel that is not there or cannot be used."""
    if subscription["status"] in ("off", "error"):
        # It tells nobody, and it must be possible to write so of one that has become wrong.
        return
    try:
        check(parse(subscription["criteria"]), reader)
    except BadCriteria as error:
        yield _issue("criteria", f"The criteria cannot be used: {error}")
    channel = subscription["channel"]
    known = reader.channels.get(channel["type"])
    if known is None:
        offered = ", ".join(sorted(reader.channels))
        yield _issue("channel.type", f"There is no channel {channel['type']!r} here, only: {offered}")
        return
    if channel.get("payload", PAYLOADS[0]) not in PAYLOADS:
        yield _issue("channel.payload", f"The payload can be {PAYLOADS[0]}, or be left out")
    for element, text in known.check(channel).items():
        yield _issue(f"channel.{element}", text)


def _issue(element: str, text: str) -> Issue:
    stop = "" if text[-1] in ".?!" else "."
    return Issue("error", "value", f"{text}{stop}", (f"Subscription.{element}",))
