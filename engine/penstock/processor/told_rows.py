"""Rows of a run's past, to be shown: definitions that were not needed to fold them are as they are
now.
"""

from __future__ import annotations

from typing import TypeVar

from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.store.rowstore import RowView

R = TypeVar("R", bound=Row)


class ToldRows:
    """The rows that were folded, over the store as it is now."""

    def __init__(self, rows: RowView, now: RowView | None) -> None:
        self._rows = rows
        self._now = now
        self.scan = rows.scan
        self.keys = rows.keys

    def get(self, kind: type[R], key: bytes) -> R | None:
        """The row with this key."""
        row = self._rows.get(kind, key)
        if row is None and self._now is not None and kind.SCOPE is Scope.DEFINITION:
            return self._now.get(kind, key)
        return row
