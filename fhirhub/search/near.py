"""`near`: places within a distance of a point.

https://hl7.org/fhir/R4/location.html#positional
"""

import math
from decimal import Decimal
from typing import Final

from fhirhub import ucum
from fhirhub.search import syntax
from fhirhub.search.criterion import Criterion
from fhirhub.search.filter import Filter, Within
from fhirhub.search.match import EARTH_RADIUS
from fhirhub.search.numeric import limits_of

DEFAULT_METRES: Final = 50_000.0
"""How far is near, where the client does not say."""
DEFAULT_UNITS: Final = "km"

_FARTHEST: Final = math.pi * EARTH_RADIUS
"""No two places are farther apart."""


def near(criterion: Criterion, text: str) -> Filter:
    """Return the filter of `latitude|longitude[|distance[|units]]`: degrees, and a UCUM unit of length.

    Raises FhirError: not of that form, no place on earth, not a distance.
    """
    name = criterion.name
    parts = [syntax.unescape(part) for part in syntax.split(name, text, "|")]
    if not 2 <= len(parts) <= 4:
        raise syntax.bad_value(name, f"{text!r} is not of the form latitude|longitude|distance|units.")
    latitude = _degrees(name, "latitude", parts[0], 90)
    longitude = _degrees(name, "longitude", parts[1], 180)
    if len(parts) == 2 or parts[2:] in ([""], ["", ""]):
        return Within(latitude, longitude, DEFAULT_METRES)
    distance = limits_of(name, parts[2]).value
    if distance < 0:
        raise syntax.bad_value(name, f"the distance {parts[2]} is negative.")
    return Within(latitude, longitude, _metres(name, distance, parts[3] if len(parts) == 4 else ""))


def _degrees(name: str, what: str, text: str, most: int) -> float:
    value = limits_of(name, text).value
    if abs(value) > most:
        raise syntax.bad_value(name, f"{text} is no {what}, which lies between -{most} and {most} degrees.")
    return float(value)


def _metres(name: str, distance: Decimal, units: str) -> float:
    try:
        metres = ucum.convert(distance, units or DEFAULT_UNITS, "m")
    except ucum.UcumError:
        raise syntax.bad_value(
            name, f"{units!r} is no UCUM unit of length; expected one as km (the default), m, [mi_i] or [nmi_i]."
        ) from None
    # Compared exactly first: a float cannot hold every number that a client can write.
    return float(metres) if metres < _FARTHEST else _FARTHEST
