"""`penstock completion`: what a shell reads to complete commands and options at the Tab key."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from penstock.cli.words import Verbs, tell

SHELLS: Final = ("bash", "zsh", "tcsh")


def add(verbs: Verbs, parser: Callable[[], argparse.ArgumentParser]) -> None:
    """completion, of all verbs of a parser."""
    completion = verbs.add_parser(
        "completion", help='complete at the Tab key: eval "$(penstock completion bash)"'
    )
    completion.add_argument("shell", choices=SHELLS)

    def do(options: argparse.Namespace) -> int:
        import shtab

        tell(shtab.complete(parser(), options.shell))
        return 0

    completion.set_defaults(do=do)
