"""A run that is to begin on a partition that does not know its version yet: partition 0 sends the
command on, behind the version.
"""

from __future__ import annotations

from msgspec.msgpack import Encoder

from penstock.core.commands.note_refused_start import NoteRefusedStart
from penstock.core.commands.start_after_end import handle
from penstock.core.ids import partition_of_run
from penstock.core.starts.starts import StartAfterEnd, StartSeed
from penstock.core.state.outputs import CommandOutput
from penstock.core.state.partition_state import PartitionState, Shard
from penstock.core.state.rows import NoRows, Rows
from penstock.core.state.start_rows import EndState, StartedBy
from penstock.core.state.turn import Turn

PARTITIONS = 3
BY = StartedBy("ended", "first", 1, EndState.COMPLETED, "go")
SEED = Encoder().encode(StartSeed("second", 1, {}, (), {}, BY))
RUN = next(f"r{n}" for n in range(99) if partition_of_run(f"r{n}", PARTITIONS) == 2)
COMMAND = StartAfterEnd(wf_run_id=RUN, seed=SEED)


def sent(partition: int, command: StartAfterEnd) -> list[tuple[int, object]]:
    """What a partition without any rows sends when it gets the command."""
    turn = Turn(Rows(NoRows()), Shard(partition, PARTITIONS), 7, PartitionState())
    turn.tenant = "default"
    handle(turn, command)
    own = [(partition, one) for one in turn.own_commands]
    return own + [(out.target, out.body) for out in turn.outputs if isinstance(out, CommandOutput)]


def test_a_partition_that_does_not_know_the_version_asks_partition_0() -> None:
    assert sent(2, COMMAND) == [(0, COMMAND)]
    decided = StartAfterEnd(wf_run_id=RUN, seed=SEED, decided=True)
    assert sent(0, COMMAND) == [(2, decided)]
    [(target, refused)] = sent(2, decided)
    assert target == partition_of_run("ended", PARTITIONS)
    assert isinstance(refused, NoteRefusedStart)
    assert refused.code == "SPEC_UNKNOWN"
