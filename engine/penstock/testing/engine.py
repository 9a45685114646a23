"""What a test has: an engine of its own, and runs that stand still unless something happens."""

from __future__ import annotations

from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Generic, TypeVar, overload

import httpx

from penstock.builtin.tasks import BuiltinTasks
from penstock.core.state.transitions import THREAD_LIVE
from penstock.sdk.client import Client
from penstock.sdk.deploy import Deployed
from penstock.sdk.errors import TaskError
from penstock.sdk.handle import RunHandle
from penstock.sdk.options import Duration, duration_ms
from penstock.sdk.register import tasks_of
from penstock.sdk.task import TaskDef, name_of_task
from penstock.sdk.workflow import Workflow
from penstock.testing.hands import Hands, answering
from penstock.testing.node import HOST, Clock, Node

R = TypeVar("R")
Json = dict[str, Any]

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
URL: Final = f"http://{HOST}"
NOT_FAKED: Final = "NOT_FAKED"


class Engine:
    """The engine, in memory. Close it, or use it in a `with`.

    Whatever is asked of it is done at once, the tasks too, by their own functions or by what `fake`
    puts in their place; a run then stands where it waits for an event, a person or the time. Time
    passes with `skip` only. `client` is the ordinary client, connected to this engine.
    """

    def __init__(
        self,
        *definitions: TaskDef[..., Any] | Workflow[..., Any],
        start: datetime = START,
        partitions: int = 1,
    ) -> None:
        self._clock = Clock(_ms(start))
        self._node = Node(self._clock, partitions)
        self._hands = Hands(self._node)
        self.client = Client(URL, transport=_Here(self))
        own = BuiltinTasks()
        self.register(*own.all, *definitions)
        for reaching in (own.http_request, own.send_webhook):
            message = (
                f"a test reaches no network; say what it answers: fake({reaching.name!r}, ...)"
            )
            self.fake(reaching, TaskError(NOT_FAKED, message))

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of everything."""
        self.client.close()
        self._hands.close()
        self._node.close()

    def register(self, *definitions: TaskDef[..., Any] | Workflow[..., Any]) -> None:
        """Register tasks and workflows, and do their tasks."""
        for one in definitions:
            self._hands.learn(*tasks_of(one))
        self.client.register(*definitions)

    def deploy(self, flow: str) -> Deployed:
        """Register a flow, given as YAML."""
        return self.client.deploy(flow)

    def fake(self, task: TaskDef[..., Any] | str, *answers: Any) -> None:
        """Have a task answer this, one attempt after another, and the last answer from then on: a
        value is returned, an exception raised, and a function called with the task's inputs by
        name. `TaskError` is a business exception; any other is a failure, which is retried.
        """
        if not answers:
            raise TypeError("fake() takes the answers that the task gives")
        self._hands.fake(task, answering(answers))

    def inputs(self, task: TaskDef[..., Any] | str) -> list[Json]:
        """What the attempts of a task were given so far, in order."""
        return self._hands.done.get(name_of_task(task), [])

    @overload
    def run(self, workflow: Workflow[..., R], /, **given: Any) -> Run[R]: ...
    @overload
    def run(self, workflow: str, /, **given: Any) -> Run[Any]: ...
    def run(self, workflow: Workflow[..., Any] | str, /, **given: Any) -> Run[Any]:
        """Start a run, as `Client.run` does, and do all that can be done without time passing."""
        return Run(self, self.client.run(workflow, **given))

    @property
    def now(self) -> datetime:
        """What time it is."""
        return datetime.fromtimestamp(self._clock.now_ms / 1_000, UTC)

    def skip(self, duration: Duration) -> None:
        """Let time pass: all that comes due meanwhile is done, in its order."""
        until_ms = self._clock.now_ms + duration_ms(duration, "duration", "skip()")
        while (due_ms := self._node.next_due_ms()) is not None and due_ms < until_ms:
            self._pass_to(due_ms)
        self._pass_to(until_ms)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of the client's, and do what comes of it."""
        response = self._node.request(request)
        self._hands.work()
        return response

    def _pass_to(self, now_ms: int) -> None:
        self._node.move_to(now_ms)
        self._hands.work()


class Run(RunHandle[R], Generic[R]):
    """A run within a test: a handle that never waits."""

    def __init__(self, engine: Engine, handle: RunHandle[R]) -> None:
        super().__init__(engine.client.connection, handle.id, handle.return_hint)
        self._engine = engine

    def result(self, timeout: Duration | None = None) -> R:
        """The run's output; with a `timeout`, after so much time has passed.

        Raises RunFailed if it ended otherwise; if it has not ended, AssertionError, which tells its
        story.
        """
        if timeout is not None:
            self._engine.skip(timeout)
        run = self.get()
        if run.status in THREAD_LIVE:
            raise AssertionError("\n".join([f"{self} is {run.status}:", *self.story()]))
        return self.outcome(run)

    @property
    def waits_at(self) -> list[str]:
        """The nodes at which its threads stand."""
        live = ("STARTING", "RUNNING", "HALTING", "HALTED")
        return [row.node for row in self.node_runs() if row.status in live]


class _Here(httpx.BaseTransport):
    """Brings the client's requests to the engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._engine.answer(request)


def _ms(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError(f"start={at!r} has no time zone; use datetime(..., tzinfo=UTC)")
    return round(at.timestamp() * 1_000)
