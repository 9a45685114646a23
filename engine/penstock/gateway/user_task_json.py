"""User tasks and their forms as JSON."""

from __future__ import annotations

from penstock.core.definitions.user_task_def import LatestUserTaskDef, UserTaskDef
from penstock.core.state.user_task_rows import UserTaskComment, UserTaskEvent, UserTaskRun
from penstock.gateway.render import Json, time_text


def user_task_def(row: UserTaskDef) -> Json:
    """A version of a UserTaskDef."""
    return {
        "name": row.name,
        "version": row.version,
        "fields": [
            {
                "name": field.name,
                "type": field.type,
                "required": field.required,
                "display_name": field.display_name,
                "description": field.description,
            }
            for field in row.fields
        ],
        "description": row.description,
        "created_at": time_text(row.created_ms),
        "deleted_at": time_text(row.deleted_ms),
    }


def latest_user_task_def(row: LatestUserTaskDef) -> Json:
    """A UserTaskDef as it stands in a list, with its newest version (0: all are deleted)."""
    return {"name": row.name, "version": row.version}


def user_task_run(row: UserTaskRun) -> Json:
    """A UserTaskRun."""
    return {
        "id": f"{row.wf_run_id}/{row.guid}",
        "wf_run_id": row.wf_run_id,
        "guid": row.guid,
        "thread": row.thread,
        "position": row.position,
        "user_task_def": row.user_task_def,
        "version": row.version,
        "status": row.status,
        "user_id": row.user_id,
        "user_group": row.user_group,
        "notes": row.notes,
        "results": row.results,
        "epoch": row.epoch,
        "scheduled_at": time_text(row.scheduled_ms),
        "ended_at": time_text(row.ended_ms),
        "history": [{"status": fact.status, "at": time_text(fact.at_ms)} for fact in row.history],
    }


def user_task_event(row: UserTaskEvent) -> Json:
    """An entry in the audit of a user task."""
    return {
        "number": row.number,
        "kind": row.kind,
        "at": time_text(row.at_ms),
        "principal": row.principal,
        "user_id": row.user_id,
        "user_group": row.user_group,
        "user_before": row.user_before,
        "group_before": row.group_before,
        "comment": row.comment,
        "task": None if row.task is None else f"{row.wf_run_id}/{row.task}",
        "message": row.message,
    }


def user_task_comment(row: UserTaskComment) -> Json:
    """A comment on a user task."""
    return {
        "number": row.number,
        "user_id": row.user_id,
        "text": row.text,
        "created_at": time_text(row.created_ms),
        "edited_at": time_text(row.edited_ms),
        "deleted": row.deleted,
    }
