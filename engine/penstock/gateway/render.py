"""Rows as JSON: snake_case, times RFC 3339 in UTC with milliseconds, values as they are (bytes as
base64).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from penstock.contracts.records import DeadRecord
from penstock.core.definitions.defs import (
    ExternalEventDef,
    StructDef,
    TaskDef,
    WorkflowEventDef,
)
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.schedules.schedules import Schedule, ScheduleState
from penstock.core.state.correlation_rows import CorrelatedEvent
from penstock.core.state.event_rows import ExternalEvent, WorkflowEvent
from penstock.core.state.failures import Failure
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.run import (
    NodeRun,
    TaskAttempt,
    TaskRun,
    ThreadRun,
    Variable,
    WfRun,
)
from penstock.core.values.masking import MASK
from penstock.core.views.waits import Wait
from penstock.gateway import origins
from penstock.log.port import Record

Json = dict[str, Any]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def time_text(at_ms: int | None) -> str | None:
    """A time as text."""
    if at_ms is None:
        return None
    at = _EPOCH + timedelta(milliseconds=at_ms)
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def duration_text(duration_ms: int) -> str:
    """A duration as ISO 8601 has it."""
    seconds, rest = divmod(duration_ms, 1_000)
    return f"PT{seconds}S" if rest == 0 else f"PT{seconds}.{rest:03d}S"


def task_def(row: TaskDef) -> Json:
    """A TaskDef."""
    return {
        "name": row.name,
        "input_vars": row.input_vars,
        "return_type": row.return_type,
        "idempotent": row.idempotent,
        "description": row.description,
        "kind": row.kind,
        "breaker": row.breaker,
        "addressed_by": row.addressed_by,
        "created_at": time_text(row.created_ms),
    }


def wf_spec(row: WfSpec) -> Json:
    """A version of a WfSpec."""
    return {
        "name": row.name,
        "version": row.version,
        "major": row.major,
        "revision": row.revision,
        "spec": row.body,
        "created_at": time_text(row.created_ms),
        "deleted_at": time_text(row.deleted_ms),
    }


def external_event_def(row: ExternalEventDef) -> Json:
    """An ExternalEventDef."""
    return {
        "name": row.name,
        "content_type": row.content_type,
        "description": row.description,
        "correlation": row.correlation,
        "retention": row.retention,
        "content_required": row.content_required,
        "created_at": time_text(row.created_ms),
    }


def workflow_event_def(row: WorkflowEventDef) -> Json:
    """A WorkflowEventDef."""
    return {
        "name": row.name,
        "content_type": row.content_type,
        "description": row.description,
        "created_at": time_text(row.created_ms),
    }


def struct_def(row: StructDef) -> Json:
    """A StructDef."""
    return {
        "name": row.name,
        "version": row.version,
        "fields": row.fields,
        "description": row.description,
        "created_at": time_text(row.created_ms),
    }


def schedule(row: Schedule, state: ScheduleState) -> Json:
    """A schedule: what it starts when, how far it has come, its newest firings."""
    return {
        "schedule_id": row.schedule_id,
        "wf_spec": row.wf_spec,
        "version": row.version,
        "major": row.major,
        "revision": row.revision,
        "variables": row.variables,
        "labels": row.labels,
        "parent": row.parent,
        "trigger": row.trigger,
        "cron": row.cron,
        "at": time_text(row.at_ms),
        "time_zone": row.time_zone,
        "misfire": row.misfire,
        "grace_ms": row.grace_ms,
        "catch_up_max": row.catch_up_max,
        "start_at": time_text(row.start_at_ms),
        "end_at": time_text(row.end_at_ms),
        "created_at": time_text(row.created_ms),
        "status": state.status,
        "reason": state.reason,
        "next_at": [time_text(due_ms) for due_ms in state.due],
        "firings": [
            {
                "due_at": time_text(firing.due_ms),
                "at": time_text(firing.at_ms),
                "outcome": firing.outcome,
                "wf_run_id": firing.wf_run_id,
                "message": firing.message,
            }
            for firing in state.firings
        ],
        "pauses": [
            {"paused": pause.paused, "at": time_text(pause.at_ms), "principal": pause.principal}
            for pause in state.pauses
        ],
    }


def wf_run_head(row: WfRun) -> Json:
    """A WfRun as it stands in a list."""
    return {
        "wf_run_id": row.wf_run_id,
        "wf_spec": row.wf_spec,
        "version": row.version,
        "status": row.status,
        "started_at": time_text(row.started_ms),
        "ended_at": time_text(row.ended_ms),
        "labels": row.labels,
        "warned": row.warned,
        "held": row.held,
        "refused_as": None if row.place is None else row.place.refusal,
        "counts_as": row.counts_as,
        "parent": row.parent,
        "replay": None if row.replay is None else origins.replay(row.replay),
        "started_by": None if row.started_by is None else origins.started_by(row.started_by),
    }


def wf_run(row: WfRun, first: ThreadRun | None) -> Json:
    """A WfRun without its threads; its output and failure are the entrypoint's."""
    return {
        **wf_run_head(row),
        "output": thread_output(first) if first else None,
        "failure": failure(first.failure) if first else None,
    }


def thread_run(row: ThreadRun) -> Json:
    """A ThreadRun."""
    return {
        "number": row.number,
        "kind": row.kind,
        "thread_spec": row.thread_spec,
        "status": row.status,
        "parent": row.parent,
        "position": row.position,
        "node": row.node,
        "halt_reasons": row.halt_reasons,
        "gone": row.gone,
        "warned": row.warned,
        "output": thread_output(row),
        "failure": failure(row.failure),
    }


def thread_output(row: ThreadRun) -> Any:
    """What a thread has returned; stars if that was made of something masked."""
    return MASK if row.masked and row.output is not None else row.output


