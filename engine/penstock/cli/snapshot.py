"""Snapshots of the stores of a server: those there are, and one more now."""

from __future__ import annotations

import argparse
import time
from typing import Any, Final

from penstock.cli.asking import asking, showing
from penstock.cli.words import Verbs, duration_s, tell
from penstock.contracts.answers.common import Items
from penstock.contracts.answers.snapshots import SnapshotKept, SnapshotsAsked
from penstock.sdk.api import Call
from penstock.sdk.client import Client
from penstock.sdk.errors import ResultTimeout

PATH: Final = "/v1/snapshots"
LOOK_S: Final = 0.5
WAIT_S: Final = 60.0


def add(verbs: Verbs) -> None:
    """snapshot."""
    snapshot = verbs.add_parser(
        "snapshot", help="snapshots of the partitions that the server has that is asked"
    )
    kinds = snapshot.add_subparsers(dest="kind", required=True, metavar="WHAT")
    showing(kinds.add_parser("list", help="those there are, newest first"), _list)
    take = kinds.add_parser("take", help="take one now, of each that has moved since its last one")
    take.add_argument(
        "--timeout",
        type=duration_s,
        default=WAIT_S,
        metavar="TIME",
        help=f"how long to wait until they are there ({WAIT_S:g}s)",
    )
    asking(take, _take)


def _list(_: argparse.Namespace, client: Client) -> list[SnapshotKept]:
    return _kept(client)


def _take(options: argparse.Namespace, client: Client) -> None:
    """Ask for them, and look until all are there."""
    asked = client.call(Call(method="POST", path=PATH)).as_a(SnapshotsAsked).until
    deadline = time.monotonic() + options.timeout
    while missing := _missing(client, asked):
        if time.monotonic() > deadline:
            what = f"a snapshot of partition {missing[0]}"
            raise ResultTimeout("", options.timeout, what=what, awaited="been taken")
        time.sleep(LOOK_S)
    for number, next_offset in sorted(asked.items(), key=lambda one: int(one[0])):
        tell(f"partition {number}: all before {next_offset} is in a snapshot")


def _missing(client: Client, asked: dict[str, int]) -> list[str]:
    newest: dict[str, int] = {}
    for one in _kept(client):
        newest.setdefault(str(one.partition), one.next_offset)
    return [number for number, until in asked.items() if newest.get(number, 0) < until]


def _kept(client: Client) -> list[SnapshotKept]:
    # A generic takes any type at run time; a checker wants to know it beforehand.
    kind: Any = Items[SnapshotKept]
    return client.call(Call(method="GET", path=PATH)).as_a(kind).items
