"""Runs that have changed, read and encoded once for all who follow them.

Rule: what is kept of a run is given only to who was told of no later change of it than there is in
it. So it needs not to be thrown away when the run changes, and nobody is shown what he knows to be
old.
"""

from __future__ import annotations

from threading import Lock
from typing import Final

import msgspec

from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.state.run import WfRun
from penstock.gateway.dialects import Dialect, seen_of
from penstock.gateway.reads import Reads
from penstock.gateway.run_changes import RunChanges
from penstock.gateway.sent_events import event

KEPT_MAX: Final = 10_000


class ShownRun:
    """A run as it stood once so many changes were written; None if it is gone, or its spec is."""

    def __init__(self, number: int, run: WfRun | None, spec: WfSpec | None) -> None:
        self.number = number
        self.run = run
        self.spec = spec
        self.told: dict[Dialect, tuple[int, bytes]] = {}


class ShownRuns:
    """Those that were looked at last. Used by many threads."""

    def __init__(self, changes: RunChanges, reads: Reads) -> None:
        self._changes = changes
        self._reads = reads
        self._lock = Lock()  # also while one reads: the others would only read the same
        self._kept: dict[tuple[str, str], ShownRun] = {}

    def at(self, tenant: str, wf_run_id: str, number: int) -> ShownRun:
        """A run with all its changes up to the one of this number, at least."""
        key = tenant, wf_run_id
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept.number < number:
                self._kept.pop(key, None)
                kept = self._kept[key] = self._read(tenant, wf_run_id)
                if len(self._kept) > KEPT_MAX:
                    del self._kept[next(iter(self._kept))]
            return kept

    def told(self, shown: ShownRun, dialect: Dialect) -> tuple[int, bytes]:
        """The event that tells of it, and a hash of what it says."""
        with self._lock:
            found = shown.told.get(dialect)
            if found is None:
                assert shown.run is not None, "one that is gone is not shown"
                view = self._reads.view(self._reads.number_of(shown.run.wf_run_id))
                head = msgspec.json.encode(dialect.head(seen_of(view, shown.run)))
                found = shown.told[dialect] = hash(head), event("run", msgspec.Raw(head))
            return found

    def _read(self, tenant: str, wf_run_id: str) -> ShownRun:
        number = self._changes.written_count  # before the view, which may have more
        rows = self._reads.view(self._reads.number_of(wf_run_id)).rows
        run = rows.peek(WfRun, tenant, wf_run_id)
        spec = None if run is None else rows.peek(WfSpec, tenant, run.wf_spec, run.version)
        return ShownRun(number, run, spec)
