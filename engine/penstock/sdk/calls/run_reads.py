"""Looking at a run: what it is, what it is made of, what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from penstock.contracts.answers.common import Answer, Excerpt
from penstock.contracts.answers.events import EventsThrown, ExternalEventShown, WorkflowEventShown
from penstock.contracts.answers.measured import MetricShown
from penstock.contracts.answers.runs import (
    AttemptShown,
    CheckpointShown,
    Level,
    LogShown,
    NodeRunShown,
    Story,
    TaskRunShown,
    ThreadShown,
    Tried,
    VariableShown,
    WaitShown,
    WfRunShown,
)
from penstock.contracts.answers.user_tasks import UserTaskShown
from penstock.core.ids import root_of
from penstock.core.state.transitions import THREAD_LIVE, ThreadStatus
from penstock.sdk.api import Call, Exchange, Json, Param, below, given
from penstock.sdk.connection import Feed
from penstock.sdk.deadline import Deadline
from penstock.sdk.story import tell
from penstock.sdk.subject import C, Subject, asks, lists
from penstock.sdk.tail import Tail

T = TypeVar("T")

PATH: Final = "/v1/wf-runs"
LOOK_S: Final = 0.1
PAST_S: Final = 30.0  # the log may have to be folded for an answer


class _Status(Answer, frozen=True):
    status: ThreadStatus


class RunReads(Subject[C]):
    """What can be asked of a run without changing it."""

    def __init__(self, connection: C, wf_run_id: str) -> None:
        super().__init__(connection)
        self.id = wf_run_id

    @asks
    def get(self, *, at: str | None = None) -> Exchange[WfRunShown]:
        """The run as it is: status, output, failure, labels, and its threads (of very many the
        first: `threads` has all); `at` a position, or a time with its zone, as it was then.

        >>> run.get().wf_spec, run.get().output
        ('greeting', 'Hello, Ada')
        """
        asked = self._part("", **given(at=at))
        return self._ask(WfRunShown, replace(asked, wait_s=0.0 if at is None else PAST_S))

    @asks
    def status(self) -> Exchange[ThreadStatus]:
        """RUNNING, HALTING, HALTED, COMPLETED, ERROR or EXCEPTION.

        >>> print(run.status(), waiting.status())
        COMPLETED RUNNING
        """
        return self._status()

    @asks
    def view(self, name: str) -> Exchange[Json]:
        """The run in the words and shapes of another product: `kestra`, `wundaflow`.

        >>> run.view("kestra")["state"]["current"]
        'SUCCESS'
        """
        return self._read(dict[str, Any], view=name)

    @asks
    def view_task_runs(self, name: str) -> Exchange[list[Json]]:
        """Its task runs in the words and shapes of another product.

        >>> [row["taskId"] for row in run.view_task_runs("kestra")]
        ['1-greet']
        """
        return self._all(dict[str, Any], self._part("/task-runs", view=name))

    @asks
    def history(self, *, positions: bool = False, at: str | None = None) -> Exchange[Story]:
        """What has happened, in order; with `positions`, or `at`, told from the log: with the
        commands, and where each fact stands.

        >>> [fact.what for fact in run.history().items][-1]
        'WF_RUN'
        """
        told = positions or at is not None
        asked = self._part("/history", **given(at=at, positions="true" if positions else None))
        return self._ask(Story, replace(asked, wait_s=PAST_S if told else 0.0))

    @asks
    def story(self) -> Exchange[list[str]]:
        """What has happened, a line for each fact.

        >>> run.story()[-1]
        "... run COMPLETED, returns 'Hello, Ada'"
        """
        return self._story()

    @lists
    def follow_story(self, timeout: float | None = None) -> Feed[str]:
        """The story as it happens, until the run has ended; ResultTimeout if that takes too
        long.

        >>> list(run.follow_story(timeout=30))[-1]
        "... run COMPLETED, returns 'Hello, Ada'"
        """
        deadline = Deadline(timeout, self.id)
        told: set[str] = set()
        ended = False

        def more() -> Exchange[Sequence[str] | None]:
            nonlocal ended
            if ended:
                return None
            deadline.check()
            status = self._status(after_s=LOOK_S if told else 0.0)
            ended = (yield from deadline.keep(status)) not in THREAD_LIVE
            facts = (yield from deadline.keep(self._read(Story, "/history"))).items
            new = [fact for fact in facts if repr(fact) not in told]
            told.update(map(repr, new))
            return [tell(fact) for fact in new]

        return more

    @asks
    def waits(self, *, at: str | None = None) -> Exchange[Excerpt[WaitShown]]:
        """Why the run is waiting: for each of its threads what it waits for, and since when; `at` a
        position, or a time with its zone, as it was then.

        >>> [(wait.thread, wait.node) for wait in waiting.waits().items]
        [(0, '1-paid')]
        """
        asked = self._part("/waits", **given(at=at))
        wait_s = 0.0 if at is None else PAST_S
        return self._ask(Excerpt[WaitShown], replace(asked, wait_s=wait_s))

    @asks
    def threads(self) -> Exchange[list[ThreadShown]]:
        """Its threads, those that have ended, too.

        >>> [(row.number, row.thread_spec, str(row.status)) for row in run.threads()]
        [(0, 'entrypoint', 'COMPLETED')]
        """
        return self._all(ThreadShown, self._part("/threads"))

    @asks
    def thread(self, number: int) -> Exchange[ThreadShown]:
        """One of them, by its number.

        >>> print(run.thread(0).status)
        COMPLETED
        """
        return self._read(ThreadShown, f"/threads/{number}")

    @asks
    def node_runs(self) -> Exchange[list[NodeRunShown]]:
        """The nodes that the run has come to.

        >>> [row.node for row in run.node_runs()]
        ['0-entrypoint', '1-greet', '2-exit']
        """
        return self._all(NodeRunShown, self._part("/node-runs"))

    @asks
    def task_runs(self) -> Exchange[list[TaskRunShown]]:
        """The tasks, each with its newest attempts and their logs.

        >>> [(row.task_def, len(row.attempts)) for row in run.task_runs()]
        [('greet', 1)]
        """
        return self._all(TaskRunShown, self._part("/task-runs"))

    @asks
    def node_run(self, thread: int, position: int) -> Exchange[NodeRunShown]:
        """One of them, by its thread and its position there.

        >>> run.node_run(0, 1).node
        '1-greet'
        """
        return self._read(NodeRunShown, f"/node-runs/{thread}/{position}")

    @asks
    def task_run(self, guid: str) -> Exchange[TaskRunShown]:
        """A task, by its guid.

        >>> [row] = run.task_runs()
        >>> run.task_run(row.guid).task_def
        'greet'
        """
        return self._read(TaskRunShown, below("/task-runs", guid))

    @asks
    def attempts(self, guid: str) -> Exchange[list[AttemptShown]]:
        """All attempts of a task, by its guid, oldest first.

        >>> [row.number for row in run.attempts(run.task_runs()[0].guid)]
        [1]
        """
        return self._all(AttemptShown, self._part(below("/task-runs", guid, "attempts")))

    @asks
    def checkpoints(self, guid: str) -> Exchange[list[CheckpointShown]]:
        """What the attempts of a task have put aside, by its guid.

        >>> run.checkpoints(run.task_runs()[0].guid)
        []
        """
        return self._all(CheckpointShown, self._part(below("/task-runs", guid, "checkpoints")))

    @asks
    def user_tasks(self) -> Exchange[list[UserTaskShown]]:
        """The forms that people are to fill in, or have.

        >>> run.user_tasks()
        []
        """
        return self._all(UserTaskShown, self._part("/user-task-runs"))

    @asks
    def variables(self, *, thread: int = 0) -> Exchange[Json]:
        """The variables of a thread, by name; masked ones as `*****`.

        >>> run.variables()
        {'name': 'Ada'}
        """
        rows = yield from self._all(VariableShown, self._part("/variables"))
        return {row.name: row.value for row in rows if row.thread == thread}

    @asks
    def variable(self, name: str, *, thread: int = 0) -> Exchange[VariableShown]:
        """One variable of a thread; a masked one is `*****`.

        >>> run.variable("name").value
        'Ada'
        """
        return self._read(VariableShown, f"/variables/{thread}" + below("", name))

    @asks
    def external_events(self) -> Exchange[list[ExternalEventShown]]:
        """The events that were put to the run, and who took them.

        >>> _ = waiting.put_event("paid", "in gold")
        >>> [event.content for event in waiting.external_events()]
        ['in gold']
        """
        return self._all(ExternalEventShown, self._part("/external-events"))

    @asks
    def workflow_events(self) -> Exchange[list[WorkflowEventShown]]:
        """The events that the run has thrown until now.

        >>> run.workflow_events()
        []
        """
        events: list[WorkflowEventShown] = []
        following, more = 0, True
        while more:
            found = yield from self._thrown((), following, 0.0)
            events += found.items
            following, more = found.following, found.truncated
        return events

    @lists
    def thrown(self, *names: str, first: int = 0, wait: float = 20.0) -> Feed[WorkflowEventShown]:
        """The events that the run has thrown, those of these names (of all, if none is given), from
        number `first` on; those to come, too, until the run has ended, or `wait` seconds have
        passed without one.

        >>> list(run.thrown())
        []
        """
        following = first

        def more() -> Exchange[Sequence[WorkflowEventShown] | None]:
            nonlocal following
            ended = (yield from self._status()) not in THREAD_LIVE
            found = yield from self._thrown(names, following, 0.0 if ended else wait)
            following = found.following
            return found.items if found.items or found.truncated else None

        return more

    @asks
    def logs(
        self, *, min_level: Level = "TRACE", task_run: str | None = None, attempt: int | None = None
    ) -> Exchange[Excerpt[LogShown]]:
        """What its tasks have logged, in the order of time: all, or of one task run by its guid.

        >>> run.logs(min_level="WARN").items
        []
        """
        asked = given(min_level=min_level, task_run=task_run, attempt=attempt)
        return self._read(Excerpt[LogShown], "/logs", **asked)

    @lists
    def follow_logs(
        self, *, min_level: Level = "TRACE", task_run: str | None = None, attempt: int | None = None
    ) -> Tail[LogShown]:
        """The lines as they come, until the run has ended; over broken connections, too.

        >>> run = client.run(greeting, name="Ada")
        >>> [line.message for line in run.follow_logs()]
        []
        """
        asked = given(min_level=min_level, task_run=task_run, attempt=attempt)
        call = self._part("/logs/follow", **asked)
        log = msgspec.json.Decoder(LogShown)
        return Tail(call, {"log": log.decode}, self.connection.deadline_s, retold=True)

    @asks
    def metrics(
        self, *, task_run: str | None = None, attempt: int | None = None
    ) -> Exchange[Excerpt[MetricShown]]:
        """What the attempts of its tasks have measured.

        >>> run.metrics().items
        []
        """
        asked = given(task_run=task_run, attempt=attempt)
        return self._read(Excerpt[MetricShown], "/metrics", **asked)

    @asks
    def evaluate(
        self,
        template: Any = None,
        *,
        expression: Mapping[str, Any] | None = None,
        text: bool = False,
        thread: int = 0,
        position: int | None = None,
        task_run: str | None = None,
    ) -> Exchange[Tried]:
        """What a template such as `"{{ customer }}"`, or an expression of a spec, comes to at a
        place of the run: its value, or its `text`. Nothing is changed by it.

        >>> run.evaluate("{{ name }} is here").value
        'Ada is here'
        """
        place = given(wf_run_id=self.id, thread=thread, position=position, task_run=task_run)
        wanted = {"template": template} if expression is None else {"expression": dict(expression)}
        path = "/v1/expressions/evaluate"
        body = place | wanted | ({"as": "TEXT"} if text else {})
        return self._ask(Tried, Call(method="POST", path=path, body=body, reads=True, of=self._of))

    # What they are made of.

    @property
    def _of(self) -> str:
        return of_run(self.id)

    def _part(self, part: str, /, **params: Param) -> Call:
        path = below(PATH, self.id) + part
        return Call(method="GET", path=path, params=params, of=self._of)

    def _part_in(self, part: str, wait_s: float, **params: Param) -> Call:
        """A part that is waited for on the server."""
        asked = self._part(part, wait_ms=int(wait_s * 1_000), **params)
        return replace(asked, wait_s=wait_s)

    def _read(self, kind: type[T], part: str = "", /, **params: Param) -> Exchange[T]:
        return self._ask(kind, self._part(part, **params))

    def _status(self, after_s: float = 0.0) -> Exchange[ThreadStatus]:
        call = replace(self._part("", brief="true"), after_s=after_s)
        return (yield from self._ask(_Status, call)).status

    def _story(self) -> Exchange[list[str]]:
        told = yield from self._read(Story, "/history")
        return [tell(fact) for fact in told.items]

    def _thrown(self, names: Sequence[str], first: int, wait_s: float) -> Exchange[EventsThrown]:
        asked: dict[str, Param] = {"from": first}
        if names:
            asked["def"] = list(names)
        call = self._part_in("/workflow-events", wait_s, **asked)
        return self._ask(EventsThrown, call)


def of_run(wf_run_id: str) -> str:
    """What lies with a run on its partition; see Call."""
    return f"run {root_of(wf_run_id)}"
