"""Search of user tasks: a scan of the index by what narrows most; the rest is looked at in rows.

A page looks at so many entries at most; one that is not full may have a cursor, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from msgspec import Struct

from penstock.core.state.keys import after_prefix
from penstock.core.state.transitions import UserTaskStatus
from penstock.core.state.user_task_rows import FoundBy, UserTaskOf, UserTaskRun
from penstock.core.views.shown import shown_user_task
from penstock.gateway.errors import bad_request
from penstock.gateway.reads import Reads, View, check_part
from penstock.gateway.web import cursor_bytes, cursor_text

ENTRIES_PER_PAGE_MAX: Final = 10_000


class Search(Struct, frozen=True):
    """What is looked for; None is anything."""

    user_id: str | None = None
    user_group: str | None = None
    user_task_def: str | None = None
    status: UserTaskStatus | None = None

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Search:
        """The search that the parameters of a query ask for."""
        status = params.get("user_task_status")
        if status is not None and status not in set(UserTaskStatus):
            known = ", ".join(UserTaskStatus)
            raise bad_request(f"parameter `user_task_status` must be one of {known}")
        return cls(
            user_id=_id(params, "user_id"),
            user_group=_id(params, "user_group_id"),
            user_task_def=_id(params, "user_task_def_name"),
            status=None if status is None else UserTaskStatus(status),
        )

    def prefix(self, tenant: str) -> bytes:
        """Where in the index to look."""
        by, of = next(
            (by, of)
            for by, of in (
                (FoundBy.USER, self.user_id),
                (FoundBy.GROUP, self.user_group),
                (FoundBy.DEF, self.user_task_def),
                (FoundBy.STATUS, ""),
            )
            if of is not None
        )
        status = () if self.status is None else (self.status,)
        return UserTaskOf.key(tenant, by, of, *status)

    def wants(self, row: UserTaskRun) -> bool:
        """Whether a user task is one of those."""
        return (
            self.user_id in (None, row.user_id)
            and self.user_group in (None, row.user_group)
            and self.user_task_def in (None, row.user_task_def)
            and self.status in (None, row.status)
        )


def search(
    reads: Reads, tenant: str, asked: Search, limit: int, cursor: str | None
) -> tuple[list[UserTaskRun], str | None]:
    """A page of user tasks, by partition, and the cursor of the next one."""
    number, after = _place(cursor)
    rows: list[UserTaskRun] = []
    left = ENTRIES_PER_PAGE_MAX
    while number < reads.partitions:
        if reads.is_open(number):
            view = reads.view(number)
            entries = _entries(view, asked.prefix(tenant), after, left)
            for rest, entry in entries:
                row = view.rows.peek(UserTaskRun, tenant, entry.wf_run_id, entry.guid)
                left -= 1
                if row is not None and asked.wants(row):
                    rows.append(shown_user_task(view.rows, row))
                if len(rows) == limit or left == 0:
                    return rows, cursor_text(f"{number}:".encode() + rest)
        number, after = number + 1, b""
    return rows, None


def _entries(
    view: View, prefix: bytes, after: bytes, most: int
) -> Iterator[tuple[bytes, UserTaskOf]]:
    start = prefix + after + b"\x00" if after else prefix
    found = islice(view.rows.range(UserTaskOf, start, after_prefix(prefix)), most)
    return ((key[len(prefix) :], row) for key, row in found)


def _place(cursor: str | None) -> tuple[int, bytes]:
    if cursor is None:
        return 0, b""
    number, colon, after = cursor_bytes(cursor).partition(b":")
    if not colon or not number.isdigit() or len(number) > 6:
        raise bad_request("parameter `cursor` is not one that was given here")
    return int(number), after


def _id(params: Mapping[str, str], name: str) -> str | None:
    text = params.get(name)
    return None if text is None else check_part(name, text)
