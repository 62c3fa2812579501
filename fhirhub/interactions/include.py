"""`_include` and `_revinclude`: the resources around those of a page.

https://hl7.org/fhir/R4/search.html#include

They are found round by round, with one query per type and round: first what the matches lead to, then, for parameters
with `:iterate`, what was included in the round before leads to.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Final

from fhirhub.definitions import r4
from fhirhub.errors import Failure, Issue
from fhirhub.interactions.bundle import Entry, matched
from fhirhub.interactions.call import Call
from fhirhub.interactions.subset import subset
from fhirhub.model.reference import is_logical_id
from fhirhub.model.request import FhirRequest
from fhirhub.search.filter import Filter, IdIn, TokenIs, any_of
from fhirhub.search.includes import Include, references
from fhirhub.search.parse import SearchQuery
from fhirhub.search.site import Site
from fhirhub.search.targets import targets
from fhirhub.store.canonical import Canonical, canonical_of, named, refers_by_canonical
from fhirhub.store.links import Linked, Links
from fhirhub.store.stored import Stored

MAX_INCLUDED: Final = 1_000
"""Most resources that are included with one page."""


def included(rows: Sequence[Stored], query: SearchQuery, call: Call) -> tuple[list[Entry], list[Issue]]:
    """Return what `query.includes` asks for besides the matches of one page.

    Arguments:
        rows: the matches of the page, and no further row.

    Returns the entries (mode include; none of them a match of the page, none twice), and a warning where the page was
    left incomplete since it would have become too large. A query without includes asks nothing of the database.

    Raises FhirError: the database failed, or took longer than allowed.
    """
    if not query.includes or not rows:
        return [], []
    search = _Search(query.includes, rows, call.find.links(), call.site)
    complete = search.run()
    shape = FhirRequest("GET", (), (("_summary", query.summary),) if query.summary else ())
    entries = [matched(each, subset(each, shape), call.base_url, "include") for each in search.found]
    return entries, [] if complete else [_incomplete()]


def _incomplete() -> Issue:
    return Issue(
        "warning",
        Failure.TOO_COSTLY.issue_code,
        f"Only the first {MAX_INCLUDED} resources that _include and _revinclude ask for are in this page, there are "
        "more; ask for a smaller page (_count) or include less.",
        ("http._include", "http._revinclude"),
    )


class _Search:
    """The rounds of one page."""

    def __init__(self, includes: Iterable[Include], rows: Sequence[Stored], links: Links, site: Site) -> None:
        self.found: list[Stored] = []
        self._includes = tuple(includes)
        self._rows = rows
        self._links = links
        self._site = site
        self._seen: dict[str, set[str]] = defaultdict(set)
        self._full = False

    def run(self) -> bool:
        """Find everything; return whether nothing had to be left out."""
        for row in self._rows:
            self._seen[row.resource_type].add(row.logical_id)
        level = self._matches()
        includes = self._includes
        while level and includes:
            level = self._around(level, includes)
            if self._full:
                return False
            includes = tuple(each for each in includes if each.iterate)
        return True

    def _matches(self) -> list[Linked]:
        by_type: dict[str, list[Stored]] = defaultdict(list)
        for row in self._rows:
            by_type[row.resource_type].append(row)
        level = []
        for resource_type, rows in by_type.items():
            tokens = self._links.tokens(resource_type, [row.logical_id for row in rows])
            level += [Linked(row, tokens.get(row.logical_id, ())) for row in rows]
        return level

    def _around(self, level: list[Linked], includes: tuple[Include, ...]) -> list[Linked]:
        """Return what is new around the resources of a level."""
        ahead: dict[str, set[str]] = defaultdict(set)
        canonicals: dict[str, set[Canonical]] = defaultdict(set)
        behind: dict[str, set[str]] = defaultdict(set)
        by_url: dict[str, list[tuple[str, Canonical]]] = defaultdict(list)
        for linked in level:
            own = linked.stored.resource_type
            for include in includes:
                if include.reverse:
                    self._look_behind(linked, include, behind, by_url)
                elif include.source_type in (None, own):
                    self._look_ahead(linked, include, ahead, canonicals)
        new: list[Linked] = []
        for name, ids in ahead.items():
            new += self._fetch(name, IdIn(frozenset(ids)))
        for name, urls in canonicals.items():
            new += self._fetch(name, any_of(each.found() for each in urls))
        for name, keys in behind.items():
            new += self._fetch(name, any_of(map(TokenIs, sorted(keys))))
        for name, wanted in by_url.items():
            new += self._fetch(name, any_of(each.referred(code) for code, each in wanted))
        return new

    def _look_ahead(
        self, linked: Linked, include: Include, ahead: dict[str, set[str]], canonicals: dict[str, set[Canonical]]
    ) -> None:
        own = linked.stored.resource_type
        codes = [include.parameter] if include.parameter is not None else references(own, self._site)
        for code in codes:
            link = f"{code}="
            held = [token for token in linked.tokens if token.startswith(link)]
            for token in held:
                name, slash, logical_id = token.removeprefix(link).partition("/")
                if not slash or not r4().is_resource_type(name) or not is_logical_id(logical_id):
                    continue
                if include.target_type in (None, name) and logical_id not in self._seen[name]:
                    ahead[name].add(logical_id)
            for each in named(held, link):
                for name in self._named_types(own, code, include):
                    canonicals[name].add(each)

    def _named_types(self, own: str, code: str, include: Include) -> Iterator[str]:
        parameter = self._site.parameters.of(own)[code]
        for name in targets(parameter, own):
            if include.target_type in (None, name) and name in self._in_use and refers_by_canonical(own, code, name):
                yield name

    def _look_behind(
        self,
        linked: Linked,
        include: Include,
        behind: dict[str, set[str]],
        by_url: dict[str, list[tuple[str, Canonical]]],
    ) -> None:
        own = linked.stored.resource_type
        if include.target_type not in (None, own):
            return
        for name in self._in_use if include.source_type is None else (include.source_type,):
            known = references(name, self._site)
            for code in known if include.parameter is None else (include.parameter,):
                if own not in targets(known[code], name):
                    continue
                behind[name].add(f"{code}={own}/{linked.stored.logical_id}")
                if refers_by_canonical(name, code, own) and (canonical := canonical_of(linked.tokens)).url is not None:
                    by_url[name].append((code, canonical))

    @cached_property
    def _in_use(self) -> tuple[str, ...]:
        return tuple(self._links.types())

    def _fetch(self, resource_type: str, filter: Filter) -> list[Linked]:
        """Return what is new among the resources of a type that match, as far as there is room for it."""
        if self._full:
            return []
        seen = self._seen[resource_type]
        room = MAX_INCLUDED - len(self.found)
        # What is known already may be found again, before anything that is new.
        rows = self._links.find(resource_type, filter, limit=room + 1 + len(seen))
        new = [row for row in rows if row.stored.logical_id not in seen]
        if len(new) > room:
            self._full = True
            new = new[:room]
        seen.update(row.stored.logical_id for row in new)
        self.found += [row.stored for row in new]
        return new
