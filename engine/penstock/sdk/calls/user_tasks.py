"""Forms that people fill in: find them, hand them out, fill them in, remark on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Unpack

from penstock.contracts.answers.told import CommentTold, UserTaskTold
from penstock.contracts.answers.user_tasks import CommentShown, UserTaskEventShown, UserTaskShown
from penstock.contracts.filters import UserTaskFilters
from penstock.sdk import hints
from penstock.sdk.api import Call, Exchange, below, command, filters, given
from penstock.sdk.calls.run_reads import of_run
from penstock.sdk.connection import Feed
from penstock.sdk.subject import C, Subject, asks, lists

T = TypeVar("T")

PATH = "/v1/user-task-runs"


class UserTasks(Subject[C]):
    """`client.user_tasks`. A user task's id is `<wf run id>/<guid>`, as `find` gives it.

    >>> approve = Form("approve", agreed=bool)
    >>> @workflow
    ... def gift(item: str) -> bool:
    ...     return user_task(approve, group="sales")["agreed"]
    >>> client.register(gift)
    >>> run = client.run(gift, item="a book")
    >>> [form] = run.user_tasks()
    >>> _ = client.user_tasks.claim(form.id, "bob")
    >>> print(client.user_tasks.complete(form.id, "bob", {"agreed": True}).status)
    DONE
    >>> run.result(timeout=30)
    True
    """

    @lists
    def find(self, **which: Unpack[UserTaskFilters]) -> Feed[UserTaskShown]:
        """User tasks of all runs, by any of user, group, status, form and time."""
        return self._pages(UserTaskShown, Call(method="GET", path=PATH, params=filters(which)))

    @asks
    def get(self, user_task: str) -> Exchange[UserTaskShown]:
        """A user task."""
        return self._ask(UserTaskShown, _read(user_task))

    @asks
    def assign(
        self,
        user_task: str,
        *,
        user_id: str | None = None,
        user_group: str | None = None,
        override_claim: bool = False,
    ) -> Exchange[UserTaskTold]:
        """Say who is to have it: what is not named, it has no more. From a user it is taken only
        with `override_claim`.
        """
        return self._act(
            user_task,
            "assign",
            user_id=user_id,
            user_group=user_group,
            override_claim=override_claim,
        )

    @asks
    def claim(self, user_task: str, user_id: str) -> Exchange[UserTaskTold]:
        """Take it from its group; the group stays."""
        return self._act(user_task, "claim", user_id=user_id)

    @asks
    def release(self, user_task: str) -> Exchange[UserTaskTold]:
        """Give it back to its group."""
        return self._act(user_task, "release")

    @asks
    def save(
        self,
        user_task: str,
        user_id: str,
        results: Mapping[str, Any],
        *,
        policy: Literal["FAIL_IF_CLAIMED_BY_OTHER", "IGNORE_CLAIM"] = "FAIL_IF_CLAIMED_BY_OTHER",
    ) -> Exchange[UserTaskTold]:
        """Keep some of the fields; those that were saved before, and are not named, stay."""
        plain = hints.to_json(results, None)
        return self._act(user_task, "save", user_id=user_id, results=plain, policy=policy)

    @asks
    def complete(
        self, user_task: str, user_id: str, results: Mapping[str, Any], *, override: bool = False
    ) -> Exchange[UserTaskTold]:
        """Hand in the whole form. What another user has only with `override`."""
        plain = hints.to_json(results, None)
        return self._act(user_task, "complete", user_id=user_id, results=plain, override=override)

    @asks
    def cancel(self, user_task: str) -> Exchange[UserTaskTold]:
        """End it without results; its thread fails, or goes on as its node says."""
        return self._act(user_task, "cancel")

    @asks
    def audit(self, user_task: str) -> Exchange[list[UserTaskEventShown]]:
        """All that has happened to it, oldest first."""
        return self._all(UserTaskEventShown, _read(user_task, "events"))

    @asks
    def comments(self, user_task: str) -> Exchange[list[CommentShown]]:
        """What people have remarked."""
        return self._all(CommentShown, _read(user_task, "comments"))

    @asks
    def comment(self, user_task: str, user_id: str, text: str) -> Exchange[int]:
        """Remark something; the comment's number."""
        return self._comment("POST", user_task, user_id=user_id, text=text)

    @asks
    def edit_comment(self, user_task: str, comment: int, user_id: str, text: str) -> Exchange[int]:
        """Have a comment say something else."""
        return self._comment("PUT", user_task, comment, user_id=user_id, text=text)

    @asks
    def delete_comment(self, user_task: str, comment: int, user_id: str) -> Exchange[int]:
        """Take a comment's text away; that there was one stays."""
        path = _path(user_task, "comments", comment)
        call = command("DELETE", path, None, of=_of(user_task), params={"user_id": user_id})
        return (yield from self._ask(CommentTold, call)).comment

    def _act(self, user_task: str, action: str, **body: Any) -> Exchange[UserTaskTold]:
        path = _path(user_task, "actions", action)
        return self._ask(UserTaskTold, command("POST", path, given(**body), of=_of(user_task)))

    def _comment(self, method: str, user_task: str, *comment: int, **body: str) -> Exchange[int]:
        path = _path(user_task, "comments", *comment)
        call = command(method, path, body, of=_of(user_task))
        return (yield from self._ask(CommentTold, call)).comment


def _read(user_task: str, *part: str) -> Call:
    return Call(method="GET", path=_path(user_task, *part), of=_of(user_task))


def _path(user_task: str, *part: str | int) -> str:
    wf_run_id, _, guid = user_task.partition("/")
    if not guid:
        raise ValueError(f"{user_task!r} is no user task: one has the id of its run, '/', its own")
    return below(PATH, wf_run_id, guid, *part)


def _of(user_task: str) -> str:
    return of_run(user_task.partition("/")[0])
