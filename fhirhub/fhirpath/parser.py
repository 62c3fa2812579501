"""Tokens to the abstract syntax: a Pratt parser with the operator precedence of the specification.

http://hl7.org/fhirpath/N1/#operator-precedence
"""

from decimal import Decimal
from typing import Final

from fhirhub.fhirpath import temporal
from fhirhub.fhirpath.errors import FhirPathSyntaxError
from fhirhub.fhirpath.lexer import Kind, Token, tokenize
from fhirhub.fhirpath.quantity import CALENDAR_UNITS, quantity_json
from fhirhub.fhirpath.syntax import (
    Binary,
    Call,
    EmptyLiteral,
    Index,
    Literal,
    Member,
    Sign,
    Special,
    Syntax,
    TypeOperation,
    TypeSpecifier,
    Variable,
)

MAX_DEPTH: Final = 60
"""Deepest nesting of parentheses, arguments, indexes and signs that is read."""

MAX_CHAIN: Final = 200
"""The most steps of one path, and the most operators in a row (the longest union of R4 has 50)."""

_SIGN: Final = 12
_PRECEDENCE: Final = {
    "*": 11, "/": 11, "div": 11, "mod": 11,
    "+": 10, "-": 10, "&": 10,
    "is": 9, "as": 9,
    "|": 8,
    ">": 7, "<": 7, ">=": 7, "<=": 7,
    "=": 6, "~": 6, "!=": 6, "!~": 6,
    "in": 5, "contains": 5,
    "and": 4,
    "xor": 3, "or": 3,
    "implies": 2,
}  # fmt: skip
_NEVER_STARTS: Final = frozenset({"div", "mod", "and", "or", "xor", "implies"})
"""Operators that are no identifiers; `as`, `is`, `in` and `contains` are both."""

_TEMPORAL_TYPES: Final = {Kind.DATE: "System.Date", Kind.DATETIME: "System.DateTime", Kind.TIME: "System.Time"}


