"""All runs of a tenant, by partition and id, over partitions that are open here: one step each,
however many rows a run has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from penstock.core.state.keys import run_id_of, run_prefix, runs_prefix
from penstock.core.state.run import WfRun
from penstock.gateway.cursors import cursor_bytes, cursor_text
from penstock.gateway.errors import bad_request
from penstock.gateway.reads import Reads, View
from penstock.store.rowstore import RowView


class RunPlace(NamedTuple):
    """Where a list of runs goes on: behind a run of a partition, or at its beginning."""

    number: int = 0
    after: str = ""

    @classmethod
    def of(cls, cursor: str | None) -> RunPlace:
        """The place that a cursor stands for."""
        if cursor is None:
            return cls()
        number, colon, after = cursor_bytes(cursor).decode(errors="replace").partition(":")
        if not colon or not number.isdecimal() or len(number) > 6 or "\x00" in after:
            raise bad_request("parameter `cursor` is not one that was given here")
        return cls(int(number), after)

    @property
    def text(self) -> str:
        """As a cursor."""
        return cursor_text(f"{self.number}:{self.after}".encode())


def runs_of(
    reads: Reads, tenant: str, start: RunPlace, end: int
) -> Iterator[tuple[RunPlace, View, WfRun]]:
    """The runs from behind a place on and before the partition `end`, each with its own place."""
    number, after = start
    while number < end:
        view = reads.view(number)
        while (found := next_run_id(view.view, tenant, after)) is not None:
            after = found
            run = view.rows.peek(WfRun, tenant, found)
            if run is not None:
                yield RunPlace(number, found), view, run
        number, after = number + 1, ""


def next_run_id(view: RowView, tenant: str, after: str) -> str | None:
    """The next run id in a partition, by one step over all rows of the one before."""
    scope = runs_prefix(tenant)
    start = run_prefix(tenant, after)[:-1] + b"\x01" if after else scope
    key = view.first_key(start, scope[:-1] + b"s")
    return None if key is None else run_id_of(key)
