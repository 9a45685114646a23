"""The commands: one file each, found through this table; nothing else names them."""

from typing import Final

from penstock.core.commands import (
    barrier,
    change_task_run_state,
    delete_wf_run,
    edit_variable,
    install_definition,
    kill_wf_run,
    output_failed,
    pause_wf_run,
    put_external_event,
    put_external_event_def,
    put_task_def,
    put_wf_spec,
    report_task,
    rescue_thread_run,
    restart_wf_run,
    resume_wf_run,
    run_wf,
    set_labels,
    skip_node,
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
    pause_wf_run.COMMAND,
    rescue_thread_run.COMMAND,
    kill_wf_run.COMMAND,
    restart_wf_run.COMMAND,
    skip_node.COMMAND,
    edit_variable.COMMAND,
    change_task_run_state.COMMAND,
    set_labels.COMMAND,
    delete_wf_run.COMMAND,
)

TYPE_OF: Final[dict[type[Command], CommandType]] = {entry.record: entry for entry in COMMANDS}
"""From a command's record to what is done with it."""
