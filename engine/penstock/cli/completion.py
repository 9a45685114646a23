"""`penstock completion`: what a shell reads to complete commands and options at the Tab key.

shtab writes the scripts; what an argument is, it is told here: files where a path is wanted. For
zsh three things are mended: without compinit, which a zsh without settings has not run, its script
can not be read; an argument that may be given many times was completed once; and the name of what
has a place, as a message of zsh's, kept an option from being completed in its stead.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from penstock.cli.words import Verbs, tell

SHELLS: Final = ("bash", "zsh", "tcsh")

_ZSH_BEGIN: Final = """\
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }

_penstock_word() {
  [[ $PREFIX == -* ]] || _message "$@[-1]"
}
"""


def add(verbs: Verbs, parser: Callable[[], argparse.ArgumentParser]) -> None:
    """completion, of all verbs of a parser."""
    completion = verbs.add_parser(
        "completion", help='complete at the Tab key: eval "$(penstock completion bash)"'
    )
    completion.add_argument("shell", choices=SHELLS)

    def do(options: argparse.Namespace) -> int:
        tell(_script(parser(), options.shell))
        return 0

    completion.set_defaults(do=do)


def _script(parser: argparse.ArgumentParser, shell: str) -> str:
    import shtab

    for action in _arguments(parser):
        name = str(action.metavar or action.dest)
        if action.type is Path or name == "FILE":
            action.complete = shtab.DIRECTORY if name == "DIR" else shtab.FILE
        elif not action.option_strings and not action.choices:
            said = re.sub(r"\W+", "-", name).strip("-") or action.dest  # none of zsh's own signs
            action.complete = {"zsh": f"_penstock_word {said}"}
    script = shtab.complete(parser, shell, preamble=_ZSH_BEGIN if shell == "zsh" else "")
    if shell == "zsh":
        script = script.replace('  "(*)::', '  "*:').replace('  "(*):', '  "*:')
    return script


def _arguments(parser: argparse.ArgumentParser) -> Iterator[Any]:
    """All that verbs take; verbs themselves are none."""
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage]
        if isinstance(action, argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage]
            verbs: Mapping[str, Any] = cast("Any", action).choices
            for one in verbs.values():
                yield from _arguments(one)
        else:
            yield action
