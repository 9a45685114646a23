"""What differs between two JSON objects: by path, in the order of keys, and bounded."""

from __future__ import annotations

from typing import Final, cast

from penstock.core.values.comparing import deep_equal
from penstock.core.values.value import Value
from penstock.core.views.seen import Json

CHANGES_MAX: Final = 1_000


def changes(before: Value, after: Value) -> Json:
    """What was added, removed and changed; paths are JSON Pointers (RFC 6901). Items of arrays are
    compared by their numbers. Beyond so many changes it says that there are more.
    """
    found = _Changes()
    found.compare(before, after, "")
    return {
        "added": found.added,
        "removed": found.removed,
        "changed": found.changed,
        **({"truncated": True} if found.count > CHANGES_MAX else {}),
    }


class _Changes:
    def __init__(self) -> None:
        self.added: list[Json] = []
        self.removed: list[Json] = []
        self.changed: list[Json] = []
        self.count = 0

    def compare(self, before: Value, after: Value, path: str) -> None:
        if self.count > CHANGES_MAX:
            return
        if isinstance(before, dict) and isinstance(after, dict):
            self._members(cast(Json, before), cast(Json, after), path)
        elif isinstance(before, list) and isinstance(after, list):
            ours, theirs = cast("list[Value]", before), cast("list[Value]", after)
            self._members(_numbered(ours), _numbered(theirs), path)
        elif not deep_equal(before, after):
            self._note(self.changed, {"path": path, "from": before, "to": after})

    def _members(self, before: Json, after: Json, path: str) -> None:
        """Items of an array stay in their order, which is not that of their numbers as text."""
        keys = before.keys() | after.keys()
        for key in sorted(keys, key=lambda key: (len(key), key) if key.isdecimal() else (0, key)):
            below = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in before:
                self._note(self.added, {"path": below, "value": after[key]})
            elif key not in after:
                self._note(self.removed, {"path": below, "value": before[key]})
            else:
                self.compare(before[key], after[key], below)

    def _note(self, where: list[Json], change: Json) -> None:
        self.count += 1
        if self.count <= CHANGES_MAX:
            where.append(change)


def _numbered(items: list[Value]) -> Json:
    return {str(number): item for number, item in enumerate(items)}
