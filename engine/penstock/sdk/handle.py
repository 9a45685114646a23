"""A handle of a run: wait for its result, look at it, stop it, put events to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from penstock.core.values.types import ValueProblem
from penstock.sdk import hints
from penstock.sdk.errors import ResultTimeout, RunFailed
from penstock.sdk.story import tell

if TYPE_CHECKING:
    from penstock.sdk.client import Client

R = TypeVar("R")
Json = dict[str, Any]

WAIT_S: Final = 20.0  # of one long poll
LOOK_S: Final = 0.1
ENDED: Final = frozenset({"COMPLETED", "ERROR", "EXCEPTION"})


class RunHandle(Generic[R]):
    """A run. `id` is all it is made of: a handle can be made anew anywhere, with
    `client.handle(id)`.
    """

    def __init__(self, client: Client, wf_run_id: str, return_hint: Any = hints.UNKNOWN) -> None:
        self.id = wf_run_id
        self._client = client
        self.return_hint = return_hint

    def __repr__(self) -> str:
        return f"<run {self.id}>"

    def result(self, timeout: float | None = None) -> R:
        """Wait until the run has ended, and return its output.

        Raises RunFailed with the failure's name if it ended otherwise, ResultTimeout if it has not
        ended in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left_s = WAIT_S if deadline is None else deadline - time.monotonic()
            wait_s = max(0.0, min(WAIT_S, left_s))
            run = self._client.read(
                self.id, wait_s=wait_s, until="ended", wait_ms=int(wait_s * 1_000)
            )
            if run["status"] in ENDED:
                return self.outcome(run)
            if left_s <= WAIT_S and timeout is not None and left_s <= wait_s:
                raise ResultTimeout(self.id, timeout)

    def get(self) -> Json:
        """The run as the server shows it: status, output, failure, threads, labels."""
        return self._client.read(self.id)

    def status(self) -> str:
        """RUNNING, HALTING, HALTED, COMPLETED, ERROR or EXCEPTION."""
        return self.get()["status"]

    def history(self) -> list[Json]:
        """What has happened, in order: facts with `at` and `what`."""
        return self._client.read(self.id, "/history")["items"]

    def story(self) -> list[str]:
        """What has happened, a line for each fact."""
        return [tell(fact) for fact in self.history()]

    def follow(self, timeout: float | None = None) -> Iterator[str]:
        """The story as it happens, until the run has ended; ResultTimeout if that takes too
        long.
        """
        seen: set[str] = set()
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            ended = self.status() in ENDED
            for fact in self.history():
                if repr(fact) not in seen:
                    seen.add(repr(fact))
                    yield tell(fact)
            if ended:
                return
            if timeout is not None and deadline is not None and time.monotonic() > deadline:
                raise ResultTimeout(self.id, timeout)
            time.sleep(LOOK_S)

    def node_runs(self) -> list[Json]:
        """The nodes that the run has come to."""
        return list(self._client.read_all(self.id, "/node-runs"))

    def task_runs(self) -> list[Json]:
        """The tasks, each with all its attempts and their logs."""
        return self._client.task_runs(self.id)

    def execution(self) -> Json:
        """The run as an execution of a flow."""
        return self._client.execution(self.id)

    def logs(self, *, min_level: str | None = None) -> list[Json]:
        """What its tasks have logged, in the order of time."""
        return self._client.logs(self.id, min_level=min_level)

    def variables(self, *, thread: int = 0) -> Json:
        """The variables of a thread, by name."""
        rows = self._client.read_all(self.id, "/variables")
        return {row["name"]: row["value"] for row in rows if row["thread"] == thread}

    def stop(self, *, thread: int = 0) -> None:
        """Halt the run."""
        self._client.stop(self.id, thread=thread)

    def resume(self, *, thread: int = 0) -> None:
        """Let it go on."""
        self._client.resume(self.id, thread=thread)

    def put_event(
        self,
        name: str,
        content: Any = None,
        *,
        guid: str | None = None,
        thread: int | None = None,
        node: str | None = None,
    ) -> str:
        """Put an event to the run; its guid. `thread` and `node` say who alone may take it."""
        return self._client.put_event(self.id, name, content, guid=guid, thread=thread, node=node)

    def outcome(self, run: Json) -> R:
        """The output of a run that has ended, as `get` shows it; raises RunFailed."""
        if run["status"] != "COMPLETED":
            failure: Json = run.get("failure") or {}
            raise RunFailed(
                self.id,
                failure.get("name", run["status"]),
                failure.get("message", ""),
                status=run["status"],
                content=failure.get("content"),
            )
        output: Any = run["output"]
        if output is None or self.return_hint in (None, hints.UNKNOWN):
            return cast(R, output)
        try:
            return hints.from_json(output, self.return_hint)
        except ValueProblem as problem:
            shown = hints.shown(self.return_hint)
            raise TypeError(f"run {self.id} returned what is not {shown}: {problem}") from None
