"""The tables of the core are total, and say what is in the folders."""

from pathlib import Path

import pytest

import penstock.core.commands as commands
import penstock.core.nodes as nodes
from penstock.core import fire
from penstock.core.bulk.rows import ROWS_OF_BULK
from penstock.core.command import Sender, of_wf_run
from penstock.core.definitions.defs import (
    Application,
    ExternalEventDef,
    HeldTask,
    StructDef,
    TaskDef,
    WorkflowEventDef,
)
from penstock.core.definitions.principals import ApiKey, Principal
from penstock.core.definitions.quotas import Quota
from penstock.core.definitions.tenants import Tenant
from penstock.core.definitions.user_task_def import LatestUserTaskDef, UserTaskDef
from penstock.core.definitions.webhooks import Webhook
from penstock.core.definitions.wf_spec import LatestWfSpec, MajorWfSpec, WfSpec
from penstock.core.schedules.schedules import ROWS_OF_SCHEDULES
from penstock.core.state.breaker_rows import ROWS_OF_BREAKERS
from penstock.core.state.keys import Scope
from penstock.core.state.partition_state import ROWS_OF_PARTITIONS
from penstock.core.state.run_kinds import ROWS_OF_RUNS
from penstock.core.state.search_rows import RunBegun, VariableOf
from penstock.core.state.start_rows import StartWatch, WatchCount
from penstock.core.state.task_rows import ROWS_OF_TASKS
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.transitions import (
    NODE,
    TASK,
    TASK_LIVE,
    THREAD,
    USER_TASK,
    ImpossibleMove,
    NodeEvent,
    NodeStatus,
    TaskEvent,
    TaskStatus,
    ThreadEvent,
    ThreadStatus,
    UserTaskMove,
    UserTaskStatus,
    move,
)
from penstock.core.state.user_task_rows import UserTaskOf
from penstock.core.state.windows import CountWindow
from penstock.core.tasks import tasks

ALL_ROWS = (
    *ROWS_OF_RUNS,
    *ROWS_OF_TASKS,
    *ROWS_OF_PARTITIONS,
    *ROWS_OF_SCHEDULES,
    *ROWS_OF_BULK,
    TaskDef,
    ExternalEventDef,
    StructDef,
    WorkflowEventDef,
    Application,
    Webhook,
    Principal,
    ApiKey,
    Tenant,
    Quota,
    WfSpec,
    LatestWfSpec,
    MajorWfSpec,
    Timer,
    HeldTask,
    *ROWS_OF_BREAKERS,
    UserTaskDef,
    LatestUserTaskDef,
    UserTaskOf,
    VariableOf,
    RunBegun,
    StartWatch,
    WatchCount,
    CountWindow,
)


@pytest.mark.parametrize(
    ("table", "statuses", "events"),
    [
        (THREAD, ThreadStatus, ThreadEvent),
        (NODE, NodeStatus, NodeEvent),
        (TASK, TaskStatus, TaskEvent),
        (USER_TASK, UserTaskStatus, UserTaskMove),
    ],
)
def test_each_status_has_a_cell_for_each_event(table, statuses, events) -> None:
    """And each status can be reached, or is one to begin with."""
    assert set(table) == set(statuses)
    assert all(set(row) == set(events) for row in table.values())
    reached = {after for row in table.values() for after in row.values()} - {None}
    begin = {ThreadStatus.RUNNING, NodeStatus.STARTING, TaskStatus.TASK_PENDING}
    of_the_wire_only = {NodeStatus.HALTING}
    assert set(statuses) - reached <= begin | of_the_wire_only


def test_an_impossible_move_is_a_defect() -> None:
    """It is never an answer."""
    with pytest.raises(ImpossibleMove):
        move(TASK, TaskStatus.TASK_SUCCESS, TaskEvent.FAIL)


def test_every_end_of_a_task_has_a_failure_or_is_a_success() -> None:
    """TASK_EXCEPTION brings its own."""
    ends = set(TaskStatus) - TASK_LIVE
    assert ends - set(tasks.FAILURE_OF) == {TaskStatus.TASK_SUCCESS, TaskStatus.TASK_EXCEPTION}


@pytest.mark.parametrize(
    ("package", "table"),
    [
        (nodes, [node.arrive.__module__ for node in nodes.NODE_TYPES]),
        (commands, [entry.handle.__module__ for entry in commands.COMMANDS]),
    ],
)
def test_each_file_is_in_its_table(package, table) -> None:
    """A node type or a command is one file and one line."""
    folder = Path(package.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert files == {module.rpartition(".")[2] for module in table}
    assert len(files) == len(table)


def test_what_an_operator_does_to_a_run_is_audited() -> None:
    """All that clients send to a run, but what starts it, workers and people report, and events."""
    not_verbs = {
        "RunWf",
        "RunByWebhook",
        "PutExternalEvent",
        "TaskStarted",
        "ReportTask",
        "TaskHeartbeat",
    }
    not_verbs |= {"PutCheckpoint", "HandBackTask"}
    silent = {
        entry.record.__name__
        for entry in commands.COMMANDS
        if entry.key is of_wf_run and entry.sender is Sender.CLIENT and not entry.audited
    }
    assert {name for name in silent if "UserTask" not in name} == not_verbs


def test_each_kind_of_timer_is_fired() -> None:
    """By the table."""
    assert set(fire._FIRE) == set(TimerKind)


def test_no_two_kinds_of_rows_share_their_keys() -> None:
    """Kinds are told apart by scope and byte."""
    kinds = [(row.SCOPE, row.KIND) for row in ALL_ROWS]
    assert len(set(kinds)) == len(kinds)
    for row in ALL_ROWS:
        assert len(row.KIND) == 1
        assert set(row.KEY) <= set(row.__struct_fields__)
        assert (row.SCOPE is Scope.PARTITION) or row.KEY[0] == "tenant"
