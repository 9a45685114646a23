"""Deploying a flow: what it compiles to, as requests in the order in which they must be made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from penstock.core.command import Command
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.sdk import api
from penstock.sdk.errors import Conflict

if TYPE_CHECKING:
    from penstock.sdk.client import Client

_ROUTES: Final[dict[type[Command], tuple[str, str]]] = {
    PutExternalEventDef: ("PUT", "/v1/external-event-defs"),
    PutWfSpec: ("PUT", "/v1/wf-specs"),
    ScheduleWf: ("POST", "/v1/schedules"),
}


def deploy(client: Client, flow: str) -> str:
    """Register a flow; returns the name by which it is run. The same flow again changes nothing."""
    from penstock.flows.compiler import compile_flow  # a need of few: it brings a reader of YAML
    from penstock.flows.reader import read_flow

    compiled = compile_flow(read_flow(flow))
    for command in compiled.definitions:
        for call in _calls(command):
            try:
                client.call(call)
            except Conflict:
                if not isinstance(command, ScheduleWf):
                    raise
                _replace(client, command, call)
    return compiled.name


def _calls(command: Command) -> Iterator[api.Call]:
    method, path = _ROUTES[type(command)]
    body: dict[str, Any] = msgspec.to_builtins(command)
    yield api.command(
        method, path, {name: value for name, value in body.items() if value is not None}
    )


def _replace(client: Client, command: ScheduleWf, call: api.Call) -> None:
    """A schedule that has changed is another one under its id."""
    client.call(api.command("DELETE", f"/v1/schedules/{command.schedule_id}", None))
    client.call(msgspec.structs.replace(call, command_id=api.new_command_id()))