def wait(of: Wait) -> Json:
    """What a thread waits for."""
    thread, reason = of.thread, of.reason
    return {
        "thread": thread.number,
        "thread_spec": thread.thread_spec,
        "position": thread.position,
        "node": thread.node,
        "what": reason.what,
        "name": reason.name,
        "text": reason.text,
        "since": time_text(reason.since_ms),
        "until": time_text(reason.until_ms),
        "task_run": reason.task_run,
        "user_task": reason.user_task,
        "wf_run_id": reason.wf_run_id,
    }


def node_run(row: NodeRun) -> Json:
    """A NodeRun."""
    return {
        "thread": row.thread,
        "position": row.position,
        "node": row.node,
        "node_type": row.node_type,
        "status": row.status,
        "task": None if row.task is None else f"{row.wf_run_id}/{row.task}",
        "user_task": _user_task_of(row),
        "correlation_key": _correlation_key(row),
        "output": row.output,
        "failure": failure(row.failure),
        "skipped": row.skipped,
        "warned": row.warned,
        "history": [{"status": fact.status, "at": time_text(fact.at_ms)} for fact in row.history],
    }


def _user_task_of(row: NodeRun) -> str | None:
    if row.node_type != "USER_TASK" or row.progress is None:
        return None
    return f"{row.wf_run_id}/{row.progress['user_task']}"


def _correlation_key(row: NodeRun) -> str | None:
    """The key under which the node run waits, or has waited, for an event."""
    if row.node_type != "EXTERNAL_EVENT" or not isinstance(row.progress, dict):
        return None
    kept = cast("dict[str, Any]", row.progress)
    return MASK if kept.get("masked") else kept.get("key")


def task_run(row: TaskRun, attempts: Sequence[Any], *, whole: bool) -> Json:
    """A TaskRun with its newest attempts, oldest first, and whether these are all."""
    return {
        "id": f"{row.wf_run_id}/{row.guid}",
        "wf_run_id": row.wf_run_id,
        "guid": row.guid,
        "thread": row.thread,
        "position": row.position,
        "task_def": row.task_def,
        "status": row.status,
        "max_attempts": row.max_attempts,
        "timeout": duration_text(row.timeout_ms),
        "stop_requested": None if row.stop is None else row.stop.kind,
        "inputs": row.inputs,
        "attempts": attempts,
        "attempts_truncated": not whole,
    }


def task_attempt(attempt: TaskAttempt, logs: str) -> Json:
    """An attempt."""
    return {
        "number": attempt.number,
        "status": attempt.status,
        "scheduled_at": time_text(attempt.scheduled_ms),
        "started_at": time_text(attempt.started_ms),
        "ended_at": time_text(attempt.ended_ms),
        "worker": attempt.worker,
        "worker_version": attempt.worker_version,
        "output": attempt.output,
        "failure": failure(attempt.failure),
        "warning": attempt.warning,
        "logs": logs,
    }


def variable(row: Variable) -> Json:
    """A Variable."""
    return {"thread": row.thread, "name": row.name, "value": row.value}


def external_event(row: ExternalEvent) -> Json:
    """An ExternalEvent; `claimed_by` names the node run that took it."""
    claimed = row.claimed_by
    return {
        "event_def": row.event_def,
        "guid": row.guid,
        "content": row.content,
        "put_at": time_text(row.put_ms),
        "claimed_by": None if claimed is None else {"thread": claimed[0], "position": claimed[1]},
        "claimed_at": time_text(row.claimed_ms),
        "correlated": row.correlated,
    }


def correlated_event(row: CorrelatedEvent) -> Json:
    """A CorrelatedEvent; `offered` while a run that is to have it has not answered."""
    return {
        "event_def": row.event_def,
        "key": row.event_key,
        "guid": row.guid,
        "content": row.content,
        "delete_after_first": row.once,
        "offered": row.offered,
        "put_at": time_text(row.put_ms),
    }


def workflow_event(row: WorkflowEvent) -> Json:
    """A WorkflowEvent."""
    return {
        "number": row.number,
        "workflow_event_def": row.workflow_event_def,
        "def_number": row.def_number,
        "content": row.content,
        "thread": row.thread,
        "position": row.position,
        "thrown_at": time_text(row.at_ms),
    }


def failure(row: Failure | None) -> Json | None:
    """A Failure."""
    if row is None:
        return None
    content = MASK if row.masked and row.content is not None else row.content
    return {"name": row.name, "message": row.message, "content": content, "cause": row.cause}


def scheduled_task(task: ScheduledTask) -> Json:
    """A task as a worker gets it over HTTP."""
    return {
        "wf_run_id": task.wf_run_id,
        "guid": task.guid,
        "task_def": task.task_def,
        "attempt": task.attempt,
        "inputs": task.inputs,
        "wf_spec": task.wf_spec,
        "version": task.version,
        "node": task.node,
        "scheduled_at": time_text(task.scheduled_at_ms),
        "timeout_ms": task.timeout_ms,
        "max_attempts": task.max_attempts,
        "heartbeat_timeout_ms": task.heartbeat_timeout_ms,
        "total_checkpoints": task.total_checkpoints,
        "checkpoint": task.checkpoint,
        "checkpoints_bytes": task.checkpoints_bytes,
        "secrets": task.secrets,
    }


def dead_letter(dead: DeadRecord, record: Record) -> Json:
    """A dead letter; key and value are base64."""
    return {
        "topic": dead.topic,
        "partition": dead.partition,
        "offset": dead.offset,
        "code": dead.code,
        "message": dead.message,
        "at": time_text(record.timestamp_ms),
        "key": dead.key,
        "value": dead.value,
        "value_bytes": dead.value_bytes,
    }
