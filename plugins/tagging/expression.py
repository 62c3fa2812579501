"""The expressions of rules: parsed once into functions of a scope, evaluated in three-valued logic.

    fpg >= 6.1 and fpg < 7.0 and not dm
    days(uric_acid > 420) >= 2
    (sex = 'male' and hb < 130) or (sex = 'female' and hb < 115)

No loops, no recursion, no calls but the functions of `series.py`: every evaluation ends, in a time that its
length bounds.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from .kleene import (
    Interval,
    all_of,
    any_of,
    at_least,
    at_least_as_great,
    combined,
    equal,
    greater,
    negated,
    point,
)
from .observed import Codes, Series
from .series import change, falling, held_days, held_span, rising


class ExpressionError(ValueError):
    """An expression that is none; says where."""


Scope = Mapping[str, Any]
"""Values by name: a `Series`, an `Interval`, `Codes`, a text, a truth; what is unknown is None."""
Run = Callable[[Scope], Any]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'[^']*')|(?P<name>[a-z_][a-z0-9_]*(?:\.[a-z]+)?)|(?P<sign>>=|<=|!=|[-+*/<>=(),]))"
)
_WORDS: Final = frozenset({"and", "or", "not", "in"})
_COMPARISONS: Final = frozenset({">=", "<=", "<", ">", "=", "!="})
_HELD: Final = {"days": held_days, "span": held_span}
_SERIES: Final = {"rising": rising, "falling": falling, "change": change}


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression.

    Arguments:
        text: as it was written.
        names: what it refers to, without attributes.
        run: evaluates it in a scope.
    """

    text: str
    names: frozenset[str]
    run: Run

    def holds(self, scope: Scope) -> bool | None:
        """Return its truth. A value that is no truth is unknown."""
        found = self.run(scope)
        return found if isinstance(found, bool) else None


