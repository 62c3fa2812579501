"""What hooks are told: frozen records.

https://hl7.org/fhir/R4/http.html
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from fhirhub.model.agent import ANONYMOUS, Agent
from fhirhub.model.json import Json
from fhirhub.model.request import Within

ChangeKind = Literal["create", "update", "patch", "delete"]


@dataclass(frozen=True, slots=True)
class Interaction:
    """What is asked for: one interaction, wherever it comes from (HTTP, an entry of a Bundle, a load, a plugin).

    Arguments:
        code: `read`, `vread`, `update`, `patch`, `delete`, `create`, `search-type`, `history-instance`, `operation`,
            ...: https://hl7.org/fhir/R4/valueset-restful-interaction.html
        method: the HTTP method, upper case.
        resource_type, logical_id, version_id: what it is about, where the URL tells. Of a create there is no id yet.
        operation: the name with its dollar sign, where it is one.
        query: the parameters of the URL and of a form, in their order.
        agent: who asks.
        request_id: the id that the logs carry.
        within: the kind of Bundle it is an entry of.
    """

    code: str
    method: str
    resource_type: str | None = None
    logical_id: str | None = None
    version_id: str | None = None
    operation: str | None = None
    query: tuple[tuple[str, str], ...] = ()
    agent: Agent = ANONYMOUS
    request_id: str = ""
    within: Within | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """An interaction that is over.

    Arguments:
        interaction: what was asked for.
        status: the HTTP status of the answer.
        seconds: how long it took.
        resource_type, logical_id, version_id: what it read or wrote, where that is one resource.
    """

    interaction: Interaction
    status: int
    seconds: float
    resource_type: str | None = None
    logical_id: str | None = None
    version_id: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One version of a resource that has been committed.

    Arguments:
        kind: which interaction made it.
        resource_type, logical_id: the resource.
        version: counted from 1, deletions included.
        at: when it was made (`meta.lastUpdated`), in UTC.
        resource: the version itself; None: a deletion. It is a copy: changing it changes nothing.
        attempt: 1 for the first delivery to this plugin; higher after it failed.
    """

    kind: ChangeKind
    resource_type: str
    logical_id: str
    version: int
    at: datetime
    resource: Json | None
    attempt: int = 1

    @property
    def reference(self) -> str:
        """The resource as a relative reference, `Patient/1`."""
        return f"{self.resource_type}/{self.logical_id}"
