"""What is done to a run: operators' verbs, and events that are put to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from penstock.contracts.answers.common import Done
from penstock.contracts.answers.told import (
    AttemptTold,
    EndTold,
    EventPut,
    Labelled,
    Migrated,
    ReplayStarted,
    StopTold,
    ThreadTold,
)
from penstock.sdk import hints
from penstock.sdk.api import Exchange, below, command, given, new_command_id
from penstock.sdk.calls.run_reads import PATH, RunReads
from penstock.sdk.options import Duration, milliseconds
from penstock.sdk.subject import C, asks

T = TypeVar("T")


class RunVerbs(RunReads[C]):
    """What can be done to a run. Each is a command: done once, however often it has to be sent."""

    @asks
    def stop(self, *, thread: int = 0) -> Exchange[ThreadTold]:
        """Halt the run; what is running ends first.

        >>> print(waiting.stop().status)
        HALTED
        """
        return self._act("stop", ThreadTold, thread=thread)

    @asks
    def resume(self, content: Any = None, *, thread: int = 0) -> Exchange[ThreadTold]:
        """Let a run that was stopped or paused go on; of one that pauses by itself, pass the pause
        at which it has stood longest, with the `content` that this asks for.

        >>> _ = waiting.stop()
        >>> print(waiting.resume().status)
        RUNNING
        """
        plain = hints.to_json(content, None)
        return self._act("resume", ThreadTold, thread=thread, content=plain)

    @asks
    def pause(self, *, thread: int = 0) -> Exchange[ThreadTold]:
        """Halt the run as `stop` does; told apart from it in views and in its audit.

        >>> print(waiting.pause().status)
        HALTED
        """
        return self._act("pause", ThreadTold, thread=thread)

    @asks
    def rescue(
        self, *, thread: int = 0, skip_current_node: bool = False, exceptions: bool = False
    ) -> Exchange[ThreadTold]:
        """Let a thread that has failed try its node again, or go on behind it.

        >>> _ = failed.rescue()
        >>> failed.result()
        'page 1'
        """
        return self._act(
            "rescue",
            ThreadTold,
            thread=thread,
            skip_current_node=skip_current_node,
            exceptions=exceptions,
        )

    @asks
    def kill(
        self, *, cascade: bool = True, deadline: Duration | None = None
    ) -> Exchange[ThreadTold]:
        """End the run as failed, with its child runs if it is to `cascade`. Tasks that a worker has
        are waited for until the deadline.

        >>> print(waiting.kill().status)
        ERROR
        """
        return self._act("kill", ThreadTold, cascade=cascade, deadline_ms=milliseconds(deadline))

    @asks
    def restart(self) -> Exchange[ThreadTold]:
        """Let a run that has failed go on at all nodes at which it has failed.

        >>> _ = failed.restart()
        >>> failed.result()
        'page 1'
        """
        return self._act("restart", ThreadTold)

    @asks
    def replay(
        self,
        *,
        task_run: str | None = None,
        thread: int = 0,
        position: int | None = None,
        version: int | None = None,
        new_wf_run_id: str | None = None,
    ) -> Exchange[ReplayStarted]:
        """Start another run with the same inputs: from the beginning, from the task run with this
        guid, or from a node run, which a thread and a position name.

        >>> run.replay(new_wf_run_id="greeting-again").wf_run_id
        'greeting-again'
        """
        return self._act(
            "replay",
            ReplayStarted,
            guid=task_run,
            thread=thread,
            position=position,
            version=version,
            new_wf_run_id=new_wf_run_id,
        )

    @asks
    def skip(
        self, *, thread: int = 0, output: Any = None, node: str | None = None
    ) -> Exchange[ThreadTold]:
        """Have a thread leave its node with this output. With `node`, only if it stands there.

        >>> _ = waiting.skip(output="by hand")
        >>> waiting.result()
        'by hand'
        """
        plain = hints.to_json(output, None)
        return self._act("skip", ThreadTold, thread=thread, output=plain, node=node)

    @asks
    def retry_now(self, task_run: str) -> Exchange[AttemptTold]:
        """Try a task at once that waits for its next attempt, by its guid.

        >>> [row] = retrying.task_runs()
        >>> _ = retrying.retry_now(row.guid)
        >>> retrying.result()
        'page 1'
        """
        return self._act("retry-now", AttemptTold, guid=task_run)

    @asks
    def edit_variable(self, name: str, value: Any, *, thread: int = 0) -> Exchange[Done]:
        """Give a variable another value, which must have its type.

        >>> _ = waiting.stop()
        >>> _ = waiting.edit_variable("amount", 20)
        >>> waiting.variables()
        {'amount': 20}
        """
        plain = hints.to_json(value, None)
        return self._act("edit-variable", Done, name=name, value=plain, thread=thread)

    @asks
    def change_state(
        self,
        task_run: str,
        status: Literal["TASK_SUCCESS", "TASK_FAILED", "TASK_EXCEPTION"],
        *,
        output: Any = None,
        error: str | None = None,
        exception: str | None = None,
    ) -> Exchange[ThreadTold]:
        """Say how a task has ended, in place of its worker, by its guid.

        >>> [row] = retrying.task_runs()
        >>> _ = retrying.change_state(row.guid, "TASK_SUCCESS", output="by hand")
        >>> retrying.result()
        'by hand'
        """
        return self._act(
            "change-state",
            ThreadTold,
            guid=task_run,
            status=status,
            output=hints.to_json(output, None),
            error=error,
            exception=exception,
        )

    @asks
    def change_run_state(
        self, state: Literal["COMPLETED", "WARNED", "ERROR", "KILLED"]
    ) -> Exchange[EndTold]:
        """Say as what a run counts that has ended. Its own status stays, and nothing is run.

        >>> print(run.change_run_state("WARNED").counts_as)
        WARNED
        """
        return self._act("change-run-state", EndTold, state=state)

    @asks
    def shutdown_task(self, task_run: str, *, grace: Duration | None = None) -> Exchange[StopTold]:
        """Have a task stopped, by its guid; its worker has so long to do so.

        >>> [row] = retrying.task_runs()
        >>> print(retrying.shutdown_task(row.guid).status)
        TASK_CANCELLED
        """
        return self._act("shutdown-task", StopTold, guid=task_run, grace_ms=milliseconds(grace))

    @asks
    def restart_task(self, task_run: str, *, grace: Duration | None = None) -> Exchange[StopTold]:
        """Have a task begun anew, by its guid; the attempt at work is stopped first."""
        return self._act("restart-task", StopTold, guid=task_run, grace_ms=milliseconds(grace))

    @asks
    def set_labels(
        self, labels: Mapping[str, str] | None = None, *, remove: Sequence[str] = ()
    ) -> Exchange[Labelled]:
        """Set labels, after those to remove are gone.

        >>> run.set_labels({"team": "a"}).labels
        {'team': 'a'}
        """
        return self._act("set-labels", Labelled, labels=dict(labels or {}), remove=list(remove))

    @asks
    def migrate(
        self,
        *,
        version: int | None = None,
        major: int | None = None,
        revision: int | None = None,
        threads: Mapping[str, str] | None = None,
        nodes: Mapping[str, Mapping[str, str]] | None = None,
        variables: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Exchange[Migrated]:
        """Let the run go on in another version of its WfSpec, the newest if none is named.
        `threads` and `nodes` tell new names by old ones; `variables` are the values of new ones,
        by the new names of threads.
        """
        return self._act(
            "migrate",
            Migrated,
            version=version,
            major=major,
            revision=revision,
            threads=threads,
            nodes=nodes,
            variables=None if variables is None else hints.to_json(variables, None),
        )

    @asks
    def force(self) -> Exchange[Done]:
        """Let a run go on that waits for its place among those of its limit."""
        return self._act("force", Done)

    @asks
    def delete(self) -> Exchange[Done]:
        """Delete a run that has ended, with all that belongs to it.

        >>> _ = run.delete()
        """
        return self._act("delete", Done)

    @asks
    def put_event(
        self,
        name: str,
        content: Any = None,
        *,
        guid: str | None = None,
        thread: int | None = None,
        node: str | None = None,
    ) -> Exchange[str]:
        """Put an event to the run, which may not have come to wait for it yet; its guid, which
        makes it idempotent if it is given. `thread` and `node` say who alone may take it.

        >>> waiting.put_event("paid", "in gold", guid="payment-1")
        'payment-1'
        >>> waiting.result()
        'in gold'
        """
        return self._put_event(name, content, guid or new_command_id(), thread=thread, node=node)

    def _put_event(
        self,
        name: str,
        content: Any,
        guid: str,
        *,
        thread: int | None = None,
        node: str | None = None,
    ) -> Exchange[str]:
        body = given(wf_run_id=self.id, event_def=name, guid=guid, thread=thread, node=node)
        body["content"] = hints.to_json(content, None)
        call = command("POST", "/v1/external-events", body, of=self._of)
        return (yield from self._ask(EventPut, call)).guid

    def _act(self, action: str, kind: type[T], **body: Any) -> Exchange[T]:
        path = below(PATH, self.id, "actions", action)
        return self._ask(kind, command("POST", path, given(**body), of=self._of))
