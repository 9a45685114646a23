"""What each code means and what to do about it, in a sentence each: of refusals, of the gateway's
own errors, of partitions that are stopped, of failures that end a run, and of clients' own.
`penstock explain CODE` and docs/reference/errors.md are made of this.

Rule: a code without a row here is a defect; a test holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core.errors import Code
from penstock.gateway.client_remedies import OF_CLIENTS
from penstock.gateway.errors import EdgeCode
from penstock.gateway.failure_remedies import OF_FAILURES, Explained
from penstock.processor.doctor import MENDS
from penstock.processor.errors import StopCause

_READ: Final = "read what is there, then decide whether it is still wanted"
_NAME: Final = "look for the right name or id (`penstock list`, `penstock search`)"
_AGAIN: Final = "send the same again, with the same command id, after `Retry-After`"

OF_REFUSALS: Final[Mapping[Code, Explained]] = {
    Code.MALFORMED: (
        "the record could not be read as a command; it is a dead letter",
        "have its sender write it by a schema of schemas/command, and send it anew",
    ),
    Code.COMMAND_UNKNOWN: (
        "there is no command of this name",
        "use one of docs/reference/commands.md",
    ),
    Code.BAD_NAME: ("a name has not the form of one", "use the form that the message gives"),
    Code.BAD_ID: ("an id has not the form of one", "use the form that the message gives"),
    Code.BAD_VALUE: (
        "a value is not of the type or in the range that is wanted",
        "mend the field that the message names",
    ),
    Code.BAD_TYPE: ("a type can not be", "use a type of docs/values.md"),
    Code.BAD_SPEC: (
        "the definition of a workflow is wrong",
        "mend each of the `faults`: they name thread, node and what is wrong",
    ),
    Code.TOO_LARGE: (
        "it is larger than may be",
        "send less: keep what is large elsewhere, and send where it is",
    ),
    Code.LIMIT: (
        "there is more of something than may be",
        "send less of it, or split it up; the message has the limit",
    ),
    Code.EXPIRED: (
        "the command came to the log after its `not_after`",
        "send it anew, with a new command id, if it is still wanted",
    ),
    Code.WRONG_PARTITION: (
        "the record is on a partition that is not its own",
        "have its sender choose the partition as docs/protocol.md says",
    ),
    Code.ALREADY_EXISTS: (
        "something else has this name or id",
        "use another one; or read what is there, and change that",
    ),
    Code.COMMAND_ID_REUSED: (
        "another command has had this command id",
        "give each command an id of its own; only the same command is sent again with the same",
    ),
    Code.FORBIDDEN: (
        "it is a command of the engine's own",
        "leave it to the engine; docs/reference/commands.md has what clients may send",
    ),
    Code.PERMISSION_DENIED: (
        "no grant of the principal allows it",
        "have whoever puts principals give the grant that the message names",
    ),
    Code.PRINCIPAL_UNKNOWN: ("there is no such principal", "see `penstock principals list`"),
    Code.API_KEY_UNKNOWN: ("there is no such key", "it may have been revoked; make a new one"),
    Code.TENANT_UNKNOWN: ("there is no such tenant", "see `penstock tenants list`, or put it"),
    Code.QUOTA_UNKNOWN: ("there is no such quota", "see `penstock quotas list`"),
    Code.QUOTA_EXCEEDED: (
        "the tenant, or the principal in it, asks for more than its quota",
        "wait for `Retry-After`; without one, wait for runs to end, or have the quota raised",
    ),
    Code.TASK_DEF_UNKNOWN: ("there is no such TaskDef", "register it, or mend its name"),
    Code.SPEC_UNKNOWN: (
        "there is no such WfSpec, or not here yet",
        "register it (with `?wait=all` it is known everywhere), or mend its name",
    ),
    Code.DEFINITION_UNKNOWN: (
        "the definition names others that are not registered, or not yet",
        "register those that the `faults` name, then this one again",
    ),
    Code.EVENT_DEF_UNKNOWN: ("there is no such ExternalEventDef", "register it, or mend its name"),
    Code.EVENT_DEF_NOT_CORRELATED: (
        "events of this kind have no key",
        "put it to a run by its id, or register the event with `correlation`",
    ),
    Code.EVENT_NOT_AWAITED: (
        "nothing waits for the event now, and events of its kind are not kept",
        "put it once the run waits for it (`penstock why RUN`), or name the thread",
    ),
    Code.CORRELATED_EVENT_UNKNOWN: (
        "no event lies there under this key and guid",
        "it was taken, has expired, or was never put",
    ),
    Code.STRUCT_DEF_UNKNOWN: ("there is no such StructDef", "register it, or mend its name"),
    Code.APPLICATION_UNKNOWN: ("there is no such application", "register it, or mend its name"),
    Code.WEBHOOK_UNKNOWN: ("there is no such webhook", "make it, or mend the address"),
    Code.ADDRESS_UNKNOWN: (
        "no address is kept as gone under this name",
        "nothing is to be opened; docs/WEBHOOKS.md has when an address is gone",
    ),
    Code.VARIABLE_UNKNOWN: ("the spec has no such variable", "use one that the message names"),
    Code.VARIABLE_REQUIRED: ("a required variable was not given", "give it"),
    Code.WF_RUN_UNKNOWN: ("there is no such run (any more)", _NAME),
    Code.PARENT_REQUIRED: (
        "runs of this spec stand below another run",
        "start it with `parent`, a run that has the variables to inherit",
    ),
    Code.WF_RUN_ENDED: ("the run, or the thread, has ended", _READ),
    Code.THREAD_UNKNOWN: (
        "the run has no such thread, or it is not kept",
        "see its node runs; threads count from 0",
    ),
    Code.WF_RUN_LIVE: ("the run has not ended", "wait for its end, or kill it first"),
    Code.WF_RUN_BUSY: (
        "something that takes several turns is being done to the run",
        "ask again when it is through",
    ),
    Code.WF_RUN_NOT_FAILED: ("the run has not failed", "restart only what has failed"),
    Code.WF_RUN_IS_CHILD: (
        "the run stands below another one",
        "do it to the root of the family, which the message names",
    ),
    Code.WF_RUN_DELETING: ("the run is being deleted", "ask again in a moment"),
    Code.WF_RUN_NOT_HELD: ("no limit holds the run back", _READ),
    Code.THREAD_NOT_HALTED: (
        "the thread was not stopped or paused, and stands at no pause",
        _READ,
    ),
    Code.THREAD_NOT_FAILED: (
        "the thread has not failed",
        "rescue the thread that has (`penstock why RUN` names it)",
    ),
    Code.FAILURE_HANDLED: (
        "a handler has dealt with the failure, or something goes on because of it",
        "restart or replay the run instead",
    ),
    Code.NODE_NOT_SKIPPABLE: (
        "the thread does not stand at the node, or no way leads on from it",
        "look where it stands (`penstock why RUN`)",
    ),
    Code.NOT_REPLAYABLE: (
        "the run can not be begun again from there",
        "replay from the node that the message names, or from the beginning",
    ),
    Code.OLD_VALUE_GONE: (
        "what a value was there is not kept any more",
        "replay from a later node, or from the beginning",
    ),
    Code.TASK_RUN_ENDED: ("the task has ended", _READ),
    Code.NODE_RUN_UNKNOWN: ("the thread has no such node run", "see the run's node runs"),
    Code.TASK_RUN_UNKNOWN: ("the run has no such task run", "see the run's task runs"),
    Code.ATTEMPT_STALE: (
        "a newer attempt has begun",
        "nothing: the worker's result is too late, and another attempt counts",
    ),
    Code.ATTEMPT_TAKEN: (
        "another worker runs this attempt",
        "nothing: two workers had it, and the other one counts",
    ),
    Code.ATTEMPT_ENDED: ("the attempt has its result", "nothing: the first result counts"),
    Code.TASK_NOT_QUEUED: ("the task does not wait for a worker", _READ),
    Code.TASK_NOT_IN_FLIGHT: (
        "no attempt is in flight",
        "to end a backoff use retry-now; what has ended is rescued",
    ),
    Code.TASK_NOT_IN_BACKOFF: ("the task does not wait for its next attempt", _READ),
    Code.STOP_REQUESTED: (
        "as strong a stop was asked for already",
        "wait for it; only a stronger one takes its place",
    ),
    Code.BREAKER_UNKNOWN: ("nothing of the TaskDef is held by a breaker", "nothing"),
    Code.CHECKPOINT_GAP: (
        "the checkpoint's number is not the next one",
        "number checkpoints from `total_checkpoints` of the task, without gaps",
    ),
    Code.CHECKPOINT_STALE: (
        "the report knows of fewer checkpoints than there are",
        "another worker has gone further; let go of the task",
    ),
    Code.STATUS_NOT_REPORTABLE: (
        "a worker can not report this status",
        "use one of docs/protocol.md",
    ),
    Code.USER_TASK_DEF_UNKNOWN: ("there is no such form", "register it, or mend its name"),
    Code.USER_TASK_UNKNOWN: ("the run has no such user task", _NAME),
    Code.USER_TASK_ENDED: ("the user task is done or cancelled", _READ),
    Code.USER_TASK_CLAIMED: (
        "another user has it",
        "have that user release it, or say `override_claim` (complete: `override`)",
    ),
    Code.USER_TASK_NOT_ASSIGNED: ("nobody has it", "assign or claim it first"),
    Code.USER_TASK_NO_GROUP: (
        "it has no group to go back to",
        "assign it to somebody else instead",
    ),
    Code.FIELD_UNKNOWN: ("the form has no such field", "use those that the message names"),
    Code.FIELD_REQUIRED: ("a required field is missing", "fill it in"),
    Code.COMMENT_UNKNOWN: ("there is no such comment", "see the user task's comments"),
    Code.COMMENT_DELETED: ("the comment is deleted", "write a new one"),
    Code.BREAKING_UPDATE: (
        "the new version changes more than `allowed_updates` lets it",
        "keep the interface that the message names, or allow more",
    ),
    Code.BAD_SCHEDULE: ("the schedule can not be", "mend the field that the message names"),
    Code.SCHEDULE_UNKNOWN: ("there is no such schedule", _NAME),
    Code.SCHEDULE_ENDED: ("the schedule has ended", "make a new one"),
    Code.ASK_CLOSED: (
        "the schedule does not ask that any more",
        "nothing: it was answered before",
    ),
    Code.BAD_FILTER: ("the filter can not be", "mend what the message names (docs/BULK.md)"),
    Code.VERB_UNKNOWN: ("there is no such verb for many runs", "use one of docs/BULK.md"),
    Code.BULK_UNKNOWN: (
        "there is no such bulk job",
        "an ended one is forgotten after a week; see `penstock bulk list`",
    ),
    Code.BULK_ENDED: ("the bulk job has ended", "nothing is to be cancelled"),
    Code.ENGINE_DEFECT: (
        "the fold hit a defect of the engine's; the command was undone",
        "report it with the record that `penstock doctor` names; the run can be rescued later",
    ),
    Code.VERSION_UNKNOWN: (
        "the fold version in force does not know the command, or this build not the version",
        "run builds that know it on all nodes",
    ),
    Code.MIGRATION_IMPOSSIBLE: (
        "the run can not follow to that version from where it stands",
        "migrate when it stands elsewhere, or map its nodes; the message has each reason",
    ),
}

OF_THE_EDGE: Final[Mapping[EdgeCode, Explained]] = {
    EdgeCode.BAD_JSON: ("the body is not the JSON that is taken", "mend it; see docs/HTTP.md"),
    EdgeCode.BAD_REQUEST: ("the request has not the right form", "mend what the message names"),
    EdgeCode.BAD_TOKEN: (
        "a position or cursor is none, or is another partition's",
        "give back what an answer gave, to the same list or run",
    ),
    EdgeCode.BAD_MEDIA_TYPE: ("this kind of body is not taken", "send what the message names"),
    EdgeCode.BODY_TIMEOUT: (
        "the body did not come in time; nothing was done",
        "send the same again, faster; see what lies between",
    ),
    EdgeCode.UNAUTHENTICATED: (
        "there is no credential, or it is not good (any more)",
        "bring a key or token: `PENSTOCK_API_KEY`, `Authorization: Bearer`",
    ),
    EdgeCode.FOREIGN_HOST: (
        "a server that asks for no credential is called by a name that is not its own",
        "call it by its address, or start it with `--allow-host NAME`; see docs/SECURITY.md",
    ),
    EdgeCode.FOREIGN_ORIGIN: (
        "a page of another server would change something where no credential is asked for",
        "start the server with `--allow-host NAME`, or with `--auth on`; see docs/SECURITY.md",
    ),
    EdgeCode.NOT_FOUND: ("there is no such route or thing", _NAME),
    EdgeCode.METHOD_NOT_ALLOWED: ("the route does not have this method", "see `penstock openapi`"),
    EdgeCode.OVERLOADED: ("too many commands or requests are under way here", _AGAIN),
    EdgeCode.LAGGING: ("the partition is too many records behind", _AGAIN),
    EdgeCode.TOO_MANY_STREAMS: (
        "the tenant, or all together, follow too many streams at this server",
        "close some, or raise `--tenant-streams-max` or `--streams-max`",
    ),
    EdgeCode.TOO_MANY_WAITS: (
        "the tenant, or all together, wait with too many requests at this server",
        "wait with fewer, or raise `--tenant-waits-max` or `--waits-max`",
    ),
    EdgeCode.TOO_MANY_SEARCHES: (
        "the tenant, or all together, search too much at once at this server",
        "the same again after `Retry-After`, or raise `--tenant-searches-max` or `--searches-max`",
    ),
    EdgeCode.DRAINING: ("the server is about to stop", "send it again, to another node"),
    EdgeCode.NO_ROOM: (
        "the disk is full, and nothing new is taken on",
        "make room on the data directory's disk; it goes on by itself",
    ),
    EdgeCode.INTERNAL: (
        "a defect of the gateway's",
        "report it with the incident's id, which is in the server's log",
    ),
    EdgeCode.RESTORING: ("the partition's owner is opening it", _AGAIN),
    EdgeCode.NOT_OWNER: ("another node owns the partition", _AGAIN),
    EdgeCode.STALE_OWNER: ("the node has not heard from the log for long", _AGAIN),
    EdgeCode.UNREACHED: (
        "the partition has no owner just now, or it does not answer",
        _AGAIN,
    ),
    EdgeCode.UNAVAILABLE: (
        "the log did not take it, or did not say so; whether it was done is not known",
        _AGAIN,
    ),
    EdgeCode.ANSWER_TIMEOUT: (
        "there was no answer in time; the command may still take effect",
        "send the same again, with the same command id: it gets the first answer",
    ),
    EdgeCode.POSITION_TIMEOUT: (
        "the partition has not come to `at_least` in time",
        "ask again; if it stays so, see the partition's lag",
    ),
    EdgeCode.NOT_EVERYWHERE: (
        "it is registered, and some partitions do not have it yet",
        "put the same again with `?wait=all`; the message names the partitions",
    ),
    EdgeCode.NO_VALUE: ("the expression has no value there", "see the message"),
    EdgeCode.VIEW_UNKNOWN: ("there is no such view", "use `kestra` or `wundaflow`"),
    EdgeCode.PAST_UNKNOWN: (
        "the log can not tell what was at that moment",
        "fold it without a bound: `penstock history RUN --data DIR` or `--kafka HOST:PORT`",
    ),
    EdgeCode.NOT_RETRYABLE: (
        "to send this dead letter again would not help",
        "see what `penstock dead-letters get NUMBER` says to do",
    ),
}

OF_STOPS: Final[Mapping[StopCause, Explained]] = {
    StopCause.BUILD: (
        "this build has a defect that another had not",
        MENDS[StopCause.BUILD],
    ),
    StopCause.INTEGRITY: ("log and store do not belong together", MENDS[StopCause.INTEGRITY]),
    StopCause.DATA_LOSS: (
        "the log has lost what was not folded yet",
        MENDS[StopCause.DATA_LOSS],
    ),
    StopCause.NO_MARK: ("nobody knows what was delivered", MENDS[StopCause.NO_MARK]),
    StopCause.LOCKED: ("another process has the store open", MENDS[StopCause.LOCKED]),
}


def explained(name: str) -> list[tuple[str, Explained]]:
    """What a code means: by the kinds of which it is one, since a few names are a refusal's and a
    failure's.
    """
    kinds: tuple[tuple[str, Mapping[str, Explained]], ...] = (
        ("refusal", _named(OF_REFUSALS)),
        ("error of the gateway", _named(OF_THE_EDGE)),
        ("partition stopped", _named(OF_STOPS)),
        ("failure of a run", _named(OF_FAILURES)),
        ("error of a client", OF_CLIENTS),
    )
    return [(kind, table[name]) for kind, table in kinds if name in table]


def _named(table: Mapping[Any, Explained]) -> dict[str, Explained]:
    return {str(code): told for code, told in table.items()}
