"""The commands: one file each, found through this table; nothing else names them."""

from typing import Final

from penstock.core.commands import (
    barrier,
    cron_answer,
    delete_external_event_def,
    delete_schedule,
    delete_task_def,
    delete_wf_spec,
    install_definition,
    output_failed,
    pause_schedule,
    put_external_event,
    put_external_event_def,
    put_task_def,
    put_wf_spec,
    remove_definition,
    report_task,
    resume_wf_run,
    run_wf,
    schedule_wf,
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
    tick.COMMAND,
    install_definition.COMMAND,
    output_failed.COMMAND,
    topic_ready.COMMAND,
    barrier.COMMAND,
    delete_task_def.COMMAND,
    delete_wf_spec.COMMAND,
    delete_external_event_def.COMMAND,
    remove_definition.COMMAND,
    schedule_wf.COMMAND,
    pause_schedule.COMMAND,
    delete_schedule.COMMAND,
    cron_answer.COMMAND,
)

TYPE_OF: Final[dict[type[Command], CommandType]] = {entry.record: entry for entry in COMMANDS}
"""From a command's record to what is done with it."""
