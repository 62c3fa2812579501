"""What values of settings have to fulfil, beyond their type.

docs/settings.md
"""

import math
from datetime import UTC, tzinfo
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from marshmallow import ValidationError


def mongodb_uri(value: str) -> None:
    if not value.startswith(("mongodb://", "mongodb+srv://")):
        raise ValidationError("expected a URI that starts with mongodb:// or mongodb+srv://")


def base_url(value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValidationError("expected an absolute http or https URL without query and fragment")


def cache(value: float) -> None:
    if not 0.25 <= value < math.inf:  # what mongod accepts; false for NaN, too
        raise ValidationError("expected at least 0.25")


def share(value: float) -> None:
    if not 0 <= value <= 0.99:  # false for NaN, too
        raise ValidationError("expected a share from 0 to 0.99")


def zone_of(name: str) -> tzinfo:
    """Return the time zone of an IANA name. UTC needs no database of time zones, which small systems lack.

    Raises KeyError, ValueError, OSError: there is none.
    """
    return UTC if name == "UTC" else ZoneInfo(name)


def time_zone(value: str) -> None:
    try:
        zone_of(value)
    except (KeyError, ValueError, OSError):  # OSError: the name of a folder
        raise ValidationError(
            f"there is no time zone {value!r}; expected a name of the IANA database, such as Europe/Vienna or UTC"
        ) from None
