"""Every status of a task against everything that can happen to it: one table, each cell tried.

A cell is the status after it; or `!CODE`: refused with this code, and nothing of the run has
changed; or `=`: accepted, and nothing of the run has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from penstock.core.command import Command
from penstock.core.commands.hand_back_task import HandBackTask
from penstock.core.commands.output_failed import OutputFailed
from penstock.core.commands.put_checkpoint import PutCheckpoint
from penstock.core.commands.queue_passed import PassedTask, QueuePassed
from penstock.core.commands.requeue_task import RequeueTask
from penstock.core.commands.restart_task_run import RestartTaskRun
from penstock.core.commands.retry_now import RetryNow
from penstock.core.commands.shutdown_task_run import ShutdownTaskRun
from penstock.core.commands.task_heartbeat import TaskHeartbeat
from penstock.core.commands.task_started import TaskStarted
from penstock.core.commands.topic_ready import TopicReady
from penstock.core.ids import partition_of_run
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TaskStatus
from tests.controls import chain, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, register, run
from tests.scenarios.unchanged import unchanged

WORKER: Final = "worker-1"
BACKOFF_MS: Final = 600_000  # longer than a time-out: time alone brings no retry
TIMEOUT_MS: Final = 50_000
GRACE_MS: Final = 500_000
SPEC: Final = chain(
    task("work", max_attempts=2, timeout_ms=TIMEOUT_MS, backoff={"base_ms": BACKOFF_MS})
)


def from_engine(driver: Driver, wf_run_id: str, command: Command) -> None:
    """A command of the engine's own, to the run's partition."""
    number = partition_of_run(wf_run_id, driver.topics.partitions)
    courier = driver.processor._courier
    driver.log.append_and_wait(courier.command(number, command, tenant="default"))
    driver.settle()


def output_failed(story: Story, code: str) -> None:
    """The owner tells that the task could not be delivered."""
    failed = OutputFailed(**story.attempt, code=code, message="so it is")
    from_engine(story.driver, story.id, failed)


def queue_passed(story: Story, offset: int = 2**40) -> None:
    """The owner tells that workers have committed the task's record."""
    record = PassedTask(story.id, story.taken.guid, story.taken.attempt, offset)
    from_engine(story.driver, story.id, QueuePassed(task_def="work", passed=(record,)))


def reported(status: str) -> Callable[[Story], object]:
    """The task taken has been reported so, with the very report that `COMMANDS` sends again."""
    exception = "no-money" if status == "TASK_EXCEPTION" else None
    return lambda story: story.driver.send(
        story.report(TaskStatus(status), exception=exception, worker=WORKER)
    )


def timed_out_for_good(story: Story) -> None:
    """Both attempts have run for too long."""
    story.starts().driver.pass_ms(TIMEOUT_MS)
    story.driver.send(RetryNow(**story.task_id))
    story.task("work").starts().driver.pass_ms(TIMEOUT_MS)


def failed_for_good(story: Story) -> None:
    """Both attempts have failed."""
    story.fails().driver.send(RetryNow(**story.task_id))
    reported("TASK_FAILED")(story.task("work"))


STATUSES: Final[dict[str, Callable[[Story], object]]] = {
    "held": lambda story: output_failed(story, "NO_TOPIC"),
    "backoff": lambda story: reported("TASK_FAILED")(story.starts()),
    "scheduled": lambda story: None,
    "running": lambda story: story.starts(),
    "stopping": lambda story: story.starts().is_shut_down(grace_ms=GRACE_MS),
    "restarting": lambda story: story.starts().is_restarted(grace_ms=GRACE_MS),
    "TASK_SUCCESS": lambda story: reported("TASK_SUCCESS")(story.starts()),
    "TASK_FAILED": failed_for_good,
    "TASK_TIMEOUT": timed_out_for_good,
    "TASK_OUTPUT_SERIALIZING_ERROR": reported("TASK_OUTPUT_SERIALIZING_ERROR"),
    "TASK_INPUT_VAR_SUB_ERROR": reported("TASK_INPUT_VAR_SUB_ERROR"),
    "TASK_EXCEPTION": reported("TASK_EXCEPTION"),
    "TASK_CANCELLED": lambda story: story.is_shut_down(),
}
LIVE: Final = ("held", "backoff", "scheduled", "running", "stopping", "restarting")
ENDED: Final = tuple(name for name in STATUSES if name not in LIVE)
NAME_OF: Final = {
    "held": "TASK_PENDING",
    "backoff": "TASK_PENDING",
    "scheduled": "TASK_SCHEDULED",
    **dict.fromkeys(("running", "stopping", "restarting"), "TASK_RUNNING"),
}


