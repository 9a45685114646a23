"""The families of errors that the core knows, each with one reaction, and the stable codes that
users see.

Reject   the caller's fault: answered with a code and a sentence that helps; no state changes.
Failure  a step's business or technical failure: state, see run.py.
Defect   raised by nobody on purpose: any other exception out of the fold is one; ruled on (R6).
Outdated the log has a fold version that this build does not know: the partition is given up (R9).
"""

from enum import StrEnum
from typing import NoReturn

from msgspec import Struct


class Code(StrEnum):
    """Codes of refusals. They never change their meaning."""

    MALFORMED = "MALFORMED"
    COMMAND_UNKNOWN = "COMMAND_UNKNOWN"
    BAD_NAME = "BAD_NAME"
    BAD_ID = "BAD_ID"
    BAD_VALUE = "BAD_VALUE"
    BAD_TYPE = "BAD_TYPE"
    BAD_SPEC = "BAD_SPEC"
    TOO_LARGE = "TOO_LARGE"
    LIMIT = "LIMIT"
    EXPIRED = "EXPIRED"
    WRONG_PARTITION = "WRONG_PARTITION"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    COMMAND_ID_REUSED = "COMMAND_ID_REUSED"
    FORBIDDEN = "FORBIDDEN"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    PRINCIPAL_UNKNOWN = "PRINCIPAL_UNKNOWN"
    API_KEY_UNKNOWN = "API_KEY_UNKNOWN"
    TENANT_UNKNOWN = "TENANT_UNKNOWN"
    QUOTA_UNKNOWN = "QUOTA_UNKNOWN"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    TASK_DEF_UNKNOWN = "TASK_DEF_UNKNOWN"
    SPEC_UNKNOWN = "SPEC_UNKNOWN"
    DEFINITION_UNKNOWN = "DEFINITION_UNKNOWN"
    EVENT_DEF_UNKNOWN = "EVENT_DEF_UNKNOWN"
    EVENT_DEF_NOT_CORRELATED = "EVENT_DEF_NOT_CORRELATED"
    EVENT_NOT_AWAITED = "EVENT_NOT_AWAITED"
    CORRELATED_EVENT_UNKNOWN = "CORRELATED_EVENT_UNKNOWN"
    STRUCT_DEF_UNKNOWN = "STRUCT_DEF_UNKNOWN"
    APPLICATION_UNKNOWN = "APPLICATION_UNKNOWN"
    WEBHOOK_UNKNOWN = "WEBHOOK_UNKNOWN"
    ADDRESS_UNKNOWN = "ADDRESS_UNKNOWN"
    VARIABLE_UNKNOWN = "VARIABLE_UNKNOWN"
    VARIABLE_REQUIRED = "VARIABLE_REQUIRED"
    WF_RUN_UNKNOWN = "WF_RUN_UNKNOWN"
    PARENT_REQUIRED = "PARENT_REQUIRED"
    WF_RUN_ENDED = "WF_RUN_ENDED"
    THREAD_UNKNOWN = "THREAD_UNKNOWN"
    WF_RUN_LIVE = "WF_RUN_LIVE"
    WF_RUN_BUSY = "WF_RUN_BUSY"
    WF_RUN_NOT_FAILED = "WF_RUN_NOT_FAILED"
    WF_RUN_IS_CHILD = "WF_RUN_IS_CHILD"
    WF_RUN_DELETING = "WF_RUN_DELETING"
    WF_RUN_NOT_HELD = "WF_RUN_NOT_HELD"
    THREAD_NOT_HALTED = "THREAD_NOT_HALTED"
    THREAD_NOT_FAILED = "THREAD_NOT_FAILED"
    FAILURE_HANDLED = "FAILURE_HANDLED"
    NODE_NOT_SKIPPABLE = "NODE_NOT_SKIPPABLE"
    NOT_REPLAYABLE = "NOT_REPLAYABLE"
    OLD_VALUE_GONE = "OLD_VALUE_GONE"
    TASK_RUN_ENDED = "TASK_RUN_ENDED"
    NODE_RUN_UNKNOWN = "NODE_RUN_UNKNOWN"
    TASK_RUN_UNKNOWN = "TASK_RUN_UNKNOWN"
    ATTEMPT_STALE = "ATTEMPT_STALE"
    ATTEMPT_TAKEN = "ATTEMPT_TAKEN"
    ATTEMPT_ENDED = "ATTEMPT_ENDED"
    TASK_NOT_QUEUED = "TASK_NOT_QUEUED"
    TASK_NOT_IN_FLIGHT = "TASK_NOT_IN_FLIGHT"
    TASK_NOT_IN_BACKOFF = "TASK_NOT_IN_BACKOFF"
    STOP_REQUESTED = "STOP_REQUESTED"
    BREAKER_UNKNOWN = "BREAKER_UNKNOWN"
    CHECKPOINT_GAP = "CHECKPOINT_GAP"
    CHECKPOINT_STALE = "CHECKPOINT_STALE"
    STATUS_NOT_REPORTABLE = "STATUS_NOT_REPORTABLE"
    USER_TASK_DEF_UNKNOWN = "USER_TASK_DEF_UNKNOWN"
    USER_TASK_UNKNOWN = "USER_TASK_UNKNOWN"
    USER_TASK_ENDED = "USER_TASK_ENDED"
    USER_TASK_CLAIMED = "USER_TASK_CLAIMED"
    USER_TASK_NOT_ASSIGNED = "USER_TASK_NOT_ASSIGNED"
    USER_TASK_NO_GROUP = "USER_TASK_NO_GROUP"
    FIELD_UNKNOWN = "FIELD_UNKNOWN"
    FIELD_REQUIRED = "FIELD_REQUIRED"
    COMMENT_UNKNOWN = "COMMENT_UNKNOWN"
    COMMENT_DELETED = "COMMENT_DELETED"
    BREAKING_UPDATE = "BREAKING_UPDATE"
    BAD_SCHEDULE = "BAD_SCHEDULE"
    SCHEDULE_UNKNOWN = "SCHEDULE_UNKNOWN"
    SCHEDULE_ENDED = "SCHEDULE_ENDED"
    ASK_CLOSED = "ASK_CLOSED"
    BAD_FILTER = "BAD_FILTER"
    VERB_UNKNOWN = "VERB_UNKNOWN"
    BULK_UNKNOWN = "BULK_UNKNOWN"
    BULK_ENDED = "BULK_ENDED"
    ENGINE_DEFECT = "ENGINE_DEFECT"
    VERSION_UNKNOWN = "VERSION_UNKNOWN"
    MIGRATION_IMPOSSIBLE = "MIGRATION_IMPOSSIBLE"


