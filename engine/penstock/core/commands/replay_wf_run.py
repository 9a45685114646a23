"""ReplayWfRun: a new run begins as another one began, or as that one was when a thread of it came
to a node. The other run, whatever its status, stays as it is.
"""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.commands.start_replay import StartReplay
from penstock.core.errors import Code, refuse
from penstock.core.flow.visits import visit_of
from penstock.core.ids import check_wf_run_id, partition_of_run
from penstock.core.operators.replay import new_run_id, packed, seed_of
from penstock.core.operators.verbs import known_run
from penstock.core.state.run import WfRun
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class ReplayWfRun(Command, frozen=True):
    """Which run; from its beginning, or from the node run of a task run (`guid`), or from the one
    that `thread` and `position` name; by which version of its WfSpec, if not by its own. From a
    task run that lies before the place of a replay, it is a replay of the run that has done it.

    Without `new_wf_run_id` the answer says the new run's id.
    """

    wf_run_id: str
    guid: str | None = None
    thread: int = 0
    position: int | None = None
    version: int | None = None
    new_wf_run_id: str | None = None


def handle(turn: Turn, command: ReplayWfRun) -> Value:
    """See what the new run begins with, and have it begun on its partition."""
    run = known_run(turn, command.wf_run_id)
    if run.parent is not None:
        refuse(
            Code.WF_RUN_IS_CHILD,
            f"WfRun {run.wf_run_id!r} stands below {run.parent!r}: replay the root of the family",
        )
    of, thread, position = _place(turn, run, command)
    version = run.version if command.version is None else command.version
    request = _request(command)
    seed = seed_of(
        turn, of, thread=thread, position=position, version=version, request=request, asked=run
    )
    if command.new_wf_run_id is None:
        new_id = new_run_id(turn, run.wf_run_id)
    else:
        new_id = check_wf_run_id(command.new_wf_run_id)
    target = partition_of_run(new_id, turn.shard.partitions)
    turn.send(target, StartReplay(wf_run_id=new_id, seed=packed(turn, seed, target)))
    return {
        "wf_run_id": new_id,
        "wf_spec": seed.wf_spec,
        "version": seed.version,
        "attempt": seed.replay.attempt,
    }


def _place(turn: Turn, run: WfRun, command: ReplayWfRun) -> tuple[WfRun, int, int | None]:
    """Thread and position; no position stands for the beginning. A task run from before the place
    of a replay is one of the run that it replays.
    """
    if command.guid is None:
        return run, command.thread, command.position
    if command.position is not None or command.thread:
        refuse(Code.BAD_VALUE, "name the task run, or thread and position, not both")
    return visit_of(turn.rows, turn.shard.partition, run, command.guid)


def _request(command: ReplayWfRun) -> Value:
    """By what the same replay under the same id is known."""
    place = [command.guid, command.thread, command.position]
    return [command.wf_run_id, *place, command.version]


COMMAND = CommandType(ReplayWfRun, handle, of_wf_run, audited=True)
