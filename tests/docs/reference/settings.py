"""docs/reference/settings.md."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any

from penstock.cli.command import command_parser
from penstock.config import ENVIRONMENT
from tests.docs.reference.words import table, upper

HEAD = """\
# Settings

The command line goes before the environment. [OPERATIONS.md](../OPERATIONS.md) says what the
settings of servers are for. Commands that ask a server take `--url` (`http://127.0.0.1:7070`),
`--tenant` (the credential's only one, else `default`) and `--within` (`10s`), which are not
repeated below.
"""
SHARED = frozenset({"--url", "--tenant", "--within"})


def page() -> str:
    """Every variable of the environment, and every command with its arguments."""
    text = [HEAD, "## Environment\n"]
    text.append(
        table(("variable", "what"), ((f"`{name}`", about) for name, about in ENVIRONMENT.items()))
    )
    text.append("## Command line\n")
    for name, about, parser in _commands(command_parser()):
        text += [f"### {name}\n", upper(about) + ".\n"]
        text.append(table(("argument", "what"), _arguments(parser)) or "No arguments.\n")
    return "\n".join(text)


def _commands(
    parser: argparse.ArgumentParser, above: str = ""
) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        abouts = {one.dest: one.help or "" for one in action._choices_actions}
        names: dict[int, str] = {}
        for name, below in action.choices.items():
            path = f"{above}{name}"
            first = names.setdefault(id(below), path)
            if any(isinstance(one, argparse._SubParsersAction) for one in below._actions):
                yield from _commands(below, f"{path} ")
            else:
                yield path, abouts.get(name, f"the same as `{first}`"), below


def _arguments(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in parser._actions:
        shared = SHARED & {*action.option_strings}
        hidden = action.help is argparse.SUPPRESS or isinstance(action, argparse._HelpAction)
        if not shared and not hidden:
            yield _spelled(action), _about(action)


def _spelled(action: argparse.Action) -> str:
    takes = action.nargs != 0
    shown = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices is not None and action.metavar is None:
        shown = "{" + ",".join(map(str, action.choices)) + "}"
    if not action.option_strings:
        optional = action.nargs in ("?", "*")
        return f"`[{shown}]`" if optional else f"`{shown}`"
    return f"`{', '.join(action.option_strings)}{f' {shown}' if takes else ''}`"


def _about(action: argparse.Action) -> str:
    known: dict[str, Any] = {**vars(action), "prog": "penstock"}
    about = re.sub(r"\s+", " ", (action.help or "") % known)
    required = bool(action.option_strings) and action.required
    return about + (" **required**" if required else "")