MENDED_BY_TIME = frozenset(
    {
        Code.SPEC_UNKNOWN,
        Code.DEFINITION_UNKNOWN,
        Code.TASK_DEF_UNKNOWN,
        Code.EVENT_DEF_UNKNOWN,
        Code.WEBHOOK_UNKNOWN,
        Code.WF_RUN_DELETING,
        Code.VERSION_UNKNOWN,
    }
)
"""Refusals that are not remembered, since the same command may be right a moment later (R12)."""


MESSAGE_CHARS_MAX = 2_000


class Fault(Struct, array_like=True, frozen=True, gc=False):
    """One of the things that are wrong with a definition: of which kind (names that never change
    their meaning, see fault_kinds.py), a sentence, and the thread and node where it is.
    """

    kind: str
    message: str
    thread: str = ""
    node: str = ""


class Reject(Exception):
    """A command is refused; nothing of it stays but the remembered answer."""

    def __init__(self, code: Code, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message[:MESSAGE_CHARS_MAX]
        self.faults = faults


def refuse(code: Code, message: str, faults: tuple[Fault, ...] = ()) -> NoReturn:
    """Refuse the command at hand."""
    raise Reject(code, message, faults)


class Outdated(Exception):
    """The log is at a fold version above this build's; it must not fold on (R9)."""
