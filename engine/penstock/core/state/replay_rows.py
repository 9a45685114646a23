"""Rows that make a run replayable: the values that its variables had, and, in a run that is a
replay, what it was begun with.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.values.value import Value

DONE_AGAIN: Final = Failure(FailureName.CHILD_FAILURE, "it was not over, and is done again")
"""Of a thread that holds the number of one which a replay begins anew."""


class ReplayOf(Struct, array_like=True, frozen=True, gc=False):
    """Of which run another one is a replay: `original` is the first of all, and the number of the
    attempt counts from its 1. `position` is the node run of the `thread` from which it was
    replayed; None: from the beginning. `began_ms` is the start of the first of all (0: of this one,
    as far as anybody knows). `restarts` is how often the others were restarted.
    """

    of: str
    original: str
    attempt: int
    position: int | None = None
    began_ms: int = 0
    thread: int = 0
    restarts: int = 0


class Anew(Struct, array_like=True, frozen=True, gc=False):
    """A run is superseded: by the failure of which node run, and when, on the DURATION clock, the
    run begins that takes its place (None: it has begun).
    """

    thread: int
    position: int
    due_ms: int | None


class PastOutput(Struct, array_like=True, frozen=True, gc=False):
    """An output that a node had, and whether it was made of something masked."""

    value: Value
    masked: bool = False


class OldVariable(Row):
    """A value that a variable of a thread had, from the run's step `since` to `until`, both
    included. Step 0 is the start of the thread, before any node of it was reached.
    """

    KIND, SCOPE, KEY = b"V", Scope.RUN, ("tenant", "wf_run_id", "thread", "name", "until")
    SCANNED = True

    tenant: str
    wf_run_id: str
    thread: int
    name: str
    until: int
    since: int
    value: Value
    masked: bool = False


class Replayed(Row):
    """Where a thread of a replay begins, if not at its beginning (then `node` is None): the node,
    and the outputs of nodes before it, which no node run of its own tells. Kept for a replay of the
    replay.

    Of a thread below the entrypoint, it also has the `variables` with which it begins, those that
    are `masked`, and how many children are carried over whose warning it has to notice. If the node
    is a block that goes on in its middle, `into` is the thread that begins in turn in its middle,
    and `begun` has that one and those that had ended well, each with its element. The entrypoint's
    says up to which number threads are carried over.
    """

    KIND, SCOPE, KEY = b"R", Scope.RUN, ("tenant", "wf_run_id", "thread")

    tenant: str
    wf_run_id: str
    thread: int
    node: str | None
    outputs: dict[str, PastOutput]
    variables: dict[str, Value] = {}
    masked: tuple[str, ...] = ()
    warned: int = 0
    into: int | None = None
    begun: tuple[tuple[int, int], ...] = ()
    threads: int = 0
