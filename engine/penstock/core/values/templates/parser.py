"""From text to the parts of a template. A template that is none is refused when it is registered,
with the character at which it goes wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from penstock.core.limits import TEMPLATE_CHARS_MAX, TEMPLATE_DEPTH_MAX
from penstock.core.values.templates.filters import FILTERS, INSTEAD_OF_FILTERS
from penstock.core.values.templates.functions import FUNCTIONS, INSTEAD_OF_FUNCTIONS
from penstock.core.values.templates.lexer import (
    Piece,
    TemplateMistake,
    Token,
    pieces,
    tokens,
    unquoted,
)
from penstock.core.values.templates.operators import TESTS
from penstock.core.values.templates.syntax import (
    Asked,
    Assign,
    Binary,
    Body,
    Branches,
    Call,
    Choice,
    Constant,
    Expr,
    Filtered,
    Item,
    Items,
    Loop,
    Name,
    Output,
    Pairs,
    Statement,
    Text,
    Unary,
)
from penstock.core.values.types import ValueProblem

_LEVELS: Final[tuple[tuple[str, ...], ...]] = (
    ("??", "???"),
    ("or",),
    ("and",),
    ("==", "!=", "equals", "contains", "in"),
    ("<", ">", "<=", ">="),
    ("..",),
    ("~",),
    ("+", "-"),
    ("*", "/", "%"),
)
"""Operators between two values, those that bind least first."""

_CONSTANTS: Final = {"true": True, "false": False, "null": None, "none": None}
_KEYWORDS: Final = frozenset({"and", "or", "not", "is", "in", "equals", "contains"})


def parse_template(template: str) -> Body:
    """The parts of a template, or ValueProblem."""
    if len(template) > TEMPLATE_CHARS_MAX:
        raise ValueProblem(f"a template may have {TEMPLATE_CHARS_MAX} characters")
    return _short(template) if len(template) <= _SHORT_CHARS else _long(template)


def _parsed(template: str) -> Body:
    return _Bodies(list(pieces(template))).all()


_SHORT_CHARS: Final = 1_024
_short: Final = lru_cache(maxsize=2_048)(_parsed)
_long: Final = lru_cache(maxsize=32)(_parsed)  # what a long one is made of takes megabytes


def only_expression(body: Body) -> Expr | None:
    """The expression, if the template is nothing but one `{{ }}`."""
    match body:
        case (Output(value=value),):
            return value
        case _:
            return None


class _Bodies:
    """Reads tags, and what is between them."""

    def __init__(self, found: list[Piece]) -> None:
        self._pieces = found
        self._next = 0
        self._depth = 0

    def all(self) -> Body:
        body, closed = self._body(())
        assert closed is None, "nothing closes a whole template"
        return body

    def _body(
        self, closers: tuple[str, ...], opened: _Expressions | None = None
    ) -> tuple[Body, _Expressions | None]:
        """The statements up to one of these tags, which close what was opened; and what is left of
        that tag.
        """
        self._depth += 1
        if self._depth > TEMPLATE_DEPTH_MAX:
            raise ValueProblem(f"a template may be nested {TEMPLATE_DEPTH_MAX} levels deep")
        statements: list[Statement] = []
        while self._next < len(self._pieces):
            piece = self._pieces[self._next]
            self._next += 1
            if not piece.kind:
                statements += [Text(piece.text)] if piece.text else []
                continue
            inner = _Expressions(piece)
            if piece.kind == "{{":
                statements.append(Output(inner.whole()))
                continue
            tag = inner.word()
            if tag in closers:
                self._depth -= 1
                inner.tag = tag
                return tuple(statements), inner
            statements.append(self._tag(tag, inner))
        if opened is not None:
            raise opened.first_problem(f"there is no {closers[-1]}")
        self._depth -= 1
        return tuple(statements), None

    def _tag(self, tag: str, inner: _Expressions) -> Statement:
        match tag:
            case "set":
                name = inner.name()
                inner.sign("=")
                return Assign(name, inner.whole())
            case "if":
                return self._branches(inner)
            case "for":
                return self._loop(inner)
            case _:
                raise inner.first_problem(f"the tag {tag!r} is not known; if, for, set and raw are")

    def _branches(self, inner: _Expressions) -> Branches:
        branches: list[tuple[Expr | None, Body]] = []
        condition: Expr | None = inner.whole()
        while True:
            body, closed = self._body(("elseif", "else", "endif"), inner)
            assert closed is not None, "a body ends with one of its closers"
            branches.append((condition, body))
            if closed.tag == "endif":
                closed.done()
                return Branches(tuple(branches))
            if condition is None:
                raise closed.first_problem(f"{closed.tag} after else")
            if closed.tag == "else":
                closed.done()
            condition = closed.whole() if closed.tag == "elseif" else None

    def _loop(self, inner: _Expressions) -> Loop:
        name = inner.name()
        if inner.word() != "in":
            raise inner.first_problem("a for is written `for name in values`")
        values = inner.whole()
        body, closed = self._body(("else", "endfor"), inner)
        otherwise: Body = ()
        if closed is not None and closed.tag == "else":
            otherwise, _ = self._body(("endfor",), inner)
        return Loop(name, values, body, otherwise)


class _Expressions:
    """Reads the expression of one pair of braces, by descent; its depth is bounded."""

    def __init__(self, piece: Piece) -> None:
        self._piece = piece
        self._tokens = tokens(piece)
        self._next = 0
        self._depth = 0
        self.tag = ""

    def whole(self) -> Expr:
        """The expression, up to the end of the braces."""
        found = self._choice()
        self.done()
        return found

    def done(self) -> None:
        """Nothing may be left."""
        if self._next < len(self._tokens):
            raise self.problem(f"{self._tokens[self._next].text!r} is not expected here")

    def problem(self, message: str, token: Token | None = None) -> TemplateMistake:
        """What goes wrong at a token; at the next one, if none is named."""
        at = self._piece.at + len(self._piece.text.rstrip())
        if token is None and self._next < len(self._tokens):
            token = self._tokens[self._next]
        return TemplateMistake(message, at if token is None else token.at)

    def first_problem(self, message: str) -> TemplateMistake:
        """What is wrong with the tag that it is."""
        return self.problem(message, self._tokens[0])

    def word(self) -> str:
        """The next token, which must be a word."""
        token = self._take()
        if token is None or token.kind != "name":
            raise self.problem("a word is expected here", token)
        return token.text

    def name(self) -> str:
        """A name that may be set."""
        name = self.word()
        if name in _CONSTANTS or name in _KEYWORDS:
            raise self._last_problem(f"{name!r} can be no name")
        return name

    def sign(self, wanted: str) -> None:
        """The next token, which must be this sign."""
        if not self._skip(wanted):
            raise self.problem(f"{wanted!r} is expected here")

    def _last_problem(self, message: str) -> TemplateMistake:
        """What is wrong with the token that was taken last."""
        return self.problem(message, self._tokens[self._next - 1])

    def _take(self) -> Token | None:
        if self._next == len(self._tokens):
            return None
        self._next += 1
        return self._tokens[self._next - 1]

    def _peek(self) -> str:
        """The next token, if it is a sign or a word; quoted text is neither."""
        if self._next == len(self._tokens) or self._tokens[self._next].kind == "text":
            return ""
        return self._tokens[self._next].text

    def _skip(self, wanted: str) -> bool:
        if self._peek() != wanted:
            return False
        self._next += 1
        return True

    def _choice(self) -> Expr:
        self._depth += 1
        if self._depth > TEMPLATE_DEPTH_MAX:
            raise ValueProblem(f"a template may be nested {TEMPLATE_DEPTH_MAX} levels deep")
        found = self._level(0)
        if self._skip("?"):
            yes = self._choice()
            self.sign(":")
            found = Choice(found, yes, self._choice())
        self._depth -= 1
        return found

    def _level(self, level: int) -> Expr:
        if level == len(_LEVELS):
            return self._unary()
        found = self._level(level + 1)
        count = 0
        while self._peek() in _LEVELS[level] or (level == 3 and self._peek() == "is"):
            count += 1
            if count > TEMPLATE_DEPTH_MAX:  # each adds a level to what is evaluated
                raise ValueProblem(f"a template may be nested {TEMPLATE_DEPTH_MAX} levels deep")
            operator = self.sign_or_word()
            if operator == "is":
                found = self._test(found)
            else:
                found = Binary(operator, found, self._level(level + 1))
        return found

    def sign_or_word(self) -> str:
        """The next token's text."""
        token = self._take()
        assert token is not None, "it was peeked at"
        return token.text

    def _test(self, value: Expr) -> Expr:
        negated = self._skip("not")
        test = self.word()
        if test not in TESTS:
            known = ", ".join(sorted(TESTS))
            raise self._last_problem(f"the test {test!r} is not known; {known} are")
        return Asked(value, test, negated)

    def _unary(self) -> Expr:
        for operator in ("-", "not"):
            if self._skip(operator):
                self._depth += 1
                if self._depth > TEMPLATE_DEPTH_MAX:
                    raise ValueProblem(f"a template may be nested {TEMPLATE_DEPTH_MAX} levels deep")
                value = self._unary()
                self._depth -= 1
                return Unary(operator, value)
        return self._postfix()

    def _postfix(self) -> Expr:
        found = self._primary()
        for _ in range(TEMPLATE_DEPTH_MAX):
            if self._skip("."):
                found = Item(found, Constant(self._key()))
            elif self._skip("["):
                found = Item(found, self._choice())
                self.sign("]")
            elif self._skip("|"):
                found = self._filter(found)
            else:
                return found
        raise ValueProblem(f"a template may be nested {TEMPLATE_DEPTH_MAX} levels deep")

    def _key(self) -> str:
        token = self._take()
        if token is None or token.kind not in ("name", "number"):
            said = "a key is expected behind the dot; write others as ['key']"
            raise self.problem(said, token)
        return token.text

    def _filter(self, value: Expr) -> Expr:
        name = self.word()
        if name not in FILTERS:
            raise self._last_problem(_unknown("filter", name, INSTEAD_OF_FILTERS))
        args, named = self._arguments() if self._skip("(") else ((), ())
        return Filtered(value, name, args, named)

    def _arguments(self) -> tuple[tuple[Expr, ...], tuple[tuple[str, Expr], ...]]:
        args: list[Expr] = []
        named: list[tuple[str, Expr]] = []
        while not self._skip(")"):
            if args or named:
                self.sign(",")
            ahead = self._tokens[self._next + 1 : self._next + 2]
            if ahead and ahead[0].text == "=" and ahead[0].kind == "sign":
                name = self.word()
                self.sign("=")
                named.append((name, self._choice()))
            else:
                args.append(self._choice())
        return tuple(args), tuple(named)

    def _primary(self) -> Expr:
        token = self._take()
        match token:
            case None:
                raise self.problem("a value is expected here")
            case Token(kind="number", text=text):
                return Constant(float(text) if "." in text else int(text))
            case Token(kind="text", text=text):
                return Constant(unquoted(text))
            case Token(kind="name"):
                return self._named(token)
            case Token(text="("):
                found = self._choice()
                self.sign(")")
                return found
            case Token(text="["):
                return Items(tuple(self._list("]")))
            case Token(text="{"):
                return self._pairs()
            case _:
                raise self.problem(f"{token.text!r} is no value", token)

    def _named(self, token: Token) -> Expr:
        name = token.text
        if name in _CONSTANTS:
            return Constant(_CONSTANTS[name])
        if name in _KEYWORDS:
            raise self.problem(f"{name!r} is no value", token)
        if not self._skip("("):
            return Name(name, token.at)
        if name not in FUNCTIONS:
            raise self.problem(_unknown("function", name, INSTEAD_OF_FUNCTIONS), token)
        args, named = self._arguments()
        return Call(name, args, named, token.at)

    def _list(self, close: str) -> list[Expr]:
        found: list[Expr] = []
        while not self._skip(close):
            if found:
                self.sign(",")
            found.append(self._choice())
        return found

    def _pairs(self) -> Pairs:
        pairs: list[tuple[Expr, Expr]] = []
        while not self._skip("}"):
            if pairs:
                self.sign(",")
            key = self._choice()
            self.sign(":")
            pairs.append((key, self._choice()))
        return Pairs(tuple(pairs))


def _unknown(what: str, name: str, instead: Mapping[str, str]) -> str:
    hint = f": {instead[name]}" if name in instead else ""
    return f"the {what} {name!r} is not known{hint}"
