"""Prints docs/conformance.md, or puts it there: `python -m tests.search.conformance_page [--write]`."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import get_args

from fhirhub.definitions import SearchParameterType, r4
from fhirhub.search.predicates import MODIFIERS, is_supported

from . import conformance_claims as claims
from .conformance_claims import Claim
from .specification_lines import PAGE

PROJECT = Path(__file__).parent.parent.parent
TARGET = PROJECT / "docs" / "conformance.md"
UNSEEN = Path(__file__).parent / "unseen_parameters.txt"

HEAD = """\
# Conformance: search

What this server does of <https://hl7.org/fhir/R4/search.html>, with the tests that show it. This page is made by
`python -m tests.search.conformance_page --write` from the tables of the code and the registry of proofs; a test holds
it to both. What is not listed is not done.
"""


def page() -> str:
    """Return the page."""
    return "\n".join([HEAD, *_types(), *_modifiers(), *_tables(), *_parameters(), *_examples()])


def all_claims() -> Iterator[tuple[str, Claim]]:
    """Every claim with the name of what it is about."""
    tables = (claims.TYPES, claims.MODIFIERS, claims.PREFIXES, claims.RESULTS, claims.FOR_ALL, claims.WHERE)
    for table in tables:
        yield from table.items()


def unsupported() -> dict[str, list[str]]:
    """Types of resources by the code of a parameter that cannot be searched by."""
    found: dict[str, list[str]] = {}
    for resource_type in r4().resource_types:
        for parameter in r4().search_parameters(resource_type).values():
            if parameter.code not in claims.FOR_ALL and not is_supported(parameter, resource_type):
                found.setdefault(parameter.code, []).append(resource_type)
    return found


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    columns = list(head)
    yield "| " + " | ".join(columns) + " |"
    yield "|" + " --- |" * len(columns)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


def _claimed(title: str, head: str, table: Mapping[str, Claim], *, code: bool = True) -> Iterator[str]:
    yield from (f"## {title}", "")
    rows = ((f"`{name}`" if code else name, each.answer, each.how, _proofs(each)) for name, each in table.items())
    yield from _table((head, "", "how", "shown by"), rows)


def _proofs(claim: Claim) -> str:
    files = dict.fromkeys(proof.partition("::")[0].rpartition("/")[2].removesuffix(".py") for proof in claim.proofs)
    return ", ".join(f"`{name}`" for name in files)


def _types() -> Iterator[str]:
    known = dict.fromkeys(get_args(SearchParameterType), 0)
    searched = dict(known)
    for resource_type in r4().resource_types:
        for parameter in r4().search_parameters(resource_type).values():
            known[parameter.type] += 1
            unhandled = parameter.code not in claims.FOR_ALL and not is_supported(parameter, resource_type)
            searched[parameter.type] += not unhandled and bool(claims.FOR_ALL.get(parameter.code, _SOME).proofs)
    yield from (
        "## Types of parameters",
        "",
        "Counted by type of resource and code, those for all resources included.",
        "",
    )
    rows = (
        (f"`{name}`", f"{searched[name]:,} of {known[name]:,}", claim.how, _proofs(claim))
        for name, claim in claims.TYPES.items()
    )
    yield from _table(("type", "searchable", "how", "shown by"), rows)


_SOME = Claim("", ("",))


def _modifiers() -> Iterator[str]:
    yield from (
        "## Modifiers",
        "",
        "Which types take which; a dash: refused. Where a modifier has no meaning for what a parameter finds, it is",
        "refused as well: a gender has no text.",
        "",
    )
    types = [name for name in claims.TYPES if name != "special"]

    def row(name: str, claim: Claim) -> list[str]:
        takes = [
            name in MODIFIERS[each] or (name == "[type]" and each == "reference")
            for each in get_args(SearchParameterType)
            if each in types
        ]
        marks = dict(zip((each for each in get_args(SearchParameterType) if each in types), takes, strict=True))
        return [f"`:{name}`", *("yes" if marks[each] else "–" for each in types), claim.how]

    yield from _table(("modifier", *types, "how"), (row(name, claim) for name, claim in claims.MODIFIERS.items()))


def _tables() -> Iterator[str]:
    yield from _claimed("Prefixes of numbers, quantities and dates", "prefix", claims.PREFIXES)
    yield from _claimed("Parameters that shape the result", "parameter", claims.RESULTS)
    yield from _claimed("Parameters of all types, and special ones", "parameter", claims.FOR_ALL)
    yield from _claimed("Where and how", "", claims.WHERE, code=False)


def _parameters() -> Iterator[str]:
    yield from ("## Parameters of R4 that cannot be searched by", "")
    yield from ("They are refused by name; R4 gives them no expression that says where their values stand.", "")
    rows = ((f"`{code}`", ", ".join(types)) for code, types in sorted(unsupported().items()))
    yield from _table(("parameter", "of"), rows)


def _examples() -> Iterator[str]:
    unseen = UNSEEN.read_text().splitlines()
    lines = sum(map(len, PAGE.values()))
    changed = sum(line.sent is not None for of in PAGE.values() for line in of)
    yield from ("## What the tests search", "")
    yield f"- {lines} searches of the specification's pages, among a few resources, by equality of what is found;"
    yield f"  {changed} of them changed, mostly where a page uses names that R4 does not define, each with its reason."
    yield "- Every value of every official R4 example, as a search that has to find its resource."
    yield f"  {len(unseen)} parameters have no value in any example: `tests/search/unseen_parameters.txt`."
    yield "- Random searches over random resources, by comparison of MongoDB's answer with `search.match`."
    yield ""


def main() -> None:
    if "--write" in sys.argv[1:]:
        TARGET.write_text(page())
    else:
        sys.stdout.write(page())


if __name__ == "__main__":
    main()