def _report(status: str) -> Callable[[Story], Command]:
    exception = "no-money" if status == "TASK_EXCEPTION" else None
    return lambda story: story.report(TaskStatus(status), exception=exception, worker=WORKER)


COMMANDS: Final[dict[str, Callable[[Story], Command]]] = {
    "TaskStarted": lambda story: TaskStarted(**story.attempt, worker=WORKER),
    "TaskStarted elsewhere": lambda story: TaskStarted(**story.attempt, worker="other"),
    "report SUCCESS": _report("TASK_SUCCESS"),
    "report FAILED": _report("TASK_FAILED"),
    "report OUTPUT": _report("TASK_OUTPUT_SERIALIZING_ERROR"),
    "report INPUT": _report("TASK_INPUT_VAR_SUB_ERROR"),
    "report EXCEPTION": _report("TASK_EXCEPTION"),
    "TaskHeartbeat": lambda story: TaskHeartbeat(**story.attempt, worker=WORKER, logs="alive"),
    "PutCheckpoint": lambda story: PutCheckpoint(**story.attempt, number=0, worker=WORKER),
    "Shutdown": lambda story: ShutdownTaskRun(**story.task_id),
    "Shutdown now": lambda story: ShutdownTaskRun(**story.task_id, grace_ms=0),
    "Restart": lambda story: RestartTaskRun(**story.task_id),
    "Restart now": lambda story: RestartTaskRun(**story.task_id, grace_ms=0),
    "Requeue": lambda story: RequeueTask(**story.task_id),
    "RetryNow": lambda story: RetryNow(**story.task_id),
    "HandBack": lambda story: HandBackTask(**story.attempt, worker=WORKER),
}
ENGINE: Final[dict[str, Callable[[Story], object]]] = {
    "OutputFailed NO_TOPIC": lambda story: output_failed(story, "NO_TOPIC"),
    "OutputFailed TOO_LARGE": lambda story: output_failed(story, "TOO_LARGE"),
    "OutputFailed INVALID": lambda story: output_failed(story, "INVALID"),
    "TopicReady": lambda story: from_engine(story.driver, story.id, TopicReady(task_def="work")),
    "QueuePassed": lambda story: queue_passed(story),
    "time passes": lambda story: story.driver.pass_ms(TIMEOUT_MS),
    "a long time passes": lambda story: [story.driver.pass_ms(TIMEOUT_MS) for _ in range(11)],
}

P, S, R, C, F = "TASK_PENDING", "TASK_SCHEDULED", "TASK_RUNNING", "TASK_CANCELLED", "TASK_FAILED"
_OUT, _IN, _EXC = "TASK_OUTPUT_SERIALIZING_ERROR", "TASK_INPUT_VAR_SUB_ERROR", "TASK_EXCEPTION"
_ENDED, _GONE, _TAKEN = "!ATTEMPT_ENDED", "!TASK_RUN_ENDED", "!ATTEMPT_TAKEN"
_IDLE, _QUEUE, _WAITS = "!TASK_NOT_IN_FLIGHT", "!TASK_NOT_QUEUED", "!TASK_NOT_IN_BACKOFF"

