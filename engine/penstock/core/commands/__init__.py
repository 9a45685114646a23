"""The commands: one file each, found through this table; nothing else names them."""

from typing import Final

from penstock.core.commands import (
    barrier,
    delete_correlated_event,
    install_definition,
    offer_correlated_event,
    output_failed,
    put_correlated_event,
    put_external_event,
    put_external_event_def,
    put_task_def,
    put_wf_spec,
    put_workflow_event_def,
    report_task,
    resume_wf_run,
    run_wf,
    set_event_marker,
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
    put_workflow_event_def.COMMAND,
    run_wf.COMMAND,
    stop_wf_run.COMMAND,
    resume_wf_run.COMMAND,
    task_started.COMMAND,
    report_task.COMMAND,
    put_external_event.COMMAND,
    put_correlated_event.COMMAND,
    delete_correlated_event.COMMAND,
    set_event_marker.COMMAND,
    offer_correlated_event.COMMAND,
    tick.COMMAND,
    install_definition.COMMAND,
    output_failed.COMMAND,
    topic_ready.COMMAND,
    barrier.COMMAND,
)

TYPE_OF: Final[dict[type[Command], CommandType]] = {entry.record: entry for entry in COMMANDS}
"""From a command's record to what is done with it."""
