"""One parameter of a search with its value, chains included, as a filter.

https://hl7.org/fhir/R4/search.html#chaining, https://hl7.org/fhir/R4/search.html#has
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from fhirhub.errors import Failure, FhirError
from fhirhub.search import has, result_parameters
from fhirhub.search.chain import Inner, chained
from fhirhub.search.criterion import Criterion
from fhirhub.search.filter import Filter, all_of, any_of, leaves, none_of, related
from fhirhub.search.filter_expression import Combination, Comparison, Expression, Negation, Step, parse_expression
from fhirhub.search.filter_operators import compared
from fhirhub.search.predicates import MAX_COMPARISONS, predicate
from fhirhub.search.refusal import NotSearchableError, about, searchable
from fhirhub.search.site import Site
from fhirhub.search.syntax import bad_value, too_costly

FILTER: Final = "_filter"
NOT_SUPPORTED: Final = ("_query", "_score")
"""Parameters that are not there: named queries, and the rank of a match."""

MAX_STEPS: Final = 8
"""Most steps of one chain."""
_TOO_MANY_STEPS: Final = f"a chain has at most {MAX_STEPS} steps."
MAX_QUERIES: Final = 2_000
"""Most steps of all chains of a search: each may take a query; a reference to many types takes one for each type."""

_Leaf = Callable[[str, str], Filter]
"""Reads the end of a chain: a resource type, and the name of a parameter of it."""


class Terms:
    """Reads the parameters of one search, and counts what they will cost.

    Arguments:
        alone: whether the search is about one type only (`Criterion.alone`).
    """

    def __init__(self, site: Site, *, alone: bool) -> None:
        self._site = site
        self._alone = alone
        self._comparisons = 0
        self._queries = 0

    def read(self, resource_type: str, name: str, value: str) -> Filter:
        """Return the filter of `name=value`.

        Raises:
            NotSearchableError: the name, or one in its chain, is none of a parameter that can be searched by.
            FhirError: a modifier or value that is not understood, or more than may be asked for.
        """
        if name.count(".") > MAX_STEPS:
            raise too_costly(name, _TOO_MANY_STEPS)
        steps = tuple(Step(part) for part in name.split("."))
        try:
            # A chain can lead to several types.
            alone = self._alone and len(steps) == 1 and not name.startswith(has.PREFIX)
            return self._walk(resource_type, steps, lambda last, end: self._plain(last, end, value, alone))
        except FhirError as error:
            raise about(name, error) from None

    def _walk(self, resource_type: str, steps: tuple[Step, ...], leaf: _Leaf, depth: int = 0) -> Filter:
        if depth > MAX_STEPS:
            raise too_costly(steps[0].name, _TOO_MANY_STEPS)
        first, *others = steps
        if first.name.startswith(has.PREFIX):
            source, parameter, rest = has.split(first.name)
            inner = self._inner((Step(rest, first.condition), *others), None, leaf, depth)
            return has.reverse_chained(resource_type, source, parameter, self._site, inner)
        if others:
            rest = ".".join(step.name for step in others)
            inner = self._inner(tuple(others), first.condition, leaf, depth)
            return chained(resource_type, first.name, rest, self._site, inner)
        found = leaf(resource_type, first.name)
        self._comparisons += leaves(found)
        if self._comparisons > MAX_COMPARISONS:
            raise too_costly(first.name, f"the search takes more than {MAX_COMPARISONS} comparisons; split it.")
        if related(found):
            self._count_query(first.name)
        return found

    def _inner(self, steps: tuple[Step, ...], condition: Expression | None, leaf: _Leaf, depth: int) -> Inner:
        def read(resource_type: str) -> Filter:
            self._count_query(steps[0].name)
            found = self._walk(resource_type, steps, leaf, depth + 1)
            return found if condition is None else all_of([self._compiled(resource_type, condition, depth + 1), found])

        return read

    def _count_query(self, name: str) -> None:
        self._queries += 1
        if self._queries > MAX_QUERIES:
            text = f"the chains take more than {MAX_QUERIES} steps; name target types, as in subject:Patient.name."
            raise too_costly(name, text)

    def _plain(self, resource_type: str, name: str, value: str, alone: bool) -> Filter:
        code, colon, _ = name.partition(":")
        if code in NOT_SUPPORTED:
            raise NotSearchableError("it is not supported.")
        if code == "_has":
            raise NotSearchableError(has.FORM)
        if code in (has.LIST, FILTER):
            if colon:
                # Not passed over when lenient: no modifier is.
                raise FhirError(Failure.NOT_SUPPORTED, f"{code} takes no modifier.")
            if code == has.LIST:
                return has.listed(name, value)
            return self._compiled(resource_type, parse_expression(value), 0)
        parameter = searchable(resource_type, code, self._site, also=(has.LIST, FILTER, *result_parameters.NAMES))
        return predicate(Criterion(parameter, resource_type, _modifier(name), value, self._site, alone=alone))

    def _compiled(self, resource_type: str, expression: Expression, depth: int) -> Filter:
        match expression:
            case Combination(operator, parts):
                found = [self._compiled(resource_type, part, depth) for part in parts]
                return all_of(found) if operator == "and" else any_of(found)
            case Negation(part):
                return none_of(self._compiled(resource_type, part, depth))
            case Comparison():
                return self._tested(resource_type, expression, depth)

    def _tested(self, resource_type: str, comparison: Comparison, depth: int) -> Filter:
        def leaf(last: str, name: str) -> Filter:
            code = name.partition(":")[0]
            if code == has.LIST and comparison.operator in ("eq", "re"):
                return has.listed(name, comparison.value)
            parameter = searchable(last, code, self._site)
            return compared(parameter, last, _modifier(name), comparison.operator, comparison.value, self._site)

        where = f"at character {comparison.position}, {'.'.join(step.name for step in comparison.path)}"
        try:
            return self._walk(resource_type, comparison.path, leaf, depth)
        except NotSearchableError as error:
            raise NotSearchableError(f"{where}: ", partial(str, error)) from None
        except FhirError as error:
            raise about(FILTER, error, where) from None


def _modifier(name: str) -> str | None:
    _, colon, modifier = name.partition(":")
    if colon and not modifier:
        raise bad_value(name, "a modifier is missing after the colon.")
    return modifier or None
