"""TASK: a piece of work for a task worker. The node run mirrors its TaskRun and carries its guid in
`task`.
"""

from collections.abc import Iterator
from typing import cast

from penstock.core.definitions.defs import TaskDef
from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.nodes import TaskNode
from penstock.core.flow.at import At
from penstock.core.flow.node import NodeType, any_exceptions
from penstock.core.flow.outcomes import WAIT, Done, Failed, Outcome
from penstock.core.flow.warned import warn
from penstock.core.ids import is_definition_name
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TASK_LIVE, TaskStatus, ThreadStatus
from penstock.core.tasks import stops as task_stops
from penstock.core.tasks import tasks
from penstock.core.tasks.inputs import check_inputs, check_secrets, expressions_in, inputs_of
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueProblem, ValueType
from penstock.core.values.value import type_name


def arrive(at: At) -> Outcome:
    """Assign the inputs and hand the task out; inputs that can not be had are a failure without a
    TaskRun.
    """
    config = cast(TaskNode, at.config)
    name = _name(at, config)
    task_def = at.turn.rows.peek(TaskDef, at.turn.tenant, name)
    if task_def is None:
        if config.task_def is None:
            raise ValueProblem(f"there is no TaskDef {name!r}")
        message = f"TaskDef {name!r} does not exist any more"
        return Failed(Failure(FailureName.TASK_FAILURE, message))
    try:
        inputs = inputs_of(at, task_def, config.inputs)
    except ValueProblem as problem:
        return Failed(Failure(FailureName.VAR_SUB_ERROR, f"inputs of {name}: {problem}"))
    return _outcome(at, tasks.create(at, config, task_def, inputs))


def look(at: At) -> Outcome:
    """The task run's end is the node's."""
    task = tasks.current(at)
    tasks.go_on(at, task)
    return _outcome(at, task)


def _outcome(at: At, task: TaskRun) -> Outcome:
    if task.status in TASK_LIVE:
        return WAIT
    if task.status is TaskStatus.TASK_SUCCESS:
        if task.attempt.warning:
            warn(at)
        return Done(task.attempt.output)
    return Failed(tasks.failure_of(task))


def leave(at: At) -> None:
    """A thread that runs leaves only a task that has ended; one that is halted may leave one that
    waits to be sent, and that nobody wants any more.
    """
    if at.thread.status is ThreadStatus.HALTED:
        task_stops.give_up(at.turn, tasks.current(at))


def carries(before: NodeConfig, after: NodeConfig) -> str | None:
    """The task that was handed out stays as it is: it must be one of the same TaskDef."""
    old, new = cast(TaskNode, before), cast(TaskNode, after)
    if old.task_def == new.task_def:
        return None
    return f"does {new.task_def or 'a dynamic task'} there, and its task is one of another TaskDef"


def check(check: NodeCheck) -> None:
    """A TaskDef that is named exists and gets what it wants, by name and (where it can be seen) by
    type; of a dynamic one only the run can tell.
    """
    config = cast(TaskNode, check.config)
    if config.retries is not None:
        wanted = f"max_attempts {config.max_attempts} and retries {config.retries} disagree"
        check.fault(
            FaultKind.RETRIES_DISAGREE,
            f"{wanted}: retries are the attempts after the first; one of both is enough",
        )
    if config.backoff is not None:
        check.backoff(config.backoff)
    check_secrets(check, config.inputs)
    if (config.task_def is None) == (config.dynamic_task is None):
        check.fault(FaultKind.TASK_CHOICE, "a TASK has either a task_def or a dynamic_task")
    elif config.dynamic_task is not None:
        check.fits(config.dynamic_task, ValueType.STR, "dynamic_task")
    elif config.task_def is not None:
        task_def = check_inputs(check, config.task_def, config.inputs)
        if config.output_required and task_def is not None and not _returns(task_def):
            said = f"an output is required, and TaskDef {config.task_def!r} has no return_type"
            check.fault(FaultKind.OUTPUT_UNTYPED, f"{said} to say what it must be")


def _returns(task_def: TaskDef) -> bool:
    """Whether it says what it returns, and not that this is nothing."""
    return task_def.return_type is not None and not task_def.returns_nothing


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """The name, if it is dynamic, and the inputs."""
    node = cast(TaskNode, config)
    if node.dynamic_task is not None:
        yield node.dynamic_task
    yield from expressions_in(node.inputs)


def _name(at: At, config: TaskNode) -> str:
    if config.task_def is not None:
        return config.task_def
    assert config.dynamic_task is not None, "a TASK has one of both"
    name = at.evaluate(config.dynamic_task)
    if not isinstance(name, str):
        raise ValueProblem(f"dynamic_task: {type_name(name)} is not the name of a TaskDef")
    if not is_definition_name(name):
        raise ValueProblem(f"dynamic_task: {name[:128]!r} is not the name of a TaskDef")
    return name


NODE = NodeType(
    "TASK",
    TaskNode,
    arrive,
    look=look,
    halt=tasks.is_interruptible,
    leave=leave,
    carries=carries,
    check=check,
    expressions=expressions,
    exceptions=any_exceptions,
    waits=True,
)