TABLE: Final[dict[str, tuple[str, ...]]] = {
    # what happens         held    backoff scheduled running stopping restarting
    "TaskStarted": (_ENDED, _ENDED, R, "=", "=", "="),
    "TaskStarted elsewhere": (_ENDED, _ENDED, R, _TAKEN, _TAKEN, _TAKEN),
    "report SUCCESS": (_ENDED, _ENDED, *["TASK_SUCCESS"] * 4),
    "report FAILED": (_ENDED, "=", P, P, C, S),
    "report OUTPUT": (_ENDED, _ENDED, _OUT, _OUT, _OUT, _OUT),
    "report INPUT": (_ENDED, _ENDED, _IN, _IN, _IN, _IN),
    "report EXCEPTION": (_ENDED, _ENDED, _EXC, _EXC, _EXC, _EXC),
    "TaskHeartbeat": (_ENDED, _ENDED, R, R, R, R),
    "PutCheckpoint": ("=", "=", R, R, R, R),
    "Shutdown": (C, C, C, R, "=", R),
    "Shutdown now": (C, C, C, C, C, C),
    "Restart": (_IDLE, _IDLE, S, R, "!STOP_REQUESTED", "="),
    "Restart now": (_IDLE, _IDLE, S, S, "!STOP_REQUESTED", S),
    "Requeue": (_QUEUE, _QUEUE, S, _QUEUE, _QUEUE, _QUEUE),
    "RetryNow": (_WAITS, S, _WAITS, _WAITS, _WAITS, _WAITS),
    "HandBack": (_ENDED, _ENDED, S, S, C, S),
    "OutputFailed NO_TOPIC": ("=", "=", P, "=", "=", "="),
    "OutputFailed TOO_LARGE": ("=", "=", F, "=", "=", "="),
    "OutputFailed INVALID": ("=", "=", P, "=", "=", "="),
    "TopicReady": (S, "=", "=", "=", "=", "="),
    "QueuePassed": ("=", "=", S, "=", "=", "="),
    "time passes": ("=", "=", "=", P, C, S),
    "a long time passes": ("=", "=", "=", P, C, S),
}
"""For the live statuses. What has ended is changed by nothing."""

AFTER_THE_END: Final[dict[str, str]] = {
    **dict.fromkeys(COMMANDS, _ENDED),
    **dict.fromkeys(("Shutdown", "Shutdown now", "Restart", "Restart now"), _GONE),
    **dict.fromkeys(("Requeue", "RetryNow"), _GONE),
    **dict.fromkeys(ENGINE, "="),
    "PutCheckpoint": "=",  # answered with STOP_TASK
}
REPEATED: Final = {
    ("TASK_SUCCESS", "report SUCCESS"),
    ("TASK_FAILED", "report FAILED"),
    ("TASK_OUTPUT_SERIALIZING_ERROR", "report OUTPUT"),
    ("TASK_INPUT_VAR_SUB_ERROR", "report INPUT"),
    ("TASK_EXCEPTION", "report EXCEPTION"),
}

CELLS: Final = [
    *(
        (before, what, row[column])
        for what, row in TABLE.items()
        for column, before in enumerate(LIVE)
    ),
    *(
        (before, what, "=" if (before, what) in REPEATED else after)
        for what, after in AFTER_THE_END.items()
        for before in ENDED
    ),
]


def test_the_table_has_every_cell() -> None:
    """Each status against everything that can happen."""
    assert set(TABLE) == set(AFTER_THE_END) == COMMANDS.keys() | ENGINE.keys()
    assert all(len(row) == len(LIVE) for row in TABLE.values())
    assert {NAME_OF.get(name, name) for name in STATUSES} == set(TaskStatus)


@pytest.mark.parametrize(("before", "what", "after"), CELLS)
@pytest.mark.fault(30)
def test_a_cell(memory: Driver, before: str, what: str, after: str) -> None:
    """The task is brought to the status, then it happens."""
    register(memory, "cell", SPEC)
    story = run(memory, "cell").task("work")
    STATUSES[before](story)
    assert story.task_run.status == NAME_OF.get(before, before)
    if after in ("=", *_CODES):
        with unchanged(memory, story.id):
            _happens(story, what, after)
    else:
        _happens(story, what, after)
        assert story.task_run.status == after
        _mirrors(story)


_CODES: Final = {cell for _, _, cell in CELLS if cell.startswith("!")}


def _happens(story: Story, what: str, after: str) -> None:
    if what in ENGINE:
        ENGINE[what](story)
        return
    answer = story.driver.send(COMMANDS[what](story))
    assert answer.code == (after[1:] if after.startswith("!") else None), answer


def _mirrors(story: Story) -> None:
    """The node run mirrors its task run (contract, section 2), and the run goes the same way."""
    row: TaskRun = story.task_run
    node = story.nodes[row.position]
    ends = {"TASK_SUCCESS": "COMPLETED", "TASK_EXCEPTION": "EXCEPTION"}
    live = row.status in NAME_OF.values()
    status = "RUNNING" if live else ends.get(row.status, "ERROR")
    assert (node.task, node.status, story.run.status) == (row.guid, status, status)
    if row.status == C:
        assert node.failure is not None
        assert node.failure.name == C
