"""StartAfterEnd: the end of a run starts another one, which belongs on this partition. If it can
not be started, the run that has ended is told.

A partition that has not been told of the spec's version asks partition 0, which has decided it, to
send it on: on that way the version comes first.
"""

from msgspec.structs import replace

from penstock.core.command import CommandType, Repeats, Sender, of_partition_0
from penstock.core.commands.note_refused_start import NoteRefusedStart
from penstock.core.definitions.metadata import DECIDING_PARTITION
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.errors import Reject
from penstock.core.flow.starting import Start, begin_run, check_start, first_start
from penstock.core.ids import partition_of_run
from penstock.core.starts.starts import StartAfterEnd, refusal_text, unpacked
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


def handle(turn: Turn, command: StartAfterEnd) -> Value:
    """Begin it, unless that was done. What is refused is so before anything is written: other
    things that the turn still has to do stay.
    """
    if first_start(turn, command.wf_run_id) is not None:
        turn.repeated = True
        return None
    seed = unpacked(command.seed)
    here, target = turn.shard.partition, partition_of_run(command.wf_run_id, turn.shard.partitions)
    if target != here:
        turn.send(target, replace(command, decided=True))  # behind the version (R4)
        return None
    known = turn.rows.peek(WfSpec, turn.tenant, seed.wf_spec, seed.version)
    if known is None and not command.decided and here != DECIDING_PARTITION:
        turn.send(DECIDING_PARTITION, command)
        return None
    start = Start(
        wf_spec=seed.wf_spec,
        version=seed.version,
        variables=seed.variables,
        labels=seed.labels,
        masked=seed.masked,
    )
    by = seed.started_by
    try:
        spec, variables = check_start(turn, start)
    except Reject as rejection:
        refused = NoteRefusedStart(
            wf_run_id=by.wf_run_id,
            code=rejection.code,
            message=refusal_text(by.start, seed.wf_spec, rejection.message),
        )
        turn.send(partition_of_run(by.wf_run_id, turn.shard.partitions), refused)
        return None
    run = begin_run(turn, spec, start, command.wf_run_id, variables, b"")
    run.started_by = by
    turn.rows.put(run)
    return None


COMMAND = CommandType(
    StartAfterEnd, handle, of_partition_0, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
