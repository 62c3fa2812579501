"""Operations as R4 defines them.

https://hl7.org/fhir/R4/operationdefinition.html
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class OperationParameter:
    """One in or out parameter; `type` is None when it consists of `parts`."""

    name: str
    use: Literal["in", "out"]
    min: int
    max: int | None
    type: str | None
    search_type: str | None
    target_profiles: tuple[str, ...]
    parts: tuple["OperationParameter", ...]
    documentation: str


@dataclass(frozen=True, slots=True)
class OperationDefinition:
    """One `$code` operation and the levels it can be called at."""

    url: str
    code: str
    name: str
    affects_state: bool
    resource: tuple[str, ...]
    system: bool
    type: bool
    instance: bool
    parameters: tuple[OperationParameter, ...]
    description: str
