"""Who asks for something.

https://hl7.org/fhir/R4/provenance.html#agent
"""

from dataclasses import dataclass
from typing import Final, Literal

AgentKind = Literal["anonymous", "user", "client", "plugin", "system"]


@dataclass(frozen=True, slots=True)
class Agent:
    """Who asks for something.

    Arguments:
        kind: `plugin` for a plugin's own writes, `system` for the server's (loading, jobs of the operator).
        name: of a plugin its name, of a user or client its id; of an anonymous agent and the system the kind.
        reference: the resource that stands for the agent (`Practitioner/1`), where there is one.
    """

    kind: AgentKind
    name: str
    reference: str | None = None

    @property
    def is_inside(self) -> bool:
        """Whether it is a part of this server, which sees resources as they are stored."""
        return self.kind in ("plugin", "system")


ANONYMOUS: Final = Agent("anonymous", "anonymous")
"""Everybody, in the open development mode."""
SYSTEM: Final = Agent("system", "system")
