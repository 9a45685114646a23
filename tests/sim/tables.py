"""Rows of a partition as tables: every kind of row, by the run that it belongs to, kept up to date
from the bytes that a store writes. Kinds are found through `Row` itself, so new ones come along.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from penstock.core.commands import COMMANDS
from penstock.core.state.keys import PARTITION_PREFIX, Scope
from penstock.core.state.rows import Row
from penstock.store.port import META, StoreView
from penstock.store.rowstore import decode_row

R = TypeVar("R", bound=Row)

RunKey = tuple[str, str]  # tenant, WfRun id

assert COMMANDS, "the commands import every file that declares rows"


def row_kinds() -> Iterator[type[Row]]:
    """Every kind of row that the engine has; tests may declare others."""
    pending = list(Row.__subclasses__())
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        if kind.__module__.startswith("penstock."):
            yield kind


_KIND_OF = {(kind.SCOPE, kind.KIND): kind for kind in row_kinds()}
assert len(_KIND_OF) == len(list(row_kinds())), "two kinds of row have one prefix"


def kind_of(key: bytes) -> type[Row]:
    """The kind of the row with this key."""
    if key.startswith(PARTITION_PREFIX):
        return _KIND_OF[Scope.PARTITION, key[1:2]]
    _, _, rest = key.partition(b"\x00")
    scope = Scope(rest[:1].decode())
    if scope is Scope.RUN:
        _, _, rest = rest.partition(b"\x00")
        return _KIND_OF[scope, rest[:1]]
    return _KIND_OF[scope, rest[1:2]]


class Group:
    """The rows that belong to one run, by kind; and the partition's timers and queues for it."""

    def __init__(self, key: RunKey) -> None:
        self.key = key
        self._rows: dict[type[Row], dict[bytes, Row]] = {}

    def put(self, key: bytes, row: Row) -> None:
        """A row is there."""
        self._rows.setdefault(type(row), {})[key] = row

    def drop(self, key: bytes, kind: type[Row]) -> None:
        """A row is gone."""
        self._rows[kind].pop(key, None)
        if not self._rows[kind]:
            del self._rows[kind]

    def of(self, kind: type[R]) -> list[R]:
        """The rows of a kind, in order."""
        rows = self._rows.get(kind, {})
        return [row for _, row in sorted(rows.items()) if isinstance(row, kind)]

    def one(self, kind: type[R], *parts: str | int) -> R | None:
        """The row with this key, after tenant and WfRun id."""
        row = self._rows.get(kind, {}).get(kind.key(*self.key, *parts))
        return row if isinstance(row, kind) else None

    def kinds(self) -> list[type[Row]]:
        """The kinds of rows that are there."""
        return sorted(self._rows, key=lambda kind: kind.__name__)


class Tables:
    """All rows of a partition."""

    def __init__(self, view: StoreView | None = None) -> None:
        self.rows: dict[bytes, Row] = {}
        self._groups: dict[RunKey, Group] = {}
        if view is not None:
            self.apply(dict(view.scan(b"", META)))

    def apply(self, changes: Mapping[bytes, bytes | None]) -> set[RunKey]:
        """Take what a store has written; returns the runs that it touched."""
        touched: set[RunKey] = set()
        for key, data in changes.items():
            if key >= META:
                continue
            row = self.rows.pop(key, None)
            if data is not None:
                row = self.rows[key] = decode_row(kind_of(key), data)
            of = None if row is None else run_of(row)
            if row is not None and of is not None:
                touched.add(of)
                self._note(of, key, row, gone=data is None)
        return touched

    def groups(self) -> list[Group]:
        """The runs, in order."""
        return [self._groups[key] for key in sorted(self._groups)]

    def group(self, key: RunKey) -> Group:
        """A run's rows."""
        return self._groups.get(key) or Group(key)

    def of(self, kind: type[R]) -> list[R]:
        """All rows of a kind, in order."""
        return [row for _, row in sorted(self.rows.items()) if isinstance(row, kind)]

    def _note(self, of: RunKey, key: bytes, row: Row, *, gone: bool) -> None:
        group = self._groups.setdefault(of, Group(of))
        if gone:
            group.drop(key, type(row))
            if not group.kinds():
                del self._groups[of]
        else:
            group.put(key, row)


def run_of(row: Row) -> RunKey | None:
    """The run that a row belongs to, whatever its scope; the timers of schedules have none."""
    wf_run_id = getattr(row, "wf_run_id", None)
    return (getattr(row, "tenant", ""), wf_run_id) if wf_run_id else None
