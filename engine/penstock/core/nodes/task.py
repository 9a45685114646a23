"""TASK: a piece of work for a task worker. The node run mirrors its TaskRun and carries its guid in
`task`.
"""

from collections.abc import Iterator
from typing import Annotated, cast

from msgspec import Meta

from penstock.core import tasks
from penstock.core.at import At
from penstock.core.definitions import TaskDef
from penstock.core.expressions import Expression
from penstock.core.failures import Failure, FailureName
from penstock.core.limits import (
    BACKOFF_MULTIPLIER_MAX,
    DURATION_MS_MAX,
    MAX_ATTEMPTS_MAX,
    TASK_TIMEOUT_MS_DEFAULT,
)
from penstock.core.node_check import NodeCheck
from penstock.core.nodes.base import (
    WAIT,
    Done,
    Failed,
    NodeConfig,
    NodeType,
    Outcome,
)
from penstock.core.run import Backoff
from penstock.core.task_inputs import check_inputs, inputs_of
from penstock.core.transitions import TASK_LIVE, TaskStatus
from penstock.core.values import ValueProblem


class TaskNode(NodeConfig, tag="TASK", frozen=True):
    """Which TaskDef, with which inputs, how often at most, and how long one attempt may run once it
    has started.
    """

    task_def: str
    inputs: dict[str, Expression] = {}
    max_attempts: Annotated[int, Meta(ge=1, le=MAX_ATTEMPTS_MAX)] = 1
    timeout_ms: Annotated[int, Meta(ge=1, le=DURATION_MS_MAX)] = TASK_TIMEOUT_MS_DEFAULT
    backoff: Backoff | None = None


def arrive(at: At) -> Outcome:
    """Assign the inputs and hand the task out; inputs that can not be had are a failure without a
    TaskRun.
    """
    config = cast(TaskNode, at.config)
    task_def = at.turn.rows.peek(TaskDef, at.turn.tenant, config.task_def)
    if task_def is None:
        message = f"TaskDef {config.task_def!r} does not exist any more"
        return Failed(Failure(FailureName.TASK_FAILURE, message))
    try:
        inputs = inputs_of(at, task_def, config.inputs)
    except ValueProblem as problem:
        return Failed(Failure(FailureName.VAR_SUB_ERROR, f"inputs of {config.task_def}: {problem}"))
    tasks.create(at, config, inputs)
    return WAIT


def look(at: At) -> Outcome:
    """The task run's end is the node's."""
    task = tasks.current(at)
    if task.status in TASK_LIVE:
        return tasks.go_on(at)
    if task.status is TaskStatus.TASK_SUCCESS:
        return Done(task.attempt.output)
    assert task.attempt.failure is not None, "a task that ends without success has a failure"
    return Failed(task.attempt.failure)


def check(check: NodeCheck) -> None:
    """The TaskDef exists and gets what it wants, by name and (where it can be seen) by type."""
    config = cast(TaskNode, check.config)
    check_inputs(check, config.task_def, config.inputs)
    if config.backoff is not None:
        _check_backoff(check, config.backoff)


def _check_backoff(check: NodeCheck, backoff: Backoff) -> None:
    if backoff.base_ms < 0 or not 0 < backoff.max_ms <= DURATION_MS_MAX:
        check.fault("backoff wants base_ms >= 0 and max_ms above 0")
    if not 1 <= backoff.multiplier <= BACKOFF_MULTIPLIER_MAX:
        check.fault(f"backoff wants a multiplier from 1 to {BACKOFF_MULTIPLIER_MAX}")


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """The inputs."""
    yield from cast(TaskNode, config).inputs.values()


NODE = NodeType(
    "TASK",
    TaskNode,
    arrive,
    look=look,
    halt=tasks.is_interruptible,
    check=check,
    expressions=expressions,
    waits=True,
    mirrors_task=True,
)
