"""Failures: why a node, a thread or a run failed, which handler is for which, and what a parent
sees of a child's.

A technical failure (status ERROR) has one of the names below; any other name is a business
exception (status EXCEPTION).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from penstock.core.ids import is_inner_name
from penstock.core.values.value import Value


class FailureName(StrEnum):
    """The names of technical failures."""

    TASK_FAILURE = "TASK_FAILURE"
    TIMEOUT = "TIMEOUT"
    TASK_CANCELLED = "TASK_CANCELLED"
    USER_TASK_CANCELLED = "USER_TASK_CANCELLED"
    CHILD_FAILURE = "CHILD_FAILURE"
    VAR_SUB_ERROR = "VAR_SUB_ERROR"
    VAR_MUTATION_ERROR = "VAR_MUTATION_ERROR"
    OUTPUT_TOO_LARGE = "OUTPUT_TOO_LARGE"
    STEP_LIMIT = "STEP_LIMIT"
    LIMIT = "LIMIT"
    KILLED = "KILLED"
    SUPERSEDED = "SUPERSEDED"
    ENGINE_DEFECT = "ENGINE_DEFECT"


ANY_ERROR: Final = "ERROR"
ANY_EXCEPTION: Final = "EXCEPTION"
GROUPS: Final[dict[str, frozenset[str]]] = {
    ANY_ERROR: frozenset(FailureName),
    "VAR_ERROR": frozenset((FailureName.VAR_SUB_ERROR, FailureName.VAR_MUTATION_ERROR)),
    "TASK_ERROR": frozenset((FailureName.TASK_FAILURE, FailureName.TIMEOUT)),
}
"""Names that a handler may use for several technical failures."""

TECHNICAL_FAILURES: Final = frozenset(name.value for name in FailureName)
RESERVED_NAMES: Final = TECHNICAL_FAILURES | GROUPS.keys() | {ANY_EXCEPTION}
"""What a business exception may not be called."""

EXCEPTION_NAME: Final = "1-128 letters, digits, '.', '_' or '-', and none of the engine's own names"

UNHANDLED: Final = frozenset(
    (FailureName.KILLED, FailureName.SUPERSEDED, FailureName.ENGINE_DEFECT)
)
"""Nobody handles these: the run is being ended on purpose."""

NOT_ALLOWED: Final = UNHANDLED | {FailureName.STEP_LIMIT}
"""What ends a thread even where its node may fail: behind the limit the next node would fail like
this one, and the thread would go on for ever.
"""


def is_exception_name(name: str) -> bool:
    """Whether a business exception may have this name."""
    return is_inner_name(name) and name not in RESERVED_NAMES


_BY_KILL: Final = frozenset((FailureName.KILLED, FailureName.TASK_CANCELLED))


class Failure(Struct, array_like=True, frozen=True, gc=False):
    """Why something failed. `cause`, of a CHILD_FAILURE, is the name of the failure from which it
    has come, however far below; where several have failed, and one was killed, that is the cause.
    """

    name: str
    message: str
    content: Value = None
    masked: bool = False  # the content; messages never show what is masked
    cause: str | None = None

    @property
    def technical(self) -> bool:
        """Whether it ends a thread in ERROR; a business exception ends it in EXCEPTION."""
        return self.name in TECHNICAL_FAILURES

    @property
    def by_kill(self) -> bool:
        """Whether what failed, or what it waited for, was made to end: a run, or a task alone."""
        return not _BY_KILL.isdisjoint((self.name, self.cause))

    def beside(self, other: Failure) -> Failure:
        """This one, when another has come after it: that something was killed is not lost."""
        if self.by_kill or not other.by_kill:
            return self
        return replace(self, cause=other.cause or other.name)


class FailureHandler(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A thread that handles failures: of one name, of a group, ERROR or EXCEPTION (any of them), or
    every one if nothing is said. Its variable INPUT, if declared, is the failure's content. With
    `rethrow` the failure is as good as unhandled once the thread has completed.
    """

    thread: str
    failure: str | None = None
    rethrow: bool = False

    def is_for(self, failure: Failure) -> bool:
        """Whether it handles this failure."""
        if failure.name in UNHANDLED:
            return False
        if self.failure is None or self.failure == failure.name:
            return True
        if self.failure == ANY_EXCEPTION:
            return not failure.technical
        return failure.name in GROUPS.get(self.failure, ())


def handler_of(handlers: Sequence[FailureHandler], failure: Failure) -> FailureHandler | None:
    """The first handler in the list that is for a failure."""
    return next((handler for handler in handlers if handler.is_for(failure)), None)


def seen_from_above(failure: Failure, what: str) -> Failure:
    """What a failure means to who waited for it: an exception keeps its name and content, any
    technical one is a CHILD_FAILURE.
    """
    message = f"{what}: {failure.name}: {failure.message}"[:2_000]
    if failure.technical:
        cause = failure.cause or failure.name
        return Failure(FailureName.CHILD_FAILURE, message, cause=cause)
    return Failure(failure.name, message, failure.content, failure.masked, failure.cause)
