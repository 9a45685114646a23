"""States as moments: which state an object came to, and when. What else a state object tells (its
start, its end, how long it took) is derived from these.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from penstock.core.state.start_rows import EndState
from penstock.core.values.timestamps import date_text
from penstock.core.views.seen import Json


class State(StrEnum):
    """Of executions, task runs and attempts."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    RESTARTED = "RESTARTED"
    KILLING = "KILLING"
    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    FAILED = "FAILED"
    KILLED = "KILLED"
    CANCELLED = "CANCELLED"
    QUEUED = "QUEUED"
    RETRYING = "RETRYING"
    RETRIED = "RETRIED"
    SKIPPED = "SKIPPED"


TERMINAL: Final = frozenset(
    {
        *(State.SUCCESS, State.WARNING, State.FAILED, State.KILLED),
        *(State.CANCELLED, State.RETRIED, State.SKIPPED),
    }
)

_S = State
_ANY_END: Final = frozenset({_S.SUCCESS, _S.WARNING, _S.FAILED})
_PASSED: Final = frozenset({*_ANY_END, _S.SKIPPED})
_AGAIN: Final = frozenset({_S.RESTARTED})
TASK_RUN_MOVES: Final[dict[State, frozenset[State]]] = {
    _S.CREATED: frozenset({_S.RUNNING, _S.KILLED, _S.CANCELLED, _S.RETRIED, *_PASSED}),
    _S.RUNNING: frozenset({_S.PAUSED, _S.KILLING, _S.KILLED, _S.RETRIED, *_AGAIN, *_PASSED}),
    _S.PAUSED: frozenset({_S.RUNNING, _S.KILLING, _S.KILLED, _S.RETRIED, *_AGAIN, *_PASSED}),
    _S.KILLING: frozenset({_S.KILLED, *_AGAIN, *_PASSED}),
    _S.FAILED: frozenset({_S.RETRYING, _S.RETRIED, _S.KILLED, _S.SUCCESS, _S.WARNING, *_AGAIN}),
    _S.RETRYING: frozenset({_S.CREATED, _S.RUNNING, _S.KILLED, _S.RETRIED, *_AGAIN, *_PASSED}),
    _S.RESTARTED: frozenset({_S.CREATED, _S.RUNNING, _S.KILLED, _S.RETRIED, *_PASSED}),
    _S.SUCCESS: frozenset(),
    _S.WARNING: frozenset(_AGAIN),
    _S.KILLED: frozenset({_S.SUCCESS, _S.WARNING, *_AGAIN}),
    _S.CANCELLED: frozenset(_AGAIN),
    _S.RETRIED: frozenset(_AGAIN),
    _S.SKIPPED: frozenset(),
    _S.QUEUED: frozenset(),
}
"""The moves of a task run. A success by an operator's word may follow a failure, and what has not
ended may be passed by by one. A kill of a run that waits to be begun anew is told of what failed.
"""

_SAID: Final = frozenset({*_ANY_END, _S.KILLED})
_ENDING: Final = frozenset({_S.KILLING, _S.KILLED, _S.CANCELLED, _S.RETRIED})
EXECUTION_MOVES: Final[dict[State, frozenset[State]]] = {
    _S.CREATED: frozenset({_S.QUEUED, _S.RUNNING, _S.PAUSED, *_ENDING, *_ANY_END}),
    _S.QUEUED: frozenset({_S.RUNNING, _S.PAUSED, *_ENDING, *_ANY_END}),
    _S.RUNNING: frozenset({_S.PAUSED, _S.RETRYING, *_ENDING, *_ANY_END}),
    _S.PAUSED: frozenset({_S.RUNNING, _S.RETRYING, _S.QUEUED, *_ENDING, *_AGAIN, *_ANY_END}),
    _S.RETRYING: frozenset({_S.RUNNING, _S.PAUSED, *_ENDING, *_ANY_END}),
    _S.RESTARTED: frozenset({_S.RUNNING, _S.QUEUED, _S.PAUSED, _S.RETRYING, *_ENDING, *_ANY_END}),
    _S.KILLING: frozenset({_S.KILLED, *_ANY_END}),
    **dict.fromkeys(TERMINAL, _AGAIN | _SAID),
}
"""The moves of an execution. One that waits for its place may be paused and stand in line again;
one that has failed and waits to be begun anew may be killed. What has ended may be said to count as
something else.
"""


STATE_OF_END: Final[dict[EndState, State]] = {
    EndState.COMPLETED: State.SUCCESS,
    EndState.WARNED: State.WARNING,
    EndState.ERROR: State.FAILED,
    EndState.EXCEPTION: State.FAILED,
    EndState.KILLED: State.KILLED,
    EndState.SUPERSEDED: State.RETRIED,
    EndState.LIMIT_CANCEL: State.CANCELLED,
    EndState.LIMIT_FAIL: State.FAILED,
}
"""As what an execution ends that has ended so."""


class Moment(NamedTuple):
    """A state that an object came to, and when."""

    state: State
    at_ms: int


class Timeline:
    """Moments in order; the same state again is no news."""

    def __init__(self, moments: Iterable[Moment] = ()) -> None:
        self.moments: list[Moment] = []
        for moment in moments:
            self.come_to(*moment)

    def come_to(self, state: State, at_ms: int) -> None:
        """The next state. Times never go back, whatever a broker's clock did."""
        if self.current is not state:
            last_ms = self.moments[-1].at_ms if self.moments else at_ms
            self.moments.append(Moment(state, max(at_ms, last_ms)))

    def end_as(self, state: State) -> None:
        """The end counts as another one."""
        self.moments[-1] = self.moments[-1]._replace(state=state)

    @property
    def current(self) -> State | None:
        """The newest state."""
        return self.moments[-1].state if self.moments else None

    @property
    def end(self) -> Moment | None:
        """The end, or the pause, if it has come to one."""
        last = self.moments[-1]
        return last if last.state in TERMINAL or last.state is State.PAUSED else None

    def spans(self, state: State) -> list[tuple[int, int | None]]:
        """From when to when it was in a state; None: it still is."""
        return [
            (moment.at_ms, following.at_ms if following else None)
            for moment, following in zip(self.moments, [*self.moments[1:], None], strict=True)
            if moment.state is state
        ]

    def as_json(self, now_ms: int) -> Json:
        """The state object."""
        first, last = self.moments[0], self.moments[-1]
        over = self.end is not None
        end_ms = now_ms if len(self.moments) == 1 and not over else last.at_ms
        return {
            "current": last.state,
            "histories": [
                {"state": moment.state, "date": date_text(moment.at_ms)} for moment in self.moments
            ],
            "duration": duration_text(max(0, end_ms - first.at_ms)),
            **({"endDate": date_text(last.at_ms)} if over else {}),
            "startDate": date_text(first.at_ms),
        }


def duration_text(duration_ms: float) -> str:
    """A duration in hours, minutes and seconds, such as PT1M0.5S."""
    nanoseconds = round(duration_ms * 1_000_000)
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    decimals = f".{rest:09d}".rstrip("0").rstrip(".")
    parts = [f"{hours}H" if hours else "", f"{minutes}M" if minutes else ""]
    if seconds or rest or not any(parts):
        parts.append(f"{seconds}{decimals}S")
    return "PT" + "".join(parts)
