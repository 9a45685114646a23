"""AnswerPlace: the partition of a limit tells a run that it has a place, that it stands in the
queue for one, or that there is none. An answer that the run does not wait for any more changes
nothing: it has given the place back.
"""

from msgspec.structs import replace

from penstock.core.command import CommandType, Repeats, Sender, of_partition_0
from penstock.core.flow.agenda import wake
from penstock.core.flow.load import is_there
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.flow.places import ask_id
from penstock.core.places.places import AnswerPlace
from penstock.core.state.place_rows import PlaceStatus
from penstock.core.state.run import WfRun
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


def handle(turn: Turn, command: AnswerPlace) -> Value:
    """Have the run look."""
    run = turn.rows.get(WfRun, turn.tenant, command.wf_run_id)
    if run is None or run.place is None or not is_there(turn, command.wf_run_id):
        return None
    if not run.held or ask_id(turn, run, run.place) != command.ask:
        return None
    if command.waits:
        run.place = replace(run.place, waited=True)
        turn.rows.put(run)
        return None
    status = PlaceStatus.GRANTED if command.refusal is None else PlaceStatus.REFUSED
    run.place = replace(run.place, status=status, refusal=command.refusal)
    turn.rows.put(run)
    wake(turn, run.wf_run_id, ENTRYPOINT_NUMBER)
    return None


COMMAND = CommandType(
    AnswerPlace, handle, of_partition_0, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
