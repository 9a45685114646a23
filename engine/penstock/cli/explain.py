"""What an error's code means, and what to do, without a server."""

from __future__ import annotations

import argparse

from penstock.cli.codes import Exit
from penstock.cli.words import Verbs, fail, tell


def add(verbs: Verbs) -> None:
    """explain."""
    parser = verbs.add_parser("explain", help="say what an error's code means, and what to do")
    parser.add_argument("code", help="such as WF_RUN_UNKNOWN")
    parser.set_defaults(do=_explain)


def _explain(options: argparse.Namespace) -> int:
    # What a gateway is made of need not be installed for the other verbs.
    from penstock.gateway.remedies import explained

    found = explained(options.code.upper())
    for kind, (means, mend) in found:
        tell(f"{options.code.upper()} ({kind}): {means}.\n  What to do: {mend}.")
    return 0 if found else fail(f"no code has the name {options.code!r}", Exit.NOT_FOUND)
