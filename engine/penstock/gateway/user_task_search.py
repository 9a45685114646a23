"""Search of user tasks: a scan of the index by what narrows most; the rest is looked at in rows."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from starlette.datastructures import QueryParams

from penstock.contracts.filters import UserTaskFilters
from penstock.core.definitions.principals import Resource
from penstock.core.state.user_task_rows import FoundBy, UserTaskOf, UserTaskRun
from penstock.core.views.filling import Filling
from penstock.core.views.seen import Json
from penstock.core.views.shown import shown_user_task
from penstock.gateway.auth import Caller
from penstock.gateway.filters import filters_in
from penstock.gateway.index_scan import scan_index
from penstock.gateway.reads import Reads, View, check_part
from penstock.gateway.user_task_json import user_task_run

_IDS: Final = ("user_id", "user_group", "user_task_def")


class Search(Struct, frozen=True):
    """What is looked for; None is anything."""

    user_id: str | None = None
    user_group: str | None = None
    user_task_def: str | None = None
    statuses: frozenset[str] = frozenset()
    start_ms: int | None = None
    end_ms: int | None = None

    @classmethod
    def of(cls, params: QueryParams) -> Search:
        """The search that the parameters of a query ask for."""
        asked = filters_in(params, UserTaskFilters)
        ids = {name: check_part(name, asked[name]) for name in _IDS if name in asked}
        return cls(
            **ids,
            statuses=frozenset(asked.get("status", ())),
            start_ms=asked.get("started_after"),
            end_ms=asked.get("started_before"),
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
        status = tuple(self.statuses) if len(self.statuses) == 1 else ()
        return UserTaskOf.key(tenant, by, of, *status)

    def wants(self, row: UserTaskRun) -> bool:
        """Whether a user task is one of those."""
        return (
            self.user_id in (None, row.user_id)
            and self.user_group in (None, row.user_group)
            and self.user_task_def in (None, row.user_task_def)
            and (not self.statuses or row.status in self.statuses)
            and (self.start_ms is None or row.scheduled_ms >= self.start_ms)
            and (self.end_ms is None or row.scheduled_ms < self.end_ms)
        )


def search(
    reads: Reads, caller: Caller, asked: Search, page: Filling, cursor: str | None, end: int
) -> str | None:
    """Fill a page with user tasks, by partition, before the partition `end`; the next one's
    cursor.
    """

    def found(view: View, entry: UserTaskOf) -> Json | None:
        row = view.rows.peek(UserTaskRun, caller.tenant, entry.wf_run_id, entry.guid)
        if row is None or not caller.sees(Resource.USER_TASK, row.user_task_def):
            return None
        return user_task_run(shown_user_task(view.rows, row)) if asked.wants(row) else None

    prefix = asked.prefix(caller.tenant)
    return scan_index(reads, UserTaskOf, prefix, found, page=page, cursor=cursor, end=end)
