"""Operators' verbs on a run: each is a command whose fields are the body, with the run's id from
the path.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.common import Done
from penstock.contracts.answers.told import (
    AttemptTold,
    EndTold,
    Labelled,
    Migrated,
    ReplayStarted,
    StopTold,
    ThreadTold,
)
from penstock.core.command import Command
from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.change_wf_run_state import ChangeWfRunState
from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.force_wf_run import ForceWfRun
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.migrate_wf_run import MigrateWfRun
from penstock.core.commands.pause_wf_run import PauseWfRun
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.restart_task_run import RestartTaskRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.retry_now import RetryNow
from penstock.core.commands.set_labels import SetLabels
from penstock.core.commands.shutdown_task_run import ShutdownTaskRun
from penstock.core.commands.skip_node import SkipNode
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.gateway.auth import identify
from penstock.gateway.json_in import read_struct
from penstock.gateway.routes.wf_runs import RUN
from penstock.gateway.says import sends
from penstock.gateway.web import Handler, command_id_of, gateway_of, route, send

ACTIONS: Final[dict[str, tuple[type[Command], Any]]] = {
    "stop": (StopWfRun, ThreadTold),
    "resume": (ResumeWfRun, ThreadTold),
    "pause": (PauseWfRun, ThreadTold),
    "rescue": (RescueThreadRun, ThreadTold),
    "kill": (KillWfRun, ThreadTold),
    "restart": (RestartWfRun, ThreadTold),
    "replay": (ReplayWfRun, ReplayStarted),
    "skip": (SkipNode, ThreadTold),
    "edit-variable": (EditVariable, Done),
    "change-state": (ChangeTaskRunState, ThreadTold),
    "change-run-state": (ChangeWfRunState, EndTold),
    "retry-now": (RetryNow, AttemptTold),
    "shutdown-task": (ShutdownTaskRun, StopTold),
    "restart-task": (RestartTaskRun, StopTold),
    "set-labels": (SetLabels, Labelled),
    "migrate": (MigrateWfRun, Migrated),
    "force": (ForceWfRun, Done),
    "delete": (DeleteWfRun, Done),
}
"""The command of each, and what it is answered."""


def _verb(kind: type[Command]) -> Handler:
    async def handle(request: Request) -> Response:
        caller = identify(request)
        command_id = command_id_of(request)
        wf_run_id: str = request.path_params["wf_run_id"]
        gateway_of(request).reads.number_of(wf_run_id)
        command = await read_struct(request, kind, wf_run_id=wf_run_id)
        return await send(request, command, caller=caller, command_id=command_id)

    return handle


async def delete_wf_run(request: Request) -> Response:
    """Delete a run that has ended."""
    caller = identify(request)
    command_id = command_id_of(request)
    wf_run_id: str = request.path_params["wf_run_id"]
    gateway_of(request).reads.number_of(wf_run_id)
    command = DeleteWfRun(wf_run_id=wf_run_id)
    return await send(request, command, caller=caller, command_id=command_id)


ROUTES: Final = [
    *(
        route("POST", f"{RUN}/actions/{name}", _verb(kind), sends(kind, told))
        for name, (kind, told) in ACTIONS.items()
    ),
    route("DELETE", RUN, delete_wf_run, sends()),
]
