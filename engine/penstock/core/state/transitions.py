"""Statuses and the moves between them, as total tables: each status has a cell for each event.

A cell is the next status, or None where the event can not happen; whoever applies an event checks
first what a caller may ask for, so an impossible move is a defect of ours (`ImpossibleMove`), never
an answer.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar


class ThreadStatus(StrEnum):
    """Of a ThreadRun, and of a WfRun, which takes its status from its entrypoint thread.

    >>> engine.run(greeting, name="Ada").get().status is ThreadStatus.COMPLETED
    True
    """

    RUNNING = "RUNNING"
    HALTING = "HALTING"
    HALTED = "HALTED"
    ERROR = "ERROR"
    EXCEPTION = "EXCEPTION"
    COMPLETED = "COMPLETED"


class ThreadEvent(StrEnum):
    """What happens to a thread. SETTLE: nothing of it is in flight any more; RESCUE: an operator
    has it go on after all.
    """

    HALT = "HALT"
    SETTLE = "SETTLE"
    RESUME = "RESUME"
    COMPLETE = "COMPLETE"
    FAIL = "FAIL"
    THROW = "THROW"
    RESCUE = "RESCUE"


class NodeStatus(StrEnum):
    """Of a NodeRun. HALTING is a name of the wire that none has. A thread takes time to halt only
    where a task of it is in flight, and a TASK node run mirrors that: it is RUNNING until the task
    has ended, whatever its thread is asked for. Every other node is halted at once.
    """

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    HALTING = "HALTING"
    HALTED = "HALTED"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"
    EXCEPTION = "EXCEPTION"


class NodeEvent(StrEnum):
    """What happens to a node run."""

    WAIT = "WAIT"
    HALT = "HALT"
    RESUME = "RESUME"
    COMPLETE = "COMPLETE"
    FAIL = "FAIL"
    THROW = "THROW"


class TaskStatus(StrEnum):
    """Of a TaskRun and of its attempts; the names of the wire."""

    TASK_PENDING = "TASK_PENDING"
    TASK_SCHEDULED = "TASK_SCHEDULED"
    TASK_RUNNING = "TASK_RUNNING"
    TASK_SUCCESS = "TASK_SUCCESS"
    TASK_FAILED = "TASK_FAILED"
    TASK_TIMEOUT = "TASK_TIMEOUT"
    TASK_OUTPUT_SERIALIZING_ERROR = "TASK_OUTPUT_SERIALIZING_ERROR"
    TASK_INPUT_VAR_SUB_ERROR = "TASK_INPUT_VAR_SUB_ERROR"
    TASK_EXCEPTION = "TASK_EXCEPTION"
    TASK_CANCELLED = "TASK_CANCELLED"


class TaskEvent(StrEnum):
    """What happens to a task run. HOLD: it can not be sent now; RETRY: another attempt will be
    made; RESTART: the attempt is given up for another one that does not count.
    """

    SEND = "SEND"
    HOLD = "HOLD"
    START = "START"
    SUCCEED = "SUCCEED"
    FAIL = "FAIL"
    TIME_OUT = "TIME_OUT"
    OUTPUT_ERROR = "OUTPUT_ERROR"
    INPUT_ERROR = "INPUT_ERROR"
    THROW = "THROW"
    CANCEL = "CANCEL"
    RETRY = "RETRY"
    RESTART = "RESTART"


class UserTaskStatus(StrEnum):
    """Of a UserTaskRun. One that is UNASSIGNED has a group."""

    UNASSIGNED = "UNASSIGNED"
    ASSIGNED = "ASSIGNED"
    DONE = "DONE"
    CANCELLED = "CANCELLED"


class UserTaskMove(StrEnum):
    """What happens to a user task. RELEASE: it is its group's again, or another group's."""

    ASSIGN = "ASSIGN"
    RELEASE = "RELEASE"
    COMPLETE = "COMPLETE"
    CANCEL = "CANCEL"


S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)
Table = Mapping[S, Mapping[E, S | None]]


class ImpossibleMove(Exception):
    """A table has no next status for this event: a defect."""


def move(table: Table[S, E], status: S, event: E) -> S:
    """The status after an event."""
    after = table[status][event]
    if after is None:
        raise ImpossibleMove(f"{status} has no move for {event}")
    return after


def _rows(events: type[E], cells: Mapping[S, Mapping[E, S]]) -> Table[S, E]:
    return {status: {event: row.get(event) for event in events} for status, row in cells.items()}


_T, _TE = ThreadStatus, ThreadEvent
THREAD: Final[Table[ThreadStatus, ThreadEvent]] = _rows(
    ThreadEvent,
    {
        _T.RUNNING: {
            _TE.HALT: _T.HALTING,
            _TE.COMPLETE: _T.COMPLETED,
            _TE.FAIL: _T.ERROR,
            _TE.THROW: _T.EXCEPTION,
        },
        _T.HALTING: {
            _TE.SETTLE: _T.HALTED,
            _TE.RESUME: _T.RUNNING,
            _TE.FAIL: _T.ERROR,
            _TE.THROW: _T.EXCEPTION,
        },
        _T.HALTED: {
            _TE.RESUME: _T.RUNNING,
            _TE.FAIL: _T.ERROR,
            _TE.THROW: _T.EXCEPTION,
        },
        _T.ERROR: {_TE.RESCUE: _T.RUNNING},
        _T.EXCEPTION: {_TE.RESCUE: _T.RUNNING},
        _T.COMPLETED: {},
    },
)

_N, _NE = NodeStatus, NodeEvent
_NODE_ENDS: Final[Mapping[NodeEvent, NodeStatus]] = {
    _NE.COMPLETE: _N.COMPLETED,
    _NE.FAIL: _N.ERROR,
    _NE.THROW: _N.EXCEPTION,
}
NODE: Final[Table[NodeStatus, NodeEvent]] = _rows(
    NodeEvent,
    {
        _N.STARTING: {_NE.WAIT: _N.RUNNING, **_NODE_ENDS},
        _N.RUNNING: {_NE.HALT: _N.HALTED, **_NODE_ENDS},
        _N.HALTING: {},
        _N.HALTED: {_NE.RESUME: _N.RUNNING, **_NODE_ENDS},  # an operator may skip it
        _N.COMPLETED: {_NE.FAIL: _N.ERROR},  # no way leads on
        _N.ERROR: {},
        _N.EXCEPTION: {},
    },
)

_K, _KE = TaskStatus, TaskEvent
_ENDS: Final[Mapping[TaskEvent, TaskStatus]] = {
    _KE.SUCCEED: _K.TASK_SUCCESS,
    _KE.FAIL: _K.TASK_FAILED,
    _KE.OUTPUT_ERROR: _K.TASK_OUTPUT_SERIALIZING_ERROR,
    _KE.INPUT_ERROR: _K.TASK_INPUT_VAR_SUB_ERROR,
    _KE.THROW: _K.TASK_EXCEPTION,
    _KE.CANCEL: _K.TASK_CANCELLED,
}
_IN_FLIGHT: Final[Mapping[TaskEvent, TaskStatus]] = {**_ENDS, _KE.RESTART: _K.TASK_PENDING}
_BY_HAND: Final[Mapping[TaskEvent, TaskStatus]] = {_KE.SUCCEED: _K.TASK_SUCCESS}
"""An operator says that a task that has failed has succeeded after all."""
TASK: Final[Table[TaskStatus, TaskEvent]] = _rows(
    TaskEvent,
    {
        _K.TASK_PENDING: {_KE.SEND: _K.TASK_SCHEDULED, **_ENDS},
        _K.TASK_SCHEDULED: {_KE.START: _K.TASK_RUNNING, _KE.HOLD: _K.TASK_PENDING, **_IN_FLIGHT},
        _K.TASK_RUNNING: {_KE.TIME_OUT: _K.TASK_TIMEOUT, **_IN_FLIGHT},
        _K.TASK_FAILED: {_KE.RETRY: _K.TASK_PENDING, **_BY_HAND},
        _K.TASK_TIMEOUT: {_KE.RETRY: _K.TASK_PENDING, **_BY_HAND},
        _K.TASK_SUCCESS: {},
        _K.TASK_OUTPUT_SERIALIZING_ERROR: {**_BY_HAND},
        _K.TASK_INPUT_VAR_SUB_ERROR: {**_BY_HAND},
        _K.TASK_EXCEPTION: {_KE.RETRY: _K.TASK_PENDING, **_BY_HAND},
        _K.TASK_CANCELLED: {**_BY_HAND},
    },
)

_U, _UM = UserTaskStatus, UserTaskMove
_USER_TASK_HANDED: Final[Mapping[UserTaskMove, UserTaskStatus]] = {
    _UM.ASSIGN: _U.ASSIGNED,
    _UM.RELEASE: _U.UNASSIGNED,
    _UM.CANCEL: _U.CANCELLED,
}
USER_TASK: Final[Table[UserTaskStatus, UserTaskMove]] = _rows(
    UserTaskMove,
    {
        _U.UNASSIGNED: _USER_TASK_HANDED,
        _U.ASSIGNED: {_UM.COMPLETE: _U.DONE, **_USER_TASK_HANDED},
        _U.DONE: {},
        _U.CANCELLED: {},
    },
)

THREAD_LIVE: Final = frozenset({_T.RUNNING, _T.HALTING, _T.HALTED})
THREAD_FAILED: Final = frozenset({_T.ERROR, _T.EXCEPTION})
NODE_LIVE: Final = frozenset({_N.STARTING, _N.RUNNING, _N.HALTED})
TASK_IN_FLIGHT: Final = frozenset({_K.TASK_SCHEDULED, _K.TASK_RUNNING})
TASK_LIVE: Final = TASK_IN_FLIGHT | {_K.TASK_PENDING}
TASK_RETRYABLE: Final = frozenset({_K.TASK_FAILED, _K.TASK_TIMEOUT})
USER_TASK_LIVE: Final = frozenset({_U.UNASSIGNED, _U.ASSIGNED})
