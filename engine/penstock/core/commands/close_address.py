"""CloseAddress: a run has heard that where its task went nothing is taken any more. Partition 0
decides it, so that it holds on every partition.
"""

from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.defs import GoneAddress, gone_name
from penstock.core.definitions.metadata import DECIDING_PARTITION
from penstock.core.state.failures import Failure
from penstock.core.state.run import TaskRun
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class CloseAddress(Command, frozen=True):
    """The address, the business exception that tasks to it end with, and who was told what."""

    address: str
    failure: str
    message: str
    wf_run_id: str
    task_def: str


def handle(turn: Turn, command: CloseAddress) -> Value:
    """Keep it, here and everywhere; who was told first counts."""
    name = gone_name(command.address)
    if turn.rows.peek(GoneAddress, turn.tenant, name) is None:
        row = GoneAddress(
            tenant=turn.tenant,
            name=name,
            address=command.address,
            failure=command.failure,
            message=command.message,
            heard_by=command.wf_run_id,
            task_def=command.task_def,
            since_ms=turn.at_ms,
        )
        install(turn, row)
    return None


def close(turn: Turn, task: TaskRun, failure: Failure) -> None:
    """The worker of a task was told so; a task whose address is not known closes none."""
    if task.address is not None:
        command = CloseAddress(
            address=task.address,
            failure=failure.name,
            message=failure.message,
            wf_run_id=task.wf_run_id,
            task_def=task.task_def,
        )
        turn.send(DECIDING_PARTITION, command)


COMMAND = CommandType(
    CloseAddress, handle, of_partition_0, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
