"""Verbs that ask a server something with a client, and tell what comes of it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from penstock.cli.words import add_server, fail
from penstock.sdk.client import Client
from penstock.sdk.errors import PenstockError

DEADLINE_S: Final = 10.0


def asking(
    parser: argparse.ArgumentParser, do: Callable[[argparse.Namespace, Client], None]
) -> None:
    """Have a verb do this with a client of the server that its arguments say."""

    def told(options: argparse.Namespace) -> int:
        try:
            with Client(options.url, tenant=options.tenant, deadline_s=DEADLINE_S) as client:
                do(options, client)
        except PenstockError as error:
            return fail(str(error))
        return 0

    add_server(parser)
    parser.set_defaults(do=told)
