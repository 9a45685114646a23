"""Verbs that ask a server something with a client, and tell what comes of it.

The exit code says what a script may want to know of a failure, without reading it: FAILED, or one
of these.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from penstock.cli.words import add_server, fail
from penstock.sdk.client import Client
from penstock.sdk.errors import PenstockError

DEADLINE_S: Final = 10.0

FAILED: Final = 1
NOT_FOUND: Final = 3
NOT_ALLOWED: Final = 4
NO_ANSWER: Final = 5  # none now; perhaps later
_CODES: Final = {401: NOT_ALLOWED, 403: NOT_ALLOWED, 404: NOT_FOUND, 429: NO_ANSWER, 0: NO_ANSWER}


def asking(
    parser: argparse.ArgumentParser, do: Callable[[argparse.Namespace, Client], None]
) -> None:
    """Have a verb do this with a client of the server that its arguments say."""

    def told(options: argparse.Namespace) -> int:
        try:
            with Client(options.url, tenant=options.tenant, deadline_s=DEADLINE_S) as client:
                do(options, client)
        except PenstockError as error:
            fail(str(error))
            return exit_code(error)
        except ValueError as error:  # an address that is none
            return fail(str(error))
        return 0

    add_server(parser)
    parser.set_defaults(do=told)


def exit_code(error: PenstockError) -> int:
    """What a failure is told as."""
    return _CODES.get(error.status, NO_ANSWER if error.status >= 500 else FAILED)
