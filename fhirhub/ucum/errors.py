"""What can be wrong with a unit code or a conversion.

https://ucum.org/ucum#section-Grammar-of-Units-and-Unit-Terms
"""


class UcumError(ValueError):
    """A text is no unit code, or a number cannot be converted.

    `position` counts the characters of the code from 0; None when no place in a code is at fault.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message if position is None else f"{message} (at character {position})")
        self.position = position
