"""Verbs that ask a server something with a client, and tell what comes of it. What goes wrong is
told by `main`, with the exit code that says why (codes.py).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from penstock.cli.codes import Exit
from penstock.cli.shown import Lines, add_output, show, watching
from penstock.cli.words import add_server, fail
from penstock.sdk.client import Client


def asking(
    parser: argparse.ArgumentParser, do: Callable[[argparse.Namespace, Client], None]
) -> None:
    """Have a verb do this with a client of the server that its arguments say."""

    def told(options: argparse.Namespace) -> int:
        try:
            with client_of(options) as client:
                do(options, client)
        except ValueError as error:  # what can not be asked at all
            return fail(str(error), Exit.USAGE)
        return Exit.DONE

    add_server(parser)
    parser.set_defaults(do=told)


def client_of(options: argparse.Namespace) -> Client:
    """A client of the server that the arguments say."""
    return Client(options.url, tenant=options.tenant, deadline_s=options.within)


def showing(
    parser: argparse.ArgumentParser,
    ask: Callable[[argparse.Namespace, Client], Any],
    lines: Lines | None = None,
) -> None:
    """Have a verb show what a server answers to this, in any form, once or again and again."""
    add_output(parser, watched=True)

    def do(options: argparse.Namespace, client: Client) -> None:
        watching(options, lambda: show(ask(options, client), options.format, lines))

    asking(parser, do)
