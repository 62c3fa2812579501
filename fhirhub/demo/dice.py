"""Random draws that are the same on every Python version and platform.

Only `Random.random()` seeded with an int is promised to keep its sequence, so every other draw is made from it with
plain arithmetic; the normal distribution is the sum of twelve uniforms (no logarithm whose last digit differs between
C libraries).
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """One stream of draws. Streams of different (seed, number, purpose) do not influence each other."""

    __slots__ = ("_random",)

    def __init__(self, seed: int, number: int = 0, purpose: int = 0) -> None:
        self._random = Random((abs(seed) << 64) | (number << 8) | purpose).random

    def chance(self, probability: float) -> bool:
        """True with the given probability (0 to 1)."""
        return self._random() < probability

    def uniform(self, low: float, high: float) -> float:
        """A number from low up to, not including, high."""
        return low + (high - low) * self._random()

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices, each as likely."""
        return choices[int(self._random() * len(choices))]

    def pick_early(self, choices: Sequence[T]) -> T:
        """One of the choices, those at the front far more often (as with surnames)."""
        draw = self._random()
        return choices[int(draw * draw * len(choices))]

    def normal(self, mean: float = 0.0, deviation: float = 1.0) -> float:
        """About normally distributed, never further than six deviations from the mean."""
        draw = self._random
        total = (
            draw() + draw() + draw() + draw() + draw() + draw() + draw() + draw() + draw() + draw() + draw() + draw()
        )
        return mean + deviation * (total - 6.0)
