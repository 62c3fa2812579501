"""What a plugin can do with the server: the hub, bound to the agent it acts for.

Everything takes the way of a request: the same authorization, hooks, validation and errors.
https://hl7.org/fhir/R4/http.html
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Protocol

from fhirhub.errors import Issue
from fhirhub.model.agent import Agent
from fhirhub.model.json import Json

if TYPE_CHECKING:
    from fhirhub.plugin.contributions import Channel

Query = str | Sequence[tuple[str, str]]
"""Search parameters: `code=http://loinc.org|8480-6&date=ge2020`, or names and values that need no escaping for
URLs."""


class Reader(Protocol):
    """The half of the hub that changes nothing; what checks and shapes get. No hook is called for what they read.

    Within a transaction `read` sees what that has written so far; searches find what was there before it.
    """

    @property
    def agent(self) -> Agent:
        """Who acts."""

    @property
    def settings(self) -> Any:
        """The settings of the plugin, as its schema loads them; an empty mapping without a schema."""

    @property
    def base_url(self) -> str:
        """The public base URL, without a slash at its end."""

    @property
    def channels(self) -> "Mapping[str, Channel]":
        """The channels of Subscriptions that plugins have registered, by their type."""

    @property
    def zone(self) -> tzinfo:
        """The time zone of the site: where dates are, and times that name none."""

    def now(self) -> datetime:
        """Return the time, in UTC; tests give another clock."""

    def read(self, resource_type: str, logical_id: str, version_id: str | None = None) -> Json | None:
        """Return a resource, None where there is none (never was, is deleted, or may not be seen)."""

    def search(self, resource_type: str, query: Query = ()) -> Iterator[Json]:
        """Yield all matches, page after page, in the order of the search; what is included comes too.

        Arguments:
            resource_type: or a compartment, `Patient/1/Observation`, `Patient/1/*`; empty: all types.

        Raises FhirError: what a client would be told.
        """

    def page(self, resource_type: str, query: Query = ()) -> Json:
        """Return one page of a search: the Bundle that a client would get, with its links.

        The page behind its link `next` is found with the query of that link.

        Arguments:
            resource_type: as for `search`.

        Raises FhirError: what a client would be told.
        """

    def one_of_each(self, resource_type: str, parameter: str) -> Iterator[Json]:
        """Yield resources that have between them every value that is in use; none comes twice.

        What it costs is told by the number of values, and not by that of resources.

        Arguments:
            resource_type: empty: all types.
            parameter: a search parameter of type token, string, reference or uri, such as `_tag`.

        Raises FhirError: there is no such parameter, or too many values are in use (2,000 of a type).
        """

    def count(self, resource_type: str, query: Query = ()) -> int:
        """Return the exact number of matches. Raises FhirError."""

    def history(self, resource_type: str, logical_id: str) -> Iterator[Json]:
        """Yield the versions of a resource, the newest first, deletions left out."""

    def validate(self, resource: Json, logical_id: str | None = None) -> list[Issue]:
        """Return what is wrong with a resource, as a write would find it; errors and warnings.

        Arguments:
            logical_id: of the resource that an update would change; None: a create.
        """


class Hub(Reader, Protocol):
    """All of it; what operations, jobs, pages and observers of changes get."""

    def create(self, resource: Json, if_none_exist: str | None = None) -> Json:
        """Store a resource under a new id and return it as stored.

        Arguments:
            if_none_exist: search parameters; where they find one resource, that is returned instead.

        Raises FhirError: what a client would be told.
        """

    def update(self, resource: Json, if_match: str | None = None) -> Json:
        """Store a resource under its id and return it as stored. The same content makes no version.

        Arguments:
            if_match: the version id it must have had.

        Raises FhirError: 412 where another version is current.
        """

    def patch(self, resource_type: str, logical_id: str, patch: Any, if_match: str | None = None) -> Json:
        """Apply a JSON Patch (a list), JSON Merge Patch (mapping) or FHIRPath Patch (Parameters). Raises FhirError."""

    def delete(self, resource_type: str, logical_id: str) -> None:
        """Delete a resource; one that is not there is no error."""

    def transaction(self, entries: Sequence[Json]) -> list[Json]:
        """Run entries as one transaction and return the entries of the response.

        Arguments:
            entries: as `Bundle.entry` has them: `fullUrl`, `resource`, `request`.

        Raises FhirError naming the entries that made it fail; then nothing has changed.
        """

    def operation(self, path: str, parameters: Json | None = None) -> Json | None:
        """Run an operation (`Patient/1/$everything`, `$validate`) and return its resource.

        Arguments:
            parameters: the Parameters resource to send, or the resource where the operation takes one.

        Raises FhirError.
        """

    def schedule(
        self,
        job: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        at: datetime | None = None,
    ) -> str:
        """Have a job of this plugin done by a worker, and return the number of the run.

        Arguments:
            job: its name.
            parameters: plain JSON for it.
            key: while one with the same key is waiting, there is no second: its number is returned.
            at: not before; None: at once.
        """

    def as_model(self, resource: Json) -> Any:
        """Return a resource as an object of `fhir.resources.R4B`, for authors who like types.

        Raises RuntimeError where the package is not installed, ValueError where it refuses the resource.
        """

    def from_model(self, model: Any) -> Json:
        """Return the resource of such an object. Decimals keep their digits as far as the model has them."""
