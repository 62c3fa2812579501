"""Tangent and arc tangent of decimals, to the digits of the current context.

https://ucum.org/ucum#section-Special-Units-on-non-ratio-Scales (prism diopter, percent of slope)
"""

from decimal import Decimal
from typing import Final

_PI: Final = Decimal("3.1415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253421")
_HALVINGS: Final = 4


def tangent(angle: Decimal) -> Decimal:
    """Return the tangent of an angle in radians; digits are lost as it grows."""
    angle -= _PI * (angle / _PI).to_integral_value()
    return _series(angle, angle, 1) / _series(Decimal(1), angle, 0)


def _series(term: Decimal, angle: Decimal, n: int) -> Decimal:
    """Return the sum of the Taylor series of sine or cosine, which starts with `term`, the one of degree `n`."""
    total = Decimal(0)
    while total + term != total:
        total += term
        term *= -angle * angle / ((n + 1) * (n + 2))
        n += 2
    return total


def arc_tangent(ratio: Decimal) -> Decimal:
    """Return the angle in radians, between -π/2 and π/2, whose tangent is `ratio`."""
    if abs(ratio) > 1:
        return (_PI / 2).copy_sign(ratio) - arc_tangent(1 / ratio)
    for _ in range(_HALVINGS):
        ratio /= 1 + (1 + ratio * ratio).sqrt()
    total, power, divisor = Decimal(0), ratio, 1
    while total + power / divisor != total:
        total += power / divisor
        power *= -ratio * ratio
        divisor += 2
    return total * 2**_HALVINGS
