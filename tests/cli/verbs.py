"""All verbs of the command line, as its parser has them: what each takes, and words for it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from penstock.cli.command import command_parser

READ_WORDS: Final = frozenset(
    {
        *("get", "list", "search", "count", "find", "own", "audit", "comments", "why", "history"),
        *("counts", "metrics", "task-runs", "doctor"),
    }
)
TRIED: Final = ("1", '{"a": 1}', "a=b", "30s", "2026-01-31T12:00:00Z", "0:0", "one")
"""One of these is right wherever something is written in a form."""
WRONG: Final = "{wrong\u202e"
"""Right nowhere but where any text is."""


class Verb(Struct, frozen=True):
    """A command with its arguments."""

    words: tuple[str, ...]
    parser: argparse.ArgumentParser

    @property
    def name(self) -> str:
        return " ".join(self.words)

    @property
    def is_read(self) -> bool:
        """Whether it shows what there is, and changes nothing."""
        return not READ_WORDS.isdisjoint((self.words[0], self.words[-1]))

    def has(self, option: str) -> bool:
        return any(option in action.option_strings for action in self.parser._actions)

    @property
    def placed(self) -> list[argparse.Action]:
        """What has a place and has to be said."""
        return [
            one
            for one in self.parser._actions
            if not one.option_strings and one.nargs not in ("?", "*")
        ]

    @property
    def optional(self) -> list[argparse.Action]:
        """Options that take a value, and what has a place and may be left out."""
        return [
            one
            for one in self.parser._actions
            if one not in self.placed and one.nargs != 0 and one.dest not in ("help", "url")
        ]

    def said(self, **instead: str) -> list[str]:
        """Words that the parser takes, of things that are not there; `instead` of some by dest."""
        said = list(self.words)
        for action in self.placed:
            said.append(instead.get(action.dest) or some_value(self.parser, action))
        for action in self.parser._actions:
            if action.option_strings and action.required:
                said += [action.option_strings[0], some_value(self.parser, action)]
        return said


def all_verbs() -> Iterator[Verb]:
    """Each verb that has no verbs of its own."""
    yield from _below(command_parser(), ())


def _below(parser: argparse.ArgumentParser, above: tuple[str, ...]) -> Iterator[Verb]:
    for words, below in _subparsers(parser).items():
        if _subparsers(below):
            yield from _below(below, (*above, words))
        else:
            yield Verb((*above, words), below)


def _subparsers(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def some_value(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """A value that the parser takes for an argument."""
    if action.choices is not None:
        return str(next(iter(action.choices)))
    if is_any_text(action):
        return "nobody/nothing" if action.dest == "given_user_task" else "nobody"
    return next(one for one in (*TRIED, "{}") if _takes(parser, action, one))


def is_any_text(action: argparse.Action) -> bool:
    """Whether it has no form of its own."""
    return action.choices is None and action.type in (None, str)


def refuses(parser: argparse.ArgumentParser, action: argparse.Action, text: str) -> bool:
    """Whether a text can not be a value of it."""
    return not _takes(parser, action, text)


def _takes(parser: argparse.ArgumentParser, action: argparse.Action, text: str) -> bool:
    try:
        value: Any = parser._get_value(action, text)
        parser._check_value(action, value)
    except argparse.ArgumentError:
        return False
    return True


def options_of(verb: Verb, option: str) -> Sequence[str]:
    """The choices of an option."""
    for action in verb.parser._actions:
        if option in action.option_strings:
            return [str(one) for one in action.choices or ()]
    return []
