"""What an interaction works with: the database, the clock, the site's rules, and the change it is part of.

https://hl7.org/fhir/R4/http.html
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from fhirhub.errors import Issue
from fhirhub.hooks.dispatch import Hooks
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.operations.registry import Registry
from fhirhub.plugin import Channel, Format
from fhirhub.search.site import Site
from fhirhub.store.commit import Commits
from fhirhub.store.find import Find
from fhirhub.store.jobs import Jobs
from fhirhub.store.reindex_queue import ReindexQueue
from fhirhub.store.search_parameters import Registry as AddedParameters
from fhirhub.store.stored import Stored
from fhirhub.store.unit_of_work import Key, Unit

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the site decides.

    Arguments:
        update_create: whether PUT may create a resource under the client's id.
        default_count, max_count: rows of a page when the client does not say, and at most.
        max_bundle_entries: most entries of one batch or transaction.
        batch_threads: how many entries of a batch are worked on at a time.
        explain: whether a search may be explained: in the open development mode whoever asks is an administrator.
    """

    update_create: bool = True
    default_count: int = 20
    max_count: int = 1000
    max_bundle_entries: int = 20_000
    batch_threads: int = 8
    explain: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """The surroundings of one interaction.

    Arguments:
        site: the server as search sees it: base URL, search parameters, time zone.
        find, commits: the database.
        added, reindex: the search parameters beyond R4, and the making of index entries anew.
        rules: what the site decides.
        new_id: makes the logical id of a new resource.
        dispatch: runs another request the way this one is run (bundle entries, conditional interactions).
        examine: finds what is wrong with the resource of a request that would write it.
        hooks, operations, jobs: what plugins take part in, what they answer, and what workers do for them.
        formats: in which forms answers can be besides JSON and XML, with the names of their plugins.
        channels: on which subscribers are told, by type.
        unit: the transaction this call is part of; None: the interaction commits its own change.
    """

    site: Site
    find: Find
    commits: Commits
    added: AddedParameters
    reindex: ReindexQueue
    rules: Rules
    new_id: Callable[[], str]
    dispatch: "Callable[[FhirRequest, Call], FhirResponse]"
    examine: "Callable[[FhirRequest, Call], list[Issue]]"
    hooks: Hooks
    operations: Registry
    jobs: Jobs
    formats: Sequence[tuple[str, Format]] = ()
    channels: Mapping[str, Channel] = field(default_factory=dict)
    unit: Unit | None = None

    @property
    def base_url(self) -> str:
        """The public base URL, without a slash at the end."""
        return self.site.base_url

    @property
    def now(self) -> Callable[[], datetime]:
        """The wall clock."""
        return self.site.now

    def current(self, resource_type: str, logical_id: str) -> Stored | None:
        """Return the newest version (a deletion too), as seen from inside the transaction when there is one."""
        if self.unit is not None:
            return self.unit.current(resource_type, logical_id)
        return self.find.current(resource_type, logical_id)

    def change(self, act: Callable[[Unit], Result], *, types: Iterable[str], reads: Iterable[Key] = ()) -> Result:
        """Run a change: inside the transaction this call is part of, else in a commit of its own (`Commits.run`)."""
        if self.unit is not None:
            return act(self.unit)
        return self.commits.run(act, types=types, reads=reads)

    def within(self, unit: Unit) -> "Call":
        """Return this call as part of a transaction."""
        return replace(self, unit=unit)
