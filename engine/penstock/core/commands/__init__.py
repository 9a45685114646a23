"""The commands: one file each, found through this table; nothing else names them."""

from typing import Final

from penstock.core.commands import (
    barrier,
    hand_back_task,
    install_definition,
    output_failed,
    put_checkpoint,
    put_external_event,
    put_external_event_def,
    put_struct_def,
    put_task_def,
    put_wf_spec,
    queue_passed,
    report_task,
    requeue_task,
    restart_task_run,
    resume_wf_run,
    retry_now,
    run_wf,
    shutdown_task_run,
    stop_wf_run,
    task_heartbeat,
    task_started,
    tick,
    topic_ready,
)
from penstock.core.commands.base import Command, CommandType

COMMANDS: Final[tuple[CommandType, ...]] = (
    put_task_def.COMMAND,
    put_wf_spec.COMMAND,
    put_external_event_def.COMMAND,
    put_struct_def.COMMAND,
    run_wf.COMMAND,
    stop_wf_run.COMMAND,
    resume_wf_run.COMMAND,
    task_started.COMMAND,
    task_heartbeat.COMMAND,
    put_checkpoint.COMMAND,
    report_task.COMMAND,
    hand_back_task.COMMAND,
    shutdown_task_run.COMMAND,
    restart_task_run.COMMAND,
    requeue_task.COMMAND,
    retry_now.COMMAND,
    put_external_event.COMMAND,
    tick.COMMAND,
    install_definition.COMMAND,
    output_failed.COMMAND,
    topic_ready.COMMAND,
    queue_passed.COMMAND,
    barrier.COMMAND,
)

TYPE_OF: Final[dict[type[Command], CommandType]] = {entry.record: entry for entry in COMMANDS}
"""From a command's record to what is done with it."""
