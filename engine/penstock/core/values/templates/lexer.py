"""The pieces of a template, and the tokens of an expression."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from penstock.core.values.types import ValueProblem

_OPEN: Final = re.compile(r"\{\{-?|\{%-?|\{#")
_CLOSE: Final = {"{{": "}}", "{%": "%}", "{#": "#}"}
_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>\d{1,19}(?:\.\d{1,30})?)
    | (?P<name>[^\W\d]\w*)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<sign>\?\?\?|\?\?|==|!=|<=|>=|\.\.|[-+*/%~|.,:?()\[\]{}<>=])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r"}


class TemplateMistake(ValueProblem):
    """A text is no template: what is wrong at which of its characters, counted from 0."""

    def __init__(self, said: str, at: int) -> None:
        super().__init__(f"template, character {at + 1}: {said}")
        self.said = said
        self.at = at


class Piece(Struct, frozen=True):
    """Text (`kind` is empty), or what is within `{{ }}` or `{% %}`, and where it begins."""

    kind: str
    text: str
    at: int


class Token(Struct, frozen=True):
    """A word of an expression: its kind (number, name, text, sign) and where it begins."""

    kind: str
    text: str
    at: int


def pieces(template: str) -> Iterator[Piece]:
    """The pieces in order; a dash at a brace takes the white space beside it away."""
    at, trim, raw = 0, False, False
    while at <= len(template):
        found = _OPEN.search(template, at)
        text = template[at : found.start() if found else len(template)]
        if trim:
            text = text.lstrip()
        if found is None:
            yield Piece("", text, at)
            break
        kind = found[0][:2]
        if found[0].endswith("-"):
            text = text.rstrip()
        yield Piece("", text, at)
        end = _end(template, found.end(), _CLOSE[kind], found.start())
        inner = template[found.end() : end]
        trim = kind != "{#" and inner.endswith("-")
        at = end + 2
        if kind == "{%" and inner.strip(" \t\r\n-") in ("raw", "verbatim"):
            raw, start = True, at
            while raw:
                end_tag = _OPEN.search(template, at)
                if end_tag is None:
                    raise TemplateMistake("raw is not closed by endraw", found.start())
                at = end_tag.end()
                close = template.find("%}", at)
                word = template[at:close].strip(" \t\r\n-") if close >= 0 else ""
                if end_tag[0].startswith("{%") and word in ("endraw", "endverbatim"):
                    yield Piece("", template[start : end_tag.start()], start)
                    at, raw = close + 2, False
        elif kind != "{#":
            yield Piece(kind, inner.removesuffix("-") if trim else inner, found.end())


def _end(template: str, at: int, close: str, opened: int) -> int:
    """Where the braces close; what is within quotes does not count."""
    if close != "#}":
        depth = 0
        while at < len(template):
            if template.startswith(close, at) and depth == 0:
                return at
            char = template[at]
            if char in "\"'":
                at = _quoted(template, at)
                continue
            depth += (char == "{") - (char == "}" and depth > 0)
            at += 1
    else:
        end = template.find(close, at)
        if end >= 0:
            return end
    raise TemplateMistake(f"there is no {close} for the {template[opened : opened + 2]}", opened)


def _quoted(template: str, at: int) -> int:
    quote, at = template[at], at + 1
    while at < len(template) and template[at] != quote:
        at += 2 if template[at] == "\\" else 1
    return at + 1


def tokens(piece: Piece) -> list[Token]:
    """The tokens of an expression or a tag, or ValueProblem."""
    found: list[Token] = []
    text, at = piece.text, 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise TemplateMistake(f"{text[at:].strip()[:20]!r} means nothing here", piece.at + at)
        kind = match.lastgroup or ""
        found.append(Token(kind, match[kind], piece.at + match.start(kind)))
        at = match.end()
    return found


def unquoted(text: str) -> str:
    """What a quoted text says."""
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text[1:-1])
