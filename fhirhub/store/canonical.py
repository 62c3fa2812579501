"""Canonical references: a resource named by its `url` and maybe its `version`, as index tokens tell.

https://hl7.org/fhir/R4/references.html#canonical

A reference that names no version leads to every version there is. A URL too long for its token cannot be followed.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from fhirhub.definitions import r4
from fhirhub.search import keys
from fhirhub.search.filter import Filter, TokenIs, TokenStartsWith, all_of, any_of, none_of
from fhirhub.search.targets import holds_canonicals


@cache
def refers_by_canonical(source_type: str, parameter: str, target_type: str) -> bool:
    """Whether a reference parameter of a type may lead to resources of another by their canonical URL."""
    if "url" not in r4().search_parameters(target_type):
        return False
    known = r4().search_parameters(source_type).get(parameter)
    # Of parameters that are not of R4 nothing is known here.
    return known is None or holds_canonicals(known, source_type)


def canonical_of(tokens: Iterable[str]) -> "Canonical":
    """Return what a resource is named by, from its tokens of the parameters `url` and `version`."""
    urls, versions = [], []
    for token in tokens:
        code, _, value = token.partition("=")
        if code == "url" and (url := keys.unescape(value)):
            urls.append(url)
        elif code == "version" and (version := keys.unescape(value.partition("|")[0])):
            versions.append(version)
    return Canonical(urls[0] if urls else None, versions[0] if versions else None)


@dataclass(frozen=True, slots=True)
class Canonical:
    """A URL and a version; None where there is none, or none that can be told."""

    url: str | None
    version: str | None

    def tokens(self, parameter: str) -> list[str]:
        """Return the tokens of a reference parameter that may lead here."""
        if self.url is None:
            return []
        exact = [f"{parameter}={keys.whole(f'{self.url}|{self.version}')}"] if self.version else []
        return [f"{parameter}={keys.whole(self.url)}", *exact]

    def referred(self, parameter: str) -> Filter:
        """Return the filter of what refers here: by URL and version, or by URL and no version."""
        found = [TokenIs(key) for key in self.tokens(parameter)]
        if not found:
            return any_of([])
        plain, *exact = found
        return any_of([*exact, all_of([plain, none_of(TokenStartsWith(f"{plain.key}{keys.BAR}"))])])

    def found(self) -> Filter:
        """Return the filter of the resources this names; without a version, of all versions."""
        if self.url is None:
            return any_of([])
        version = [] if self.version is None else [TokenStartsWith(f"version={keys.whole(self.version)}|")]
        return all_of([TokenIs(f"url={keys.uri_key(self.url)}"), *version])


def named(tokens: Iterable[str], link: str) -> list[Canonical]:
    """Return the canonicals among the tokens of a reference parameter; `link` is its `code=`."""
    versions: dict[str, set[str | None]] = defaultdict(set)
    for token in tokens:
        if token.startswith(link) and (text := keys.unescape(token.removeprefix(link))) and ":" in text:
            url, bar, version = text.partition("|")
            versions[url].add(version if bar else None)
    found: list[Canonical] = []
    for url, stated in versions.items():
        exact = sorted(version for version in stated if version is not None)
        # The token without version is there, too, where the reference has one.
        found += [Canonical(url, version) for version in exact] or [Canonical(url, None)]
    return found
