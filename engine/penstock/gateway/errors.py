"""What goes wrong at the edge, and the one table from codes to HTTP statuses.

The body of every error is {"error": {"code", "message"}}; codes are stable, messages are sentences
for people. A definition that is wrong has `faults` there: [{"fault", "message", "thread", "node"}],
of which the first is a stable name.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from penstock.core.errors import Code, Fault
from penstock.log.port import AppendRefused, LogError, Position
from penstock.processor.errors import StopCause


class EdgeCode(StrEnum):
    """Codes that the gateway itself answers with; the fold knows nothing of them."""

    BAD_JSON = "BAD_JSON"
    BAD_REQUEST = "BAD_REQUEST"
    BAD_TOKEN = "BAD_TOKEN"
    BAD_MEDIA_TYPE = "BAD_MEDIA_TYPE"
    BODY_TIMEOUT = "BODY_TIMEOUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FOREIGN_HOST = "FOREIGN_HOST"
    FOREIGN_ORIGIN = "FOREIGN_ORIGIN"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    OVERLOADED = "OVERLOADED"
    LAGGING = "LAGGING"
    TOO_MANY_STREAMS = "TOO_MANY_STREAMS"
    TOO_MANY_WAITS = "TOO_MANY_WAITS"
    TOO_MANY_SEARCHES = "TOO_MANY_SEARCHES"
    DRAINING = "DRAINING"
    NO_ROOM = "NO_ROOM"
    INTERNAL = "INTERNAL"
    RESTORING = "RESTORING"
    NOT_OWNER = "NOT_OWNER"
    STALE_OWNER = "STALE_OWNER"
    UNREACHED = "UNREACHED"
    UNAVAILABLE = "UNAVAILABLE"
    ANSWER_TIMEOUT = "ANSWER_TIMEOUT"
    POSITION_TIMEOUT = "POSITION_TIMEOUT"
    NOT_EVERYWHERE = "NOT_EVERYWHERE"
    NO_VALUE = "NO_VALUE"
    VIEW_UNKNOWN = "VIEW_UNKNOWN"
    PAST_UNKNOWN = "PAST_UNKNOWN"
    NOT_RETRYABLE = "NOT_RETRYABLE"


STATUS_OF: Final[Mapping[Code | EdgeCode | StopCause, int]] = {
    Code.MALFORMED: 400,
    Code.COMMAND_UNKNOWN: 400,
    Code.BAD_NAME: 400,
    Code.BAD_ID: 400,
    Code.BAD_VALUE: 400,
    Code.BAD_TYPE: 400,
    Code.BAD_SPEC: 400,
    Code.TOO_LARGE: 413,
    Code.LIMIT: 422,
    Code.EXPIRED: 409,
    Code.WRONG_PARTITION: 400,
    Code.ALREADY_EXISTS: 409,
    Code.COMMAND_ID_REUSED: 409,
    Code.FORBIDDEN: 403,
    Code.PERMISSION_DENIED: 403,
    Code.PRINCIPAL_UNKNOWN: 404,
    Code.API_KEY_UNKNOWN: 404,
    Code.TENANT_UNKNOWN: 404,
    Code.QUOTA_UNKNOWN: 404,
    Code.QUOTA_EXCEEDED: 429,
    Code.TASK_DEF_UNKNOWN: 404,
    Code.PARENT_REQUIRED: 409,
    Code.SPEC_UNKNOWN: 404,
    Code.DEFINITION_UNKNOWN: 400,
    Code.EVENT_DEF_UNKNOWN: 404,
    Code.EVENT_DEF_NOT_CORRELATED: 400,
    Code.EVENT_NOT_AWAITED: 409,
    Code.CORRELATED_EVENT_UNKNOWN: 404,
    Code.STRUCT_DEF_UNKNOWN: 404,
    Code.APPLICATION_UNKNOWN: 404,
    Code.WEBHOOK_UNKNOWN: 404,
    Code.ADDRESS_UNKNOWN: 404,
    Code.VARIABLE_UNKNOWN: 400,
    Code.VARIABLE_REQUIRED: 400,
    Code.WF_RUN_UNKNOWN: 404,
    Code.WF_RUN_ENDED: 409,
    Code.THREAD_UNKNOWN: 404,
    Code.WF_RUN_LIVE: 409,
    Code.WF_RUN_BUSY: 409,
    Code.MIGRATION_IMPOSSIBLE: 409,
    Code.WF_RUN_NOT_FAILED: 409,
    Code.WF_RUN_IS_CHILD: 409,
    Code.WF_RUN_DELETING: 409,
    Code.WF_RUN_NOT_HELD: 409,
    Code.THREAD_NOT_HALTED: 409,
    Code.THREAD_NOT_FAILED: 409,
    Code.FAILURE_HANDLED: 409,
    Code.NODE_NOT_SKIPPABLE: 409,
    Code.NOT_REPLAYABLE: 409,
    Code.OLD_VALUE_GONE: 409,
    Code.TASK_RUN_ENDED: 409,
    Code.NODE_RUN_UNKNOWN: 404,
    Code.TASK_RUN_UNKNOWN: 404,
    Code.ATTEMPT_STALE: 409,
    Code.ATTEMPT_TAKEN: 409,
    Code.ATTEMPT_ENDED: 409,
    Code.TASK_RUN_ENDED: 409,
    Code.TASK_NOT_QUEUED: 409,
    Code.TASK_NOT_IN_FLIGHT: 409,
    Code.TASK_NOT_IN_BACKOFF: 409,
    Code.STOP_REQUESTED: 409,
    Code.BREAKER_UNKNOWN: 409,
    Code.CHECKPOINT_GAP: 409,
    Code.CHECKPOINT_STALE: 409,
    Code.STATUS_NOT_REPORTABLE: 400,
    Code.USER_TASK_DEF_UNKNOWN: 404,
    Code.USER_TASK_UNKNOWN: 404,
    Code.USER_TASK_ENDED: 409,
    Code.USER_TASK_CLAIMED: 409,
    Code.USER_TASK_NOT_ASSIGNED: 409,
    Code.USER_TASK_NO_GROUP: 409,
    Code.FIELD_UNKNOWN: 400,
    Code.FIELD_REQUIRED: 400,
    Code.COMMENT_UNKNOWN: 404,
    Code.COMMENT_DELETED: 409,
    Code.BREAKING_UPDATE: 409,
    Code.BAD_SCHEDULE: 400,
    Code.SCHEDULE_UNKNOWN: 404,
    Code.SCHEDULE_ENDED: 409,
    Code.ASK_CLOSED: 409,
    Code.BAD_FILTER: 400,
    Code.VERB_UNKNOWN: 400,
    Code.BULK_UNKNOWN: 404,
    Code.BULK_ENDED: 409,
    Code.ENGINE_DEFECT: 500,
    Code.VERSION_UNKNOWN: 409,
    EdgeCode.BAD_JSON: 400,
    EdgeCode.BAD_REQUEST: 400,
    EdgeCode.BAD_TOKEN: 400,
    EdgeCode.BAD_MEDIA_TYPE: 415,
    EdgeCode.BODY_TIMEOUT: 408,
    EdgeCode.UNAUTHENTICATED: 401,
    EdgeCode.FOREIGN_HOST: 403,
    EdgeCode.FOREIGN_ORIGIN: 403,
    EdgeCode.NOT_FOUND: 404,
    EdgeCode.METHOD_NOT_ALLOWED: 405,
    EdgeCode.OVERLOADED: 429,
    EdgeCode.LAGGING: 429,
    EdgeCode.TOO_MANY_STREAMS: 429,
    EdgeCode.TOO_MANY_WAITS: 429,
    EdgeCode.TOO_MANY_SEARCHES: 429,
    EdgeCode.DRAINING: 503,
    EdgeCode.NO_ROOM: 503,
    EdgeCode.INTERNAL: 500,
    EdgeCode.RESTORING: 503,
    EdgeCode.NOT_OWNER: 421,
    EdgeCode.STALE_OWNER: 503,
    EdgeCode.UNREACHED: 503,
    EdgeCode.UNAVAILABLE: 503,
    EdgeCode.ANSWER_TIMEOUT: 504,
    EdgeCode.POSITION_TIMEOUT: 504,
    EdgeCode.NOT_EVERYWHERE: 504,
    EdgeCode.NO_VALUE: 422,
    EdgeCode.VIEW_UNKNOWN: 400,
    EdgeCode.PAST_UNKNOWN: 409,
    EdgeCode.NOT_RETRYABLE: 409,
    **dict.fromkeys(StopCause, 503),
}
"""Every code and its status; a test holds that no code of the core is missing."""

RETRY_AFTER_S: Final = 1
RETRIED: Final = frozenset({421, 429, 503})


class ApiError(Exception):
    """A request is answered with an error. `position` is how far the partition had come, if that is
    known. What the gateway itself turns away, and may soon take, has a Retry-After; the fold knows
    of no such time, and to ask it again costs one more record in the log.
    """

    def __init__(
        self,
        code: Code | EdgeCode | StopCause,
        message: str,
        *,
        position: Position | None = None,
        headers: Mapping[str, str] | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.position = position
        self.faults = faults
        self.headers = dict(headers or {})
        if self.status in RETRIED and not isinstance(code, Code):
            self.headers.setdefault("Retry-After", str(RETRY_AFTER_S))

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS_OF[self.code]


class NotHere(ApiError):
    """The partition can not be asked on this node: its owner is another one, or it is `opening`.
    Where there is one node only, that is one and the same. With `any_reader` a standby may answer.
    """

    def __init__(
        self, number: int, *, opening: bool = False, any_reader: bool = False, message: str = ""
    ) -> None:
        super().__init__(
            EdgeCode.RESTORING,
            message or f"partition {number} is not open here (yet); try again soon",
        )
        self.number = number
        self.opening = opening
        self.any_reader = any_reader


def code_named(text: str) -> Code | EdgeCode | StopCause | None:
    """The code of this name."""
    for kind in (Code, EdgeCode, StopCause):
        if text in set(kind):
            return kind(text)
    return None


def bad_request(message: str) -> ApiError:
    """The request has not the form that it should have."""
    return ApiError(EdgeCode.BAD_REQUEST, message)


def append_failed(error: LogError) -> ApiError:
    """The log did not take a command, or did not say that it did."""
    if isinstance(error, AppendRefused) and error.refused.code == "TOO_LARGE":
        return ApiError(Code.TOO_LARGE, f"the log refuses the command: {error.refused.reason}")
    return ApiError(
        EdgeCode.UNAVAILABLE,
        f"the log did not acknowledge the command ({error}); retry with the same command id",
    )
