"""Snapshots of stores: those there are, of a server or of a data directory; and one more now."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, Final

from penstock.cli.asking import asking, showing
from penstock.cli.words import Verbs, add_place, duration_s, tell
from penstock.config import snapshots_default
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
        "snapshot", help="snapshots of the partitions that the server that is asked has"
    )
    kinds = snapshot.add_subparsers(dest="kind", required=True, metavar="WHAT")
    listed = kinds.add_parser("list", help="those there are, newest first")
    listed.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="of this data directory, with --snapshots, without asking a server",
    )
    add_place(listed)
    listed.set_defaults(snapshots=None)  # what is said here, not what the environment says
    showing(listed, _list)
    take = kinds.add_parser("take", help="take one now, of each that has moved since its last one")
    take.add_argument(
        "--timeout",
        type=duration_s,
        default=WAIT_S,
        metavar="TIME",
        help=f"how long to wait until they are there ({WAIT_S:g}s)",
    )
    asking(take, _take)


def _list(options: argparse.Namespace, client: Client) -> Any:
    """Of a server, which knows its place; or of a directory, where the place has to be said."""
    if options.data is None and options.snapshots is not None:
        raise ValueError("--snapshots needs --data: a server knows itself where its snapshots are")
    if options.data is None:
        return _kept(client)
    place = options.snapshots or snapshots_default()
    if place is None:
        raise ValueError("--data needs --snapshots: where they are kept")
    return _of_directory(options.data, place)


def _of_directory(data: Path, place: str) -> list[Any]:
    """All partitions' of what the directory belongs to."""
    from penstock.gateway.snapshots_kept import snapshots_kept
    from penstock.processor.directory import CannotStart, belonging
    from penstock.processor.snapshots.parts import open_objects
    from penstock.processor.snapshots.port import SnapshotError
    from penstock.store.port import Identity

    belongs = belonging(data)
    topic_id, partitions = belongs.topic_id, belongs.partitions
    own = [Identity(topic_id, number, partitions) for number in range(partitions)]
    try:
        return snapshots_kept(open_objects(place), own)
    except SnapshotError as error:
        raise CannotStart(f"the place of the snapshots: {error}") from error


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
