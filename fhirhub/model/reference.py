"""References between resources, and what a logical id looks like.

https://hl7.org/fhir/R4/references.html, https://hl7.org/fhir/R4/datatypes.html#id
"""

import re
from dataclasses import dataclass
from typing import Final

ID_PATTERN: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
"""A logical id (use with `fullmatch`)."""

_RESTFUL: Final = re.compile(
    r"(?:(?P<base>https?://\S+?)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?(?:#(?P<fragment>\S+))?"
)


@dataclass(frozen=True, slots=True)
class RestfulReference:
    """A literal reference of the form `[base/]Type/id[/_history/version][#fragment]`; `base` is None when relative."""

    resource_type: str
    logical_id: str
    base: str | None = None
    version_id: str | None = None


def is_logical_id(text: str) -> bool:
    """Whether `text` can be the logical id of a resource."""
    return ID_PATTERN.fullmatch(text) is not None


def parse_reference(text: str) -> RestfulReference | None:
    """Return the parts of a restful reference; None for `urn:`, `#fragment`, conditional and other references."""
    match = _RESTFUL.fullmatch(text)
    if match is None:
        return None
    return RestfulReference(match["type"], match["id"], match["base"], match["version"])
