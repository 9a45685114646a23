"""All kinds of rows that lie with a run and go with it, but for those of its tasks
(`task_rows.ROWS_OF_TASKS`).
"""

from typing import Final

from penstock.core.state.correlation_rows import RunMarker
from penstock.core.state.event_rows import (
    EventWaiter,
    ExternalEvent,
    PlacingEvent,
    UnclaimedEvent,
    WorkflowEvent,
    WorkflowEventCount,
)
from penstock.core.state.facts import AuditEntry, HistoryChunk
from penstock.core.state.migration_rows import Migration
from penstock.core.state.published import PublishedOutput
from penstock.core.state.replay_rows import OldVariable, Replayed
from penstock.core.state.rest_rows import RunRests
from penstock.core.state.rows import Row
from penstock.core.state.run import (
    NodeOutput,
    NodeRun,
    PastAttempt,
    TaskRun,
    ThreadRun,
    Variable,
    WfRun,
)
from penstock.core.state.search_rows import IndexedVariable
from penstock.core.state.start_rows import RunEnd
from penstock.core.state.thread_rows import (
    Awaited,
    AwaitedEnd,
    ChildRun,
    EachChunk,
    EachPlan,
    EachThread,
    FailedWait,
    Interrupter,
    LiveBelow,
    LiveChild,
    PendingInterrupt,
    RoundUnderWay,
    RunWaiter,
    ThreadWaiter,
    Watcher,
)
from penstock.core.state.user_task_rows import UserTaskComment, UserTaskEvent, UserTaskRun

ROWS_OF_RUNS: Final[tuple[type[Row], ...]] = (
    WfRun,
    ThreadRun,
    NodeRun,
    NodeOutput,
    Variable,
    TaskRun,
    PastAttempt,
    ExternalEvent,
    PlacingEvent,
    UnclaimedEvent,
    EventWaiter,
    LiveChild,
    Awaited,
    AwaitedEnd,
    ThreadWaiter,
    EachPlan,
    EachChunk,
    EachThread,
    Interrupter,
    PendingInterrupt,
    Watcher,
    RoundUnderWay,
    UserTaskRun,
    UserTaskEvent,
    UserTaskComment,
    ChildRun,
    RunWaiter,
    LiveBelow,
    FailedWait,
    RunMarker,
    WorkflowEvent,
    WorkflowEventCount,
    HistoryChunk,
    AuditEntry,
    Migration,
    OldVariable,
    Replayed,
    PublishedOutput,
    IndexedVariable,
    RunEnd,
    RunRests,
)
