"""The commands: one file each, found through this table; nothing else names them."""

from typing import Final

from penstock.core.commands import (
    assign_user_task_run,
    barrier,
    cancel_user_task_run,
    claim_user_task_run,
    complete_user_task_run,
    delete_user_task_comment,
    edit_user_task_comment,
    install_definition,
    output_failed,
    put_external_event,
    put_external_event_def,
    put_task_def,
    put_user_task_comment,
    put_user_task_def,
    put_wf_spec,
    release_user_task_run,
    report_task,
    resume_wf_run,
    run_wf,
    save_user_task_run,
    stop_wf_run,
    task_started,
    tick,
    topic_ready,
)
from penstock.core.commands.base import Command, CommandType

COMMANDS: Final[tuple[CommandType, ...]] = (
    put_task_def.COMMAND,
    put_wf_spec.COMMAND,
    put_external_event_def.COMMAND,
    run_wf.COMMAND,
    stop_wf_run.COMMAND,
    resume_wf_run.COMMAND,
    task_started.COMMAND,
    report_task.COMMAND,
    put_external_event.COMMAND,
    put_user_task_def.COMMAND,
    assign_user_task_run.COMMAND,
    claim_user_task_run.COMMAND,
    release_user_task_run.COMMAND,
    save_user_task_run.COMMAND,
    complete_user_task_run.COMMAND,
    cancel_user_task_run.COMMAND,
    put_user_task_comment.COMMAND,
    edit_user_task_comment.COMMAND,
    delete_user_task_comment.COMMAND,
    tick.COMMAND,
    install_definition.COMMAND,
    output_failed.COMMAND,
    topic_ready.COMMAND,
    barrier.COMMAND,
)

TYPE_OF: Final[dict[type[Command], CommandType]] = {entry.record: entry for entry in COMMANDS}
"""From a command's record to what is done with it."""
