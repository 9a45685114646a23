"""The states of a task run, and how one came to them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from penstock.core.state.facts import Fact
from penstock.core.state.run import TaskAttempt
from penstock.core.state.transitions import TaskStatus
from penstock.core.values.timestamps import timestamp_text


class State(StrEnum):
    """Of a task run. NONE: it is not its turn, since the task before has not succeeded; PENDING: it
    is, and it is not handed out yet; QUEUED: it waits for a slot of a worker.
    """

    NONE = "none"
    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    SHUTDOWN = "shutdown"
    RESTARTING = "restarting"
    FAILED = "failed"
    PENDING_RETRY = "pending_retry"


_S = State
TERMINAL: Final = frozenset({_S.SUCCESS, _S.FAILED, _S.SHUTDOWN})
MOVES: Final[dict[State, frozenset[State]]] = {
    _S.NONE: frozenset({_S.PENDING}),
    _S.PENDING: frozenset({_S.QUEUED, *TERMINAL}),
    _S.QUEUED: frozenset({_S.RUNNING, _S.PENDING, _S.RESTARTING, _S.PENDING_RETRY, *TERMINAL}),
    _S.RUNNING: frozenset({_S.RESTARTING, _S.PENDING_RETRY, *TERMINAL}),
    _S.PENDING_RETRY: frozenset({_S.PENDING, *TERMINAL}),
    _S.RESTARTING: frozenset({_S.PENDING, _S.PENDING_RETRY, *TERMINAL}),
    _S.SUCCESS: frozenset({_S.FAILED}),
    _S.FAILED: frozenset({_S.RESTARTING, _S.SUCCESS}),
    _S.SHUTDOWN: frozenset({_S.RESTARTING, _S.SUCCESS}),
}
"""The moves of a task run. From `queued` it goes to an end if its worker has said only then that it
ran, and not since when. What a task has returned may turn out not to fit where it is to go. After
another end an operator may have it begun again, or call it a success.
"""

STATE_OF: Final[dict[TaskStatus, State]] = {
    TaskStatus.TASK_PENDING: _S.PENDING,
    TaskStatus.TASK_SCHEDULED: _S.QUEUED,
    TaskStatus.TASK_RUNNING: _S.RUNNING,
    TaskStatus.TASK_SUCCESS: _S.SUCCESS,
    TaskStatus.TASK_FAILED: _S.FAILED,
    TaskStatus.TASK_TIMEOUT: _S.FAILED,
    TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR: _S.FAILED,
    TaskStatus.TASK_INPUT_VAR_SUB_ERROR: _S.FAILED,
    TaskStatus.TASK_EXCEPTION: _S.FAILED,
    TaskStatus.TASK_CANCELLED: _S.SHUTDOWN,
}
"""What a fact means by itself; what was before it may say more."""


class Moment(NamedTuple):
    """A state that a task run came to, and when."""

    state: State
    at_ms: int


class Line:
    """The moments of one task run, in order; the same state again is no news."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []

    @property
    def current(self) -> State:
        """The newest state."""
        return self.moments[-1].state if self.moments else State.NONE

    @property
    def cancelled_before_start(self) -> bool:
        """Whether it was shut down while nobody ran it."""
        if self.current is not State.SHUTDOWN:
            return False
        before = self.moments[-2].state if len(self.moments) > 1 else State.NONE
        return before not in (State.RUNNING, State.RESTARTING)

    def begin(self, at_ms: int) -> None:
        """It is not its turn yet."""
        if not self.moments:
            self.come_to(State.NONE, at_ms)

    def come_to(self, state: State, at_ms: int) -> None:
        """The next state."""
        if not self.moments or self.current is not state:
            self.moments.append(Moment(state, at_ms))

    def end_as(self, state: State) -> None:
        """The end counts as another one."""
        self.moments[-1] = self.moments[-1]._replace(state=state)

    def begin_again(self, at_ms: int) -> None:
        """An operator has the task begun anew."""
        self.come_to(State.RESTARTING, at_ms)
        self.come_to(State.PENDING, at_ms)

    def as_json(self) -> list[dict[str, Any]]:
        """All moments."""
        return [{"state": one.state, "at": timestamp_text(one.at_ms)} for one in self.moments]

    # What a TaskRun tells.

    def go_through(
        self, facts: Iterable[Fact], attempts: Sequence[TaskAttempt], restarts_ms: Iterable[int]
    ) -> None:
        """The facts of a TaskRun, which is pending. `restarts_ms` is when a restart was asked for,
        which may be long before it comes to that.
        """
        facts = list(facts)
        waits = bool(facts) and facts[-1].status == TaskStatus.TASK_PENDING
        followed = attempts if waits else attempts[:-1]
        given_up = {one.ended_ms for one in followed if one.status is TaskStatus.TASK_CANCELLED}
        number, held = 0, False
        for fact in facts:
            state = STATE_OF[TaskStatus(fact.status)]
            if state is State.QUEUED:
                number += 0 if held else 1
                held = False
                self._hand_out(fact.at_ms)
                continue
            held = self._is_held(state, fact.at_ms, given_up)
            if held:
                self.come_to(State.PENDING, fact.at_ms)
                continue
            if state is not State.RUNNING and 0 < number <= len(attempts):
                self._run_at_last(attempts[number - 1], fact.at_ms)
            if state is State.PENDING and self.current is State.FAILED:
                self.end_as(State.PENDING_RETRY)
            else:
                self.come_to(State.RESTARTING if state is State.PENDING else state, fact.at_ms)
        for asked_ms in restarts_ms:
            self._ask_to_restart(asked_ms)

    def _is_held(self, state: State, at_ms: int, given_up: Container[int | None]) -> bool:
        """Whether it could not be handed out, and its attempt was not given up."""
        queued = self.current is State.QUEUED
        return state is State.PENDING and queued and at_ms not in given_up

    def _hand_out(self, at_ms: int) -> None:
        if self.current is not State.PENDING:
            self.come_to(State.PENDING, at_ms)
        self.come_to(State.QUEUED, at_ms)

    def _run_at_last(self, attempt: TaskAttempt, at_ms: int) -> None:
        """A worker says only at the end of a short attempt when it was begun."""
        if self.current is State.QUEUED and attempt.started_ms is not None:
            began_ms = max(attempt.started_ms, self.moments[-1].at_ms)
            self.come_to(State.RUNNING, min(began_ms, at_ms))

    def _ask_to_restart(self, asked_ms: int) -> None:
        """It runs on until its worker gives it up, but no longer to an end."""
        for index, moment in enumerate(self.moments):
            following = self.moments[index + 1] if index + 1 < len(self.moments) else None
            if moment.state is not State.RUNNING or moment.at_ms > asked_ms:
                continue
            if following is not None and following.at_ms < asked_ms:
                continue
            if following is not None and following.state is State.RESTARTING:
                self.moments[index + 1] = Moment(State.RESTARTING, asked_ms)
            else:
                self.moments.insert(index + 1, Moment(State.RESTARTING, asked_ms))
            return
