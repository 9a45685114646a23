"""Search of user tasks: a scan of the index by what narrows most; the rest is looked at in rows."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from penstock.core.definitions.principals import Resource
from penstock.core.state.transitions import UserTaskStatus
from penstock.core.state.user_task_rows import FoundBy, UserTaskOf, UserTaskRun
from penstock.core.views.shown import shown_user_task
from penstock.gateway.auth import Caller
from penstock.gateway.errors import bad_request
from penstock.gateway.index_scan import scan_index
from penstock.gateway.reads import Reads, View, check_part


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
    reads: Reads, caller: Caller, asked: Search, limit: int, cursor: str | None, end: int
) -> tuple[list[UserTaskRun], str | None]:
    """A page of user tasks, by partition, before the partition `end`; the next one's cursor."""

    def found(view: View, entry: UserTaskOf) -> UserTaskRun | None:
        row = view.rows.peek(UserTaskRun, caller.tenant, entry.wf_run_id, entry.guid)
        if row is None or not caller.sees(Resource.USER_TASK, row.user_task_def):
            return None
        return shown_user_task(view.rows, row) if asked.wants(row) else None

    prefix = asked.prefix(caller.tenant)
    return scan_index(reads, UserTaskOf, prefix, found, limit=limit, cursor=cursor, end=end)


def _id(params: Mapping[str, str], name: str) -> str | None:
    text = params.get(name)
    return None if text is None else check_part(name, text)