def parse(text: str) -> Expression:
    """Return an expression that can be evaluated. Raises ExpressionError naming the place."""
    parser = _Parser(text)
    run = parser.expression()
    parser.end()
    return Expression(text, frozenset(parser.names), run)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    position = 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise ExpressionError(f"{text!r}: {text[position:].strip()[:20]!r} cannot be read")
        yield found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)
        position = found.end()
    yield "end", "", len(text)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0
        self.names: set[str] = set()

    def expression(self) -> Run:
        self._depth += 1
        if self._depth > 50:
            raise ExpressionError(f"{self._text!r}: too deeply nested")
        operands = [self._and()]
        while self._take("name", "or"):
            operands.append(self._and())
        self._depth -= 1
        return operands[0] if len(operands) == 1 else _joined(any_of, operands)

    def end(self) -> None:
        if self._peek()[0] != "end":
            raise self._wrong("the end")

    def _and(self) -> Run:
        operands = [self._not()]
        while self._take("name", "and"):
            operands.append(self._not())
        return operands[0] if len(operands) == 1 else _joined(all_of, operands)

    def _not(self) -> Run:
        turns = 0
        while self._take("name", "not"):
            turns += 1
        operand = self._comparison()
        return operand if turns % 2 == 0 else lambda scope: negated(_truth(operand(scope)))

    def _comparison(self) -> Run:
        left = self._sum()
        kind, sign, _ = self._peek()
        if kind == "sign" and sign in _COMPARISONS:
            self._at += 1
            right = self._sum()
            return lambda scope: _compared(sign, left(scope), right(scope))
        if self._take("name", "in"):
            codes = self._list()
            return lambda scope: _is_in(left(scope), codes)
        return left

    def _sum(self) -> Run:
        return self._operation(("+", "-"), lambda: self._operation(("*", "/"), self._value))

    def _operation(self, signs: tuple[str, ...], operand: Callable[[], Run]) -> Run:
        found = operand()
        while self._peek()[0] == "sign" and self._peek()[1] in signs:
            sign = self._next()[1]
            found = _arithmetic(sign, found, operand())
        return found

    def _value(self) -> Run:
        kind, word, _ = self._next()
        if kind == "number":
            number = point(Decimal(word))
            return lambda scope: number
        if kind == "text":
            return lambda scope: word[1:-1]
        if (kind, word) == ("sign", "-"):
            return _arithmetic("-", lambda scope: point(0), self._value())
        if (kind, word) == ("sign", "("):
            inner = self.expression()
            self._expect(")")
            return inner
        if kind == "name" and word not in _WORDS:
            return self._call(word) if self._take("sign", "(") else self._name(word)
        self._at -= 1
        raise self._wrong("a value")

    def _name(self, word: str) -> Run:
        name, _, attribute = word.partition(".")
        self.names.add(name)
        if attribute and attribute not in Series.ATTRIBUTES:
            raise ExpressionError(f"{self._text!r}: {word} has no {attribute}, only {', '.join(Series.ATTRIBUTES)}")
        return lambda scope: _attribute(scope.get(name), attribute)

    def _call(self, word: str) -> Run:
        if word in _HELD:
            before = set(self.names)
            self.names.clear()
            condition = self.expression()
            used = self.names - {"sex"}
            self.names |= before
            self._expect(")")
            if len(used) != 1:
                raise ExpressionError(f"{self._text!r}: {word}() takes a condition on one input")
            (name,) = used
            held = _HELD[word]
            return lambda scope: held(scope.get(name), lambda series: _truth(condition({**scope, name: series})))
        if word in _SERIES:
            _, name, _ = self._next()
            self.names.add(name)
            self._expect(")")
            return lambda scope: _SERIES[word](scope.get(name))
        if word == "missing":
            _, name, _ = self._next()
            self.names.add(name)
            self._expect(")")
            return lambda scope: scope.get(name) is None
        if word == "atleast":
            _, number, _ = self._next()
            operands = []
            while self._take("sign", ","):
                operands.append(self.expression())
            self._expect(")")
            return lambda scope: at_least(int(number), [_truth(each(scope)) for each in operands])
        raise ExpressionError(f"{self._text!r}: there is no function {word}()")

    def _list(self) -> frozenset[str]:
        self._expect("(")
        found = set()
        while True:
            kind, word, _ = self._next()
            if kind != "text":
                self._at -= 1
                raise self._wrong("a code in quotes")
            found.add(word[1:-1])
            if not self._take("sign", ","):
                self._expect(")")
                return frozenset(found)

    def _peek(self) -> tuple[str, str, int]:
        return self._tokens[self._at]

    def _next(self) -> tuple[str, str, int]:
        self._at = min(self._at + 1, len(self._tokens))
        return self._tokens[self._at - 1]

    def _take(self, kind: str, word: str) -> bool:
        if self._peek()[:2] != (kind, word):
            return False
        self._at += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._take("sign", sign):
            raise self._wrong(f"{sign!r}")

    def _wrong(self, wanted: str) -> ExpressionError:
        _, word, place = self._peek()
        return ExpressionError(f"{self._text!r}: {wanted} should stand at {place + 1}, not {word or 'the end'!r}")


def _joined(how: Callable[[Iterator[bool | None]], bool | None], operands: list[Run]) -> Run:
    return lambda scope: how(_truth(operand(scope)) for operand in operands)


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: Any) -> Interval | None:
    if isinstance(value, Series):
        return value.latest
    return value if isinstance(value, Interval) else None


def _attribute(value: Any, attribute: str) -> Any:
    if not attribute:
        return value
    return value.attribute(attribute) if isinstance(value, Series) else None


def _arithmetic(sign: str, left: Run, right: Run) -> Run:
    def run(scope: Scope) -> Interval | None:
        operands = _number(left(scope)), _number(right(scope))
        return None if operands[0] is None or operands[1] is None else combined(sign, operands[0], operands[1])

    return run


def _compared(sign: str, left: Any, right: Any) -> bool | None:
    if isinstance(left, str) and isinstance(right, str):
        return (left == right) == (sign == "=") if sign in ("=", "!=") else None
    first, second = _number(left), _number(right)
    if first is None or second is None:
        return None
    match sign:
        case ">":
            return greater(first, second)
        case "<":
            return greater(second, first)
        case ">=":
            return at_least_as_great(first, second)
        case "<=":
            return at_least_as_great(second, first)
        case "=":
            return equal(first, second)
        case _:
            return negated(equal(first, second))


def _is_in(value: Any, codes: frozenset[str]) -> bool | None:
    if isinstance(value, Codes):
        return not codes.isdisjoint(value.codes)
    return value in codes if isinstance(value, str) else None