def parse(text: str) -> Syntax:
    """Return the syntax of an expression.

    Raises:
        FhirPathSyntaxError: `text` is no expression.
    """
    parser = _Parser(tokenize(text))
    expression = parser.expression(0)
    parser.expect(Kind.END, "")
    return expression


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _is(self, text: str, kind: Kind = Kind.SYMBOL) -> bool:
        token = self._token
        return token.kind is kind and token.text == text

    def _accept(self, symbol: str) -> bool:
        if self._is(symbol):
            self._next += 1
            return True
        return False

    def expect(self, kind: Kind, text: str) -> Token:
        if self._token.kind is not kind or self._token.text != text:
            raise self._unexpected(f"expected {text!r}" if text else "expected the end")
        return self._tokens[self._next] if kind is Kind.END else self._advance()

    def _unexpected(self, wanted: str) -> FhirPathSyntaxError:
        token = self._token
        found = "the end" if token.kind is Kind.END else repr(token.text)
        return FhirPathSyntaxError(f"Unexpected {found}, {wanted}", token.position)

    def expression(self, minimum: int) -> Syntax:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FhirPathSyntaxError(f"The expression nests deeper than {MAX_DEPTH} levels", self._token.position)
        left = self._operand()
        links = 0
        while (operator := self._operator(minimum)) is not None:
            position = self._advance().position
            links = self._count(links)
            if operator in ("is", "as"):
                left = TypeOperation(operator, left, self._type_specifier(), position)
            else:
                left = Binary(operator, left, self.expression(_PRECEDENCE[operator]), position)
        self._depth -= 1
        return left

    def _count(self, links: int) -> int:
        if links == MAX_CHAIN:
            raise FhirPathSyntaxError(f"More than {MAX_CHAIN} steps or operators in a row", self._token.position)
        return links + 1

    def _operator(self, minimum: int) -> str | None:
        token = self._token
        if token.kind not in (Kind.SYMBOL, Kind.NAME):
            return None
        precedence = _PRECEDENCE.get(token.text)
        return token.text if precedence is not None and precedence > minimum else None

    def _operand(self) -> Syntax:
        token = self._token
        if token.kind is Kind.SYMBOL and token.text in ("+", "-"):
            self._advance()
            return Sign(token.text, self.expression(_SIGN), token.position)
        expression = self._term()
        links = 0
        while True:
            position = self._token.position
            links = self._count(links)
            if self._accept("."):
                expression = self._invocation(expression)
            elif self._accept("["):
                expression = Index(expression, self.expression(0), position)
                self.expect(Kind.SYMBOL, "]")
            else:
                return expression

    def _term(self) -> Syntax:
        token = self._token
        match token.kind:
            case Kind.SYMBOL if token.text == "(":
                self._advance()
                inner = self.expression(0)
                self.expect(Kind.SYMBOL, ")")
                return inner
            case Kind.SYMBOL if token.text == "{":
                self._advance()
                self.expect(Kind.SYMBOL, "}")
                return EmptyLiteral(token.position)
            case Kind.SPECIAL:
                self._advance()
                return Special(token.text, token.position)
            case Kind.VARIABLE:
                self._advance()
                return Variable(token.text, token.position)
            case Kind.NAME if token.text in ("true", "false"):
                self._advance()
                return Literal(token.text == "true", "System.Boolean", token.position)
            case Kind.NAME if token.text not in _NEVER_STARTS:
                return self._invocation(None)
            case Kind.DELIMITED:
                return self._invocation(None)
        return self._literal()

    def _literal(self) -> Literal:
        token = self._token
        position = token.position
        if token.kind is Kind.STRING:
            self._advance()
            return Literal(token.text, "System.String", position)
        if token.kind is Kind.NUMBER:
            self._advance()
            return self._number(token)
        if token.kind in _TEMPORAL_TYPES:
            self._advance()
            type_name = _TEMPORAL_TYPES[token.kind]
            text = token.text.removesuffix("T")
            if temporal.parse(text, type_name) is None:
                raise FhirPathSyntaxError(f"{text!r} is no {type_name.removeprefix('System.')}", position)
            return Literal(text, type_name, position)
        raise self._unexpected("expected a term")

    def _number(self, token: Token) -> Literal:
        is_decimal = "." in token.text
        number = Decimal(token.text) if is_decimal else int(token.text)
        unit = self._token
        if unit.kind is Kind.STRING or (unit.kind is Kind.NAME and unit.text in CALENDAR_UNITS):
            self._advance()
            calendar = unit.kind is Kind.NAME or unit.text in CALENDAR_UNITS
            return Literal(quantity_json(Decimal(number), unit.text, calendar), "System.Quantity", token.position)
        return Literal(number, "System.Decimal" if is_decimal else "System.Integer", token.position)

    def _invocation(self, target: Syntax | None) -> Syntax:
        token = self._token
        if token.kind not in (Kind.NAME, Kind.DELIMITED):
            if target is not None and token.kind is Kind.SPECIAL:
                # The grammar has `x.$this`; it says nothing that `$this` alone does not.
                self._advance()
                return Special(token.text, token.position)
            raise self._unexpected("expected a name")
        self._advance()
        if not self._accept("("):
            return Member(target, token.text, token.position)
        arguments: list[Syntax] = []
        if not self._accept(")"):
            arguments.append(self.expression(0))
            while self._accept(","):
                arguments.append(self.expression(0))
            self.expect(Kind.SYMBOL, ")")
        return Call(target, token.text, tuple(arguments), token.position)

    def _type_specifier(self) -> TypeSpecifier:
        first = self._name()
        if self._accept("."):
            return TypeSpecifier(first, self._name())
        return TypeSpecifier(None, first)

    def _name(self) -> str:
        if self._token.kind not in (Kind.NAME, Kind.DELIMITED):
            raise self._unexpected("expected the name of a type")
        return self._advance().text
