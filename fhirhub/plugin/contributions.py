"""What plugins add to the server: operations, formats, channels, jobs, commands, pages.

https://hl7.org/fhir/R4/operations.html
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, Literal

from fhirhub.model.json import Json
from fhirhub.plugin.hub import Hub
from fhirhub.plugin.records import Interaction

NONE: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OperationCall:
    """One invocation of an operation, its parameters checked against the definition.

    Arguments:
        hub: acts for the agent of the request.
        interaction: the request.
        parameters: by name: a value as JSON has it (a text, number, boolean, or the JSON of a data type), a
            resource, a mapping of parts; a list of those where the definition says that there can be several. What
            was not sent is not there. Of a parameter of any type (`*`) the value is a mapping that names the type:
            `{"valueCode": "final"}`.
        resource_type, logical_id, version_id: what it was invoked on.
        query: where the operation takes search parameters: all that its definition does not have, as they were sent.
        cursor: where the operation answers in pages: what the link that was followed has as `_cursor`.
    """

    hub: Hub
    interaction: Interaction
    parameters: Mapping[str, Any] = field(default_factory=lambda: NONE)
    resource_type: str | None = None
    logical_id: str | None = None
    version_id: str | None = None
    query: tuple[tuple[str, str], ...] = ()
    cursor: str | None = None


OperationResult = Json | Mapping[str, Any] | None
"""A resource (with `resourceType`), or values by the name of out parameters, which become Parameters; None: no content.

A resource that is the only value and is named `return` is the answer itself."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation `$name`.

    Arguments:
        definition: an OperationDefinition: `code`, `system`, `type`, `instance`, `resource`, `affectsState` and
            `parameter` decide where it is found, how it can be invoked, and how parameters are read. One of R4 is
            `r4_operation("Patient-everything")`.
        run: answers; raises FhirError.
        transactional: whether it may be an entry of a transaction: what it writes is then part of that.
        search_parameters: whether it takes search parameters besides those of its definition: `OperationCall.query`.
        pages: whether it answers in pages, whose links have a parameter `_cursor`: `OperationCall.cursor`.
        of_versions: whether it can be invoked on a version, too, `Patient/1/_history/2/$name`.
        takes_invalid: whether resources among its parameters are handed over as they were sent, valid or not.
    """

    definition: Json
    run: Callable[[OperationCall], OperationResult]
    transactional: bool = False
    search_parameters: bool = False
    pages: bool = False
    of_versions: bool = False
    takes_invalid: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """A form of resources besides JSON and XML: a table, a picture, a document.

    It is given where `_format` or Accept names it, for whatever is read, searched or answered by an operation. Refusals
    stay in JSON, and so do answers of writes, which are refused before anything is written. What links a Bundle has
    are in the header `Link` (https://www.rfc-editor.org/rfc/rfc8288).

    Arguments:
        name: what `_format` may say for short; lower case letters, digits and hyphens.
        media_type: `text/csv`, without parameters; texts are in UTF-8.
        write: makes the bytes of a resource. Raises FhirError (NOT_ACCEPTABLE): this one has no such form.
        read: makes a resource, valid or not, of the body of a create, an update or an operation. Raises FhirError.
            None: bodies cannot be of this form.
    """

    name: str
    media_type: str
    write: Callable[[Json], bytes]
    read: Callable[[bytes], Json] | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """What a subscriber is told.

    Arguments:
        subscription: the Subscription, as it is now.
        resource_type, logical_id, version_id: the version that fulfils the criteria.
        resource: that version, where the Subscription asks for a payload.
    """

    subscription: Json
    resource_type: str
    logical_id: str
    version_id: str
    resource: Json | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A way on which subscribers are told. https://hl7.org/fhir/R4/subscription.html#channels

    Arguments:
        type: the code of `Subscription.channel.type`: rest-hook, websocket, email, sms or message.
        send: hands a notification over; what it raises has it tried again. It may be called more than once for one.
            The text of an FhirError comes into `Subscription.error`: nothing of a patient belongs into it.
        check: says what is wrong with a `Subscription.channel`, sentences by the name of its element.
    """

    type: str
    send: Callable[[Notification], None]
    check: Callable[[Json], Mapping[str, str]] = lambda channel: NONE


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job.

    Arguments:
        number: of the run.
        parameters: what it was scheduled with.
        attempt: counted from 1.
        hub: acts as the plugin.
        progress: tells how far it is, from 0 to 1, with a word for a person; raises `LeaseLost` when another worker
            has taken over.
    """

    number: str
    parameters: Mapping[str, Any]
    attempt: int
    hub: Hub
    progress: Callable[[float, str], None]


class LeaseLost(Exception):
    """This worker stood still for too long: another one does the work now. Let it pass."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that a worker does outside of any request.

    Arguments:
        name: unique within the plugin.
        run: does it; what it returns (plain JSON) is kept with the run. It may run more than once: after a crash it
            starts anew.
        schedule: a cron expression of five fields in the site's time zone; None: only when scheduled by
            `Hub.schedule`.
        attempts: how often it is tried before it is given up.
        timeout: after which its worker is taken to be dead and another one begins.
    """

    name: str
    run: Callable[[JobRun], Any]
    schedule: str | None = None
    attempts: int = 5
    timeout: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Command:
    """A command `fhirhub NAME`.

    Arguments:
        name: what follows `fhirhub`; lower case letters, digits and hyphens.
        help: one line.
        run: does it and returns the exit code; it may print.
        configure: adds arguments to the parser.
    """

    name: str
    help: str
    run: Callable[[argparse.Namespace, Hub], int]
    configure: Callable[[argparse.ArgumentParser], None] = lambda parser: None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request for a page: method, the path below the page's own, the query, a form or other body, who asks."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    form: tuple[tuple[str, str], ...]
    body: bytes
    hub: Hub


@dataclass(frozen=True, slots=True)
class PageResponse:
    """What is sent: bytes of a media type."""

    body: bytes
    status: int = 200
    media_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Page:
    """A page for people, at `/plugins/<plugin>/<path>`, outside of the FHIR base URL.

    Arguments:
        path: without slashes at its ends; empty for the plugin's first page. What is below it comes here, too.
        title: what links to it say.
        answer: makes it.
        methods: what it takes; HEAD comes with GET.
    """

    path: str
    title: str
    answer: Callable[[PageRequest], PageResponse]
    methods: Sequence[Literal["GET", "POST"]] = ("GET",)
