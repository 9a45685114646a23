"""StartScheduledRun: a schedule is due, and its run belongs on this partition. It is started in the
name of who has made the schedule; if it can not be, the schedule is told.
"""

from typing import Any

from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.commands import run_wf
from penstock.core.commands.note_refused_firing import NoteRefusedFiring
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.principals import Action, Resource, leave_of, may
from penstock.core.definitions.webhooks import TRIGGER
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.errors import Code, Reject, refuse
from penstock.core.flow.load import is_being_deleted
from penstock.core.flow.starting import Start, listener, no_parent, wanted_spec
from penstock.core.ids import partition_of_run
from penstock.core.state.outputs import CommandRefused
from penstock.core.state.run import WfRun
from penstock.core.state.turn import Turn
from penstock.core.values.types import ValueType
from penstock.core.values.value import Value


class StartScheduledRun(Command, frozen=True):
    """The run, as a RunWf would have it, the schedule that it is of, and who has made that; and
    what it is told of that and of the time that was due, if it listens.
    """

    schedule_id: str
    made_by: str
    wf_run_id: str
    wf_spec: str
    version: int | None = None
    major: int | None = None
    revision: int | None = None
    variables: dict[str, Value] = {}
    labels: dict[str, str] = {}
    parent: str | None = None
    told: dict[str, Value] = {}


def handle(turn: Turn, command: StartScheduledRun) -> Value:
    """Start the run, or tell the schedule why not."""
    rejection = start(turn, command)
    if rejection is not None:
        target = partition_of_run(command.schedule_id, turn.shard.partitions)
        refused = NoteRefusedFiring(
            schedule_id=command.schedule_id,
            wf_run_id=command.wf_run_id,
            message=refusal(rejection),
        )
        turn.send(target, refused)
    return None


def start(turn: Turn, command: StartScheduledRun) -> Reject | None:
    """Start the run; why it can not be started. A refusal leaves nothing, and ends nothing."""
    savepoint, sender = turn.savepoint(), turn.principal
    turn.principal = command.made_by
    try:
        if is_being_deleted(turn, command.wf_run_id):
            refuse(Code.WF_RUN_DELETING, "the run above it is being deleted")
        _check_leave(turn, command.parent)
        run_wf.handle(turn, _run(turn, command))
    except Reject as rejection:
        turn.rollback(savepoint)
        refused = CommandRefused(
            command=RunWf.__name__,
            command_id=None,
            code=rejection.code,
            message=rejection.message,
            at_ms=turn.at_ms,
        )
        turn.tell(command.wf_run_id, refused)
        return rejection
    finally:
        turn.principal = sender
    return None


def _check_leave(turn: Turn, parent: str | None) -> None:
    """Whose schedule it is must have leave for the run above, as who starts one below it himself
    (permissions.py): where the schedule was made nobody knew whose run that is.
    """
    grants = None if parent is None else leave_of(turn.rows, turn.principal)
    if parent is None or grants is None:
        return
    above = turn.rows.peek(WfRun, turn.tenant, parent)
    name = None if above is None else above.wf_spec
    if not may(grants, Action.RUN, Resource.WORKFLOW, turn.tenant, name):
        refuse(*no_parent(parent))


def refusal(rejection: Reject) -> str:
    """A refusal as a firing shows it."""
    return f"{rejection.code}: {rejection.message}"


def _run(turn: Turn, command: StartScheduledRun) -> RunWf:
    named: dict[str, Any] = {
        "wf_spec": command.wf_spec,
        "version": command.version,
        "major": command.major,
        "revision": command.revision,
    }
    spec = wanted_spec(turn, Start(**named))
    return RunWf(
        **named,
        wf_run_id=command.wf_run_id.rpartition(".")[2],  # its own part: a RunWf adds the parent's
        variables=_variables(spec, command),
        labels=command.labels,
        parent=command.parent,
    )


def _variables(spec: WfSpec, command: StartScheduledRun) -> dict[str, Value]:
    """Nobody sees a refusal at once: a variable that holds no object is left alone."""
    listens = listener(spec)
    if listens is None or listens.type != ValueType.JSON_OBJ:
        return command.variables
    return {TRIGGER: command.told, **command.variables}


COMMAND = CommandType(
    StartScheduledRun, handle, of_partition_0, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
