"""Deploying a flow: what it compiles to, as requests in the order in which they must be made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from penstock.core.command import Command
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_webhook import PutWebhook
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.sdk import api
from penstock.sdk.api import Exchange
from penstock.sdk.connection import Connection
from penstock.sdk.errors import Conflict, PenstockError

if TYPE_CHECKING:
    from penstock.flows.compiler import Compiled

_ROUTES: Final[dict[type[Command], tuple[str, str]]] = {
    PutExternalEventDef: ("PUT", "/v1/external-event-defs"),
    PutWfSpec: ("PUT", "/v1/wf-specs"),
    ScheduleWf: ("POST", "/v1/schedules"),
    PutWebhook: ("PUT", "/v1/webhooks"),
}


class Deployed(Struct, frozen=True):
    """A flow that is registered: the name by which it is run, and a line for all that was."""

    name: str
    said: tuple[str, ...]


def deploy(connection: Connection, flow: str) -> Exchange[Deployed]:
    """Register a flow, and what it needs, and forget triggers that it has no more. The same flow
    again changes nothing.
    """
    from penstock.flows.compiler import compile_flow  # a need of few: it brings a reader of YAML
    from penstock.flows.reader import read_flow

    compiled = compile_flow(read_flow(flow))
    said: list[str] = []
    for command in compiled.definitions:
        said.append((yield from _make(connection, compiled, command)))
    kept = {one.schedule_id for one in compiled.definitions if isinstance(one, ScheduleWf)}
    said += yield from _forget_schedules(connection, compiled.name, kept)
    hooks = {one.name for one in compiled.definitions if isinstance(one, PutWebhook)}
    said += yield from _forget_webhooks(connection, compiled.name, hooks)
    return Deployed(compiled.name, tuple(said))


def _make(connection: Connection, compiled: Compiled, command: Command) -> Exchange[str]:
    call = _call(command)
    try:
        body: dict[str, Any] = (yield from connection.ask(call)).body
    except Conflict as error:
        if isinstance(command, PutExternalEventDef):
            raise _with(error, _event_hint(command)) from error
        if not isinstance(command, ScheduleWf):
            raise
        yield from _delete_schedule(connection, str(command.schedule_id))
        again = msgspec.structs.replace(call, command_id=api.new_command_id())
        yield from connection.ask(again)
        body = {}
    except PenstockError as error:
        if isinstance(command, PutWfSpec):
            _place(error, compiled)
        if "TaskDef" in str(error) and "is not registered" in str(error):
            raise _with(error, f"; {BUILTIN_HINT}") from error
        raise
    return _said(command, body)


def _place(error: PenstockError, compiled: Compiled) -> None:
    """Each fault says where in the flow it is: `line` and `column`, which count from 1."""
    for fault in error.faults:
        mark = compiled.place_of(fault.get("thread", ""), fault.get("node", ""))
        fault |= {"line": mark.line, "column": mark.column}


def _event_hint(command: PutExternalEventDef) -> str:
    """What to do where an event of this name is there already, and is another one."""
    from penstock.flows.compiler.blocks import RESUME

    if command.name == RESUME:
        return (
            f": every pause without inputs is resumed by {RESUME}, and somebody has registered it"
            " otherwise; delete that one and deploy again, or give the pause inputs (onResume)"
        )
    return ": runs may wait for the old inputs; give the pause another id"


BUILTIN_HINT: Final = (
    "tasks of the engine's own (return, log, http-request, ...) come with `penstock dev`, or with"
    " `penstock builtin-worker`; your own are registered by the worker that does them"
)


def _with(error: PenstockError, more: str) -> PenstockError:
    """The same error, saying besides what to do."""
    return type(error)(error.code, f"{error.message}{more}", error.status, error.faults)


def _said(command: Command, body: dict[str, Any]) -> str:
    match command:
        case PutWfSpec():
            return f"flow {command.name}, version {body.get('version')}"
        case PutExternalEventDef():
            return f"event {command.name}"
        case ScheduleWf():
            return f"schedule {command.schedule_id}: {command.cron} {command.time_zone}"
        case PutWebhook():
            return f"webhook /v1/webhooks/{command.name}/KEY"
        case _:
            raise AssertionError("a flow compiles to nothing else")


def _call(command: Command) -> api.Call:
    method, path = _ROUTES[type(command)]
    body: dict[str, Any] = msgspec.to_builtins(command)
    given = {name: value for name, value in body.items() if value is not None}
    return api.command(method, path, given)


def _forget_schedules(
    connection: Connection, name: str, kept: set[str | None]
) -> Exchange[list[str]]:
    """Delete schedules that an earlier text of the flow had; others stay."""
    from penstock.flows.compiler.triggers import TRIGGER_LABEL, schedule_id

    said: list[str] = []
    for found in (yield from _listed(connection, "/v1/schedules")):
        its_id, trigger = found["schedule_id"], found["labels"].get(TRIGGER_LABEL)
        own = trigger is not None and its_id == schedule_id(name, trigger)
        if own and its_id not in kept:
            yield from _delete_schedule(connection, its_id)
            said.append(f"schedule {its_id}: deleted, {_GONE}")
    return said


def _forget_webhooks(connection: Connection, name: str, kept: set[str]) -> Exchange[list[str]]:
    """Delete webhooks that an earlier text of the flow had; others that start it stay."""
    from penstock.flows.compiler.triggers import webhook_name

    said: list[str] = []
    for found in (yield from _listed(connection, "/v1/webhooks")):
        own = found["wf_spec"] == name and found["name"] == webhook_name(name, found["trigger"])
        if own and found["name"] not in kept:
            gone = api.command("DELETE", f"/v1/webhooks/{found['name']}", None)
            yield from connection.ask(gone)
            said.append(f"webhook {found['name']}: deleted, {_GONE}")
    return said


_GONE: Final = "the flow has no such trigger any more"


def _listed(connection: Connection, path: str) -> Exchange[list[dict[str, Any]]]:
    """All that a list has."""
    items: list[dict[str, Any]] = []
    params: dict[str, api.Param] = {}
    while True:
        call = api.Call(method="GET", path=path, params=params)
        page = (yield from connection.ask(call)).body
        items += page["items"]
        if page["cursor"] is None:
            return items
        params = {"cursor": page["cursor"]}


def _delete_schedule(connection: Connection, schedule_id: str) -> Exchange[None]:
    yield from connection.ask(api.command("DELETE", f"/v1/schedules/{schedule_id}", None))
