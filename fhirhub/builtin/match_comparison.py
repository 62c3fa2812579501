"""Two persons compared, element by element, and the score that comes of it.

https://hl7.org/fhir/R4/patient-operation-match.html; I. P. Fellegi and A. B. Sunter, as in the table of weights.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final, Literal

from fhirhub.builtin.match_likeness import is_edit_apart, likeness
from fhirhub.builtin.match_person import Name, Person, is_han
from fhirhub.builtin.match_weights import (
    CERTAIN,
    POSSIBLE,
    PRIOR,
    PROBABLE,
    WITH_CONFLICT,
    WITH_TWO_NUMBERS,
    WITHOUT_PROOF,
    Outcome,
    weight,
)

Grade = Literal["certain", "probable", "possible", "certainly-not"]
"""https://hl7.org/fhir/R4/valueset-match-grade.html"""

_ALIKE: Final = 0.92
"""Names that are at least as alike as this are taken for misspelt."""
_ADDRESS: Final = 8
"""Characters of an address that is more than a town."""
_STEP: Final = Decimal("0.0001")
_PRECISION: Final = Context(prec=30)
_LASTING: Final = ("residentNumber", "given", "family", "birthDate", "gender", "multipleBirth")
"""What two records of one person do not differ in, but for mistakes and, of family names, marriage."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of comparing one element, and what that weighs."""

    element: str
    outcome: Outcome
    weight: Decimal


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing two persons."""

    findings: tuple[Finding, ...]

    @property
    def score(self) -> Decimal:
        """The probability that they are one, from 0 to 1, four digits, never rounded up."""
        bits = PRIOR + sum(each.weight for each in self.findings)
        odds = _PRECISION.power(Decimal(2), bits)
        found = _PRECISION.divide(odds, odds + 1).quantize(_STEP, ROUND_FLOOR)
        if self._is("residentNumber", "disagrees"):
            return min(found, WITH_TWO_NUMBERS)
        if self.conflicts:
            return min(found, WITH_CONFLICT)
        return found if self.is_identified else min(found, WITHOUT_PROOF)

    @property
    def conflicts(self) -> tuple[str, ...]:
        """The elements that keep the match from being certain, whatever agrees."""
        return tuple(
            each.element
            for each in self.findings
            if each.element in _LASTING and each.outcome in ("disagrees", "close")
        )

    @property
    def grade(self) -> Grade | None:
        """The grade; None: no match. Certainly not is only who would otherwise be taken for the same person."""
        if self._is("residentNumber", "disagrees"):
            bits = PRIOR + sum(each.weight for each in self.findings if each.element != "residentNumber")
            return "certainly-not" if bits > 0 else None
        if self.score >= CERTAIN:
            return "certain"
        if self.score >= PROBABLE:
            return "probable"
        return "possible" if self.score >= POSSIBLE else None

    @property
    def is_identified(self) -> bool:
        """Whether more agrees than what two people can well have in common."""
        named = self._is("family", "agrees") and self._is("given", "agrees")
        born = self._is("birthDate", "agrees")
        if self._is("residentNumber", "agrees"):
            return True
        if self._is("identifier", "agrees"):
            return born or named
        beside = any(self._is(name, "agrees") for name in ("phone", "email", "address"))
        return named and born and beside and self._is("gender", "agrees")

    def _is(self, element: str, outcome: Outcome) -> bool:
        return any(each.element == element and each.outcome == outcome for each in self.findings)


def compare(asked: Person, found: Person) -> Comparison:
    """Return what comes of comparing two persons; what one of them does not tell weighs nothing."""
    number = _residents(asked, found)
    # The number already tells birth date and sex: where it agrees, they do not count once more.
    known = asked.implied | found.implied if number == "agrees" else frozenset()
    family, given = _best_names(asked.names, found.names)
    return Comparison(
        (
            _finding("residentNumber", number),
            _finding("identifier", _identifiers(asked.identifiers, found.identifiers)),
            family,
            given,
            _finding("birthDate", _new("birthDate", _birth_dates(asked, found), known)),
            _finding("gender", _new("gender", _same(asked.gender, found.gender), known)),
            _finding("phone", _shared(asked.phones, found.phones)),
            _finding("email", _shared(asked.emails, found.emails)),
            _finding("address", _addresses(asked, found)),
            _finding("multipleBirth", _orders(asked.multiple_birth, found.multiple_birth)),
        )
    )


def _finding(element: str, outcome: Outcome, family: str = "") -> Finding:
    return Finding(element, outcome, weight(element, outcome, family))


def _new(element: str, outcome: Outcome, known: frozenset[str]) -> Outcome:
    return "missing" if element in known and outcome in ("agrees", "partial") else outcome


def _same(left: str, right: str) -> Outcome:
    if not left or not right:
        return "missing"
    return "agrees" if left == right else "disagrees"


def _shared(left: frozenset[str], right: frozenset[str]) -> Outcome:
    if not left or not right:
        return "missing"
    return "disagrees" if left.isdisjoint(right) else "agrees"


def _orders(left: int | None, right: int | None) -> Outcome:
    if left is None or right is None:
        return "missing"
    return "agrees" if left == right else "disagrees"


def _residents(asked: Person, found: Person) -> Outcome:
    return _shared(asked.residents, found.residents)


def _identifiers(left: frozenset[tuple[str, str]], right: frozenset[tuple[str, str]]) -> Outcome:
    if left & right:
        return "agrees"
    common = {system for system, _ in left} & {system for system, _ in right}
    pairs = ((one, other) for system, one in left for same, other in right if system == same in common)
    if not common:
        return "missing"
    # A slip of the pen is no sign of another person.
    return "missing" if any(is_edit_apart(one, other) for one, other in pairs) else "disagrees"


def _birth_dates(asked: Person, found: Person) -> Outcome:
    left, right = sorted((asked.birth_date, found.birth_date), key=len)
    if not left:
        return "missing"
    if left == right:
        return "agrees" if len(left) == len("2000-01-01") else "partial"
    if right.startswith(f"{left}-"):
        return "partial"
    if len(left) < len(right) or len(right) < len("2000-01-01"):
        return "disagrees"
    is_exchanged = left[:4] == right[:4] and left[5:7] == right[8:] and left[8:] == right[5:7]
    return "close" if is_exchanged or is_edit_apart(left.replace("-", ""), right.replace("-", "")) else "disagrees"


def _addresses(asked: Person, found: Person) -> Outcome:
    pairs = [(one, other) for one in asked.addresses for other in found.addresses]
    if any(_is_same_place(one[0], other[0]) for one, other in pairs):
        return "agrees"
    if any(one[part] and one[part] == other[part] for one, other in pairs for part in (1, 2)):
        return "partial"
    return "disagrees" if any(all(side[part] for side in pair) for pair in pairs for part in range(3)) else "missing"


def _is_same_place(left: str, right: str) -> bool:
    """Whether one address is the other, a part of it (without the province), or one edit away."""
    if min(len(left), len(right)) < _ADDRESS:
        return bool(left) and left == right
    return left in right or right in left or is_edit_apart(left, right)


def _best_names(left: Iterable[Name], right: Sequence[Name]) -> tuple[Finding, Finding]:
    """Return the findings on family and given name of the two readings that fit best."""
    best: tuple[Finding, Finding] = (_finding("family", "missing"), _finding("given", "missing"))
    is_first = True
    for one in left:
        for other in right:
            pairs = [_names(one, other)]
            if one.given and other.given:
                pairs.append(_exchanged(one, other))
            for pair in pairs:
                if all(each.outcome == "missing" for each in pair):
                    continue
                if is_first or _sum(pair) > _sum(best):
                    best, is_first = pair, False
    return best


def _sum(findings: Iterable[Finding]) -> Decimal:
    return sum((each.weight for each in findings), Decimal(0))


def _names(left: Name, right: Name) -> tuple[Finding, Finding]:
    family = _words(left.family, right.family)
    return _finding("family", family, left.family), _finding("given", _given_names(left.given, right.given))


def _exchanged(left: Name, right: Name) -> tuple[Finding, Finding]:
    """Family and given name in each other's place: as good as the same, but only if both are."""
    turned = Name(right.given[-1], (right.family,) if right.family else ())
    is_same = left.family == turned.family and left.given == turned.given and left.family
    if not is_same:
        return _finding("family", "missing"), _finding("given", "missing")
    return _finding("family", "agrees", left.family), _finding("given", "agrees")


def _words(left: str, right: str) -> Outcome:
    """Compare names of one word or more; in different scripts they cannot be compared."""
    if not left or not right or is_han(left) != is_han(right):
        return "missing"
    if left == right or left.replace(" ", "") == right.replace(" ", ""):
        return "agrees"
    if is_han(left):
        return "disagrees"
    return "close" if min(len(left), len(right)) > 2 and likeness(left, right) >= _ALIKE else "disagrees"


def _given_names(left: Sequence[str], right: Sequence[str]) -> Outcome:
    if not left or not right:
        return "missing"
    first = _words(" ".join(left), " ".join(right))
    if first in ("agrees", "missing"):
        return first
    if is_han(left[0]):
        is_near = min(len(left[0]), len(right[0])) > 1 and is_edit_apart(left[0], right[0])
        return "close" if is_near else "disagrees"
    one, other = " ".join(left).split(), " ".join(right).split()
    if set(one) <= set(other) or set(other) <= set(one):
        return "partial"
    if one[0][0] == other[0][0] and (len(one[0]) == 1 or len(other[0]) == 1):
        return "partial"
    return "close" if first == "close" or _words(one[0], other[0]) in ("agrees", "close") else "disagrees"
