"""StartReplay: begins a replay, on the partition to which its id belongs."""

from penstock.core.command import Command, CommandType, Repeats, Sender, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.load import is_being_deleted
from penstock.core.flow.starting import first_start
from penstock.core.operators.replay import unpacked
from penstock.core.operators.replay_start import start_replay
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class StartReplay(Command, frozen=True):
    """The new run's id, and what it begins with, as bytes of a row."""

    wf_run_id: str
    seed: bytes


def handle(turn: Turn, command: StartReplay) -> Value:
    """Begin it, unless that was done."""
    seed = unpacked(command.seed)
    known = first_start(turn, command.wf_run_id)
    if is_being_deleted(turn, command.wf_run_id):
        refuse(Code.WF_RUN_DELETING, f"WfRun {command.wf_run_id!r} is being deleted")
    if known is None:
        start_replay(turn, command.wf_run_id, seed)
    elif known.request_hash == seed.request_hash:
        turn.repeated = True
    else:
        refuse(Code.ALREADY_EXISTS, f"WfRun {command.wf_run_id!r} is another run")
    return None


COMMAND = CommandType(
    StartReplay, handle, of_wf_run, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
