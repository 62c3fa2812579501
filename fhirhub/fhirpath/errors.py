"""What can go wrong with an expression.

http://hl7.org/fhirpath/N1/#expressions
"""


class FhirPathError(Exception):
    """An expression cannot be evaluated on what it was given."""


class FhirPathSyntaxError(FhirPathError):
    """A text is no FHIRPath expression; `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at character {position})")
        self.position = position


class FhirPathTypeError(FhirPathError):
    """An expression is well-formed, but what it says cannot hold for the types it names; found when it is compiled."""
