"""NoteRefusedStart: the partition of a run says that it could not be started after the end of
another one, which shows it.
"""

from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.starts.starts import refuse_start
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class NoteRefusedStart(Command, frozen=True):
    """The run that has ended, and the code and message of the refusal."""

    wf_run_id: str
    code: str
    message: str


def handle(turn: Turn, command: NoteRefusedStart) -> Value:
    """The run shows it, if it is still there; the outside is told anyway."""
    refuse_start(turn, command.wf_run_id, command.code, command.message)
    return None


COMMAND = CommandType(
    NoteRefusedStart, handle, of_partition_0, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
