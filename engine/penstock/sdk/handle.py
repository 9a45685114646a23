"""Handles of runs: wait for a result, look at the run, act on it, put events to it."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar, cast

from penstock.contracts.answers.runs import FailureShown, WfRunShown
from penstock.core.state.transitions import THREAD_LIVE, ThreadStatus
from penstock.core.values.types import ValueProblem
from penstock.sdk import hints
from penstock.sdk.api import Exchange
from penstock.sdk.calls.updates import Updates
from penstock.sdk.connection import Awaiting, Blocking
from penstock.sdk.deadline import Deadline
from penstock.sdk.errors import RunFailed
from penstock.sdk.subject import C

R = TypeVar("R")

WAIT_S: Final = 20.0  # of one long poll


class _Handle(Updates[C], Generic[C, R]):
    """A run. `id` is all it is made of: a handle can be made anew anywhere, with
    `client.handle(id)`.
    """

    def __init__(self, connection: C, wf_run_id: str, return_hint: Any = hints.UNKNOWN) -> None:
        super().__init__(connection, wf_run_id)
        self.return_hint = return_hint

    def __repr__(self) -> str:
        return f"<run {self.id}>"

    def outcome(self, run: WfRunShown) -> R:
        """The output of a run that has ended, as `get` shows it; raises RunFailed."""
        if run.status != ThreadStatus.COMPLETED:
            failure = run.failure or FailureShown(name=run.status, message="", content=None)
            raise RunFailed(
                self.id,
                failure.name,
                failure.message,
                status=run.status,
                content=failure.content,
            )
        if run.output is None or self.return_hint in (None, hints.UNKNOWN):
            return cast(R, run.output)
        try:
            return hints.from_json(run.output, self.return_hint)
        except ValueProblem as problem:
            shown = hints.shown(self.return_hint)
            raise TypeError(f"run {self.id} returned what is not {shown}: {problem}") from None

    def _result(self, timeout: float | None) -> Exchange[R]:
        deadline = Deadline(timeout, self.id)
        while True:
            call = self._part_in("", deadline.left_s(WAIT_S), until="ended", brief="true")
            run = yield from deadline.keep(self._ask(WfRunShown, call))
            if run.status not in THREAD_LIVE:
                return self.outcome(run)
            deadline.check()


class RunHandle(_Handle[Blocking, R], Generic[R]):
    """A run, as a Client gives it.

    >>> run = client.run(greeting, name="Ada", wf_run_id="greeting-3")
    >>> run.result(timeout=30), run.variables()
    ('Hello, Ada', {'name': 'Ada'})
    """

    def result(self, timeout: float | None = None) -> R:
        """Wait until the run has ended, and return its output.

        Raises RunFailed with the failure's name if it ended otherwise, ResultTimeout if it has not
        ended in time, or the server has not said so.

        >>> run.result(timeout=30)
        'Hello, Ada'
        """
        return self.connection.do(self._result(timeout))


class AsyncRunHandle(_Handle[Awaiting, R], Generic[R]):
    """A run, as an AsyncClient gives it. `await handle.result()`.

    >>> async def follow(name: str) -> list[str]:
    ...     async with AsyncClient(url) as ours:
    ...         run = await ours.run(greeting, name=name)
    ...         return [line async for line in run.follow_story(timeout=30)]
    >>> asyncio.run(follow("Ada"))[-1]
    "... run COMPLETED, returns 'Hello, Ada'"
    """

    async def result(self, timeout: float | None = None) -> R:
        """See RunHandle."""
        return await self.connection.do(self._result(timeout))
