"""Node types of the naive model: `arrive_<TYPE>`, and `look_<TYPE>` for those that wait, which is
level-triggered: has what it waits for come? A hook says DONE with an output, or WAITS; a failure is
raised.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, cast

from tests.sim.naive_begin import WAITING, WAITS, Begins, Failed
from tests.sim.naive_thread import IN_FLIGHT, Failure, Form, Task, Thread, Wait
from tests.sim.naive_values import Problem, fitted, instant_ms


class Nodes(Begins):
    """The hooks, for one run at one time."""

    def arrive(self, at: Thread) -> Any:
        """Come to a node."""
        self.run.arrivals += 1
        at.arrival = self.run.arrivals
        return self._ask("arrive_", at)

    def is_wanted(self, at: Thread) -> bool:
        """Whether a node that has been come to is to be done."""
        return "run_if" not in at.node or self.value(at, at.node["run_if"])

    def look(self, at: Thread) -> Any:
        """Look at a node that waits."""
        return self._ask("look_", at)

    def _ask(self, hook: str, at: Thread) -> Any:
        try:
            if hook == "arrive_" and not self.is_wanted(at):
                at.skipped_at.add(len(at.nodes) - 1)
                return None
            return getattr(self, hook + at.node["type"])(at)
        except Problem:
            raise Failed(Failure("VAR_SUB_ERROR")) from None

    # Node types.

    def arrive_ENTRYPOINT(self, at: Thread) -> Any:
        return None

    def arrive_NOP(self, at: Thread) -> Any:
        return None

    def arrive_EXIT(self, at: Thread) -> Any:
        throws = at.node.get("throws")
        if throws is None:
            return self.look_EXIT(at)
        content = self.value(at, throws["content"]) if "content" in throws else None
        raise Failed(Failure(throws["name"], content))

    def look_EXIT(self, at: Thread) -> Any:
        """Threads below must have ended or be halted; one that failed must have been waited for."""
        children = [one for one in self.run.threads if one.parent is at and one.kind == "CHILD"]
        unseen = [one for one in children if not one.live and not self._is_seen_to(one)]
        if any(child.failure is not None for child in unseen):
            raise Failed(Failure("CHILD_FAILURE"))
        if self.run.moving_below(at):
            return WAITS
        at.warned = at.warned or any(child.warned for child in unseen)
        return self.value(at, at.node["returns"]) if "returns" in at.node else None

    def arrive_TASK(self, at: Thread) -> Any:
        at.tasks[len(at.nodes) - 1] = Task()
        return WAITS

    def look_TASK(self, at: Thread) -> Any:
        task = at.task
        assert task is not None
        if task.status == "TASK_SUCCESS":
            if task.warning:
                at.warn()
            return task.output
        if task.failure is not None:
            raise Failed(task.failure)
        if task.status == "TASK_PENDING" and task.due_ms is None and at.status == "RUNNING":
            task.status, task.attempt, task.worker = "TASK_SCHEDULED", task.attempt + 1, ""
        return WAITS

    def arrive_USER_TASK(self, at: Thread) -> Any:
        user, group = (
            self.value(at, at.node[name]) if name in at.node else None
            for name in ("user_id", "user_group")
        )
        if user is None and group is None:
            raise Problem("nobody")
        at.forms[len(at.nodes) - 1] = Form(user, group)
        return WAITS

    def look_USER_TASK(self, at: Thread) -> Any:
        form = at.form
        assert form is not None
        if form.ended == "DONE":
            return form.results
        if form.ended == "CANCELLED":
            name = at.node.get("on_cancellation_exception_name", "USER_TASK_CANCELLED")
            raise Failed(Failure(name))
        return WAITS

    def arrive_EXTERNAL_EVENT(self, at: Thread) -> Any:
        taken = self._take_event(at)
        if taken is WAITS and "timeout_ms" in at.node:
            at.due_ms = self.now_ms + at.node["timeout_ms"]
        return taken

    def look_EXTERNAL_EVENT(self, at: Thread) -> Any:
        taken = self._take_event(at)
        if taken is WAITS and "timeout_ms" in at.node and at.due_ms is None:
            raise Failed(Failure("TIMEOUT"))
        return taken

    def _take_event(self, at: Thread) -> Any:
        for number, event in enumerate(self.run.unclaimed):
            if event[0] == at.node["event_def"]:
                del self.run.unclaimed[number]
                return event[1]
        return WAITS

    def arrive_SLEEP(self, at: Thread) -> Any:
        if "until" in at.node:
            return self.look_SLEEP(at)
        delay_ms = int(self.value(at, at.node["seconds"]) * 1_000)
        if delay_ms == 0:
            return None
        at.due_ms = self.now_ms + delay_ms
        return WAITS

    def look_SLEEP(self, at: Thread) -> Any:
        if "until" not in at.node:
            return None if at.due_ms is None else WAITS
        due_ms = instant_ms(self.value(at, at.node["until"]))
        if due_ms <= self.now_ms and due_ms != at.due_ms:  # or else it is woken in its turn
            return None
        at.due_ms = due_ms
        return WAITS

    def arrive_WAIT_FOR_CONDITION(self, at: Thread) -> Any:
        return self.look_WAIT_FOR_CONDITION(at)

    def look_WAIT_FOR_CONDITION(self, at: Thread) -> Any:
        return None if self.value(at, at.node["condition"]) else WAITS

    def arrive_START_THREAD(self, at: Thread) -> Any:
        given = {name: self.value(at, one) for name, one in at.node["variables"].items()}
        return self.begin(at, "CHILD", at.node["thread"], given, at).number

    def arrive_START_MULTIPLE_THREADS(self, at: Thread) -> Any:
        items = self.value(at, at.node["iterable"])
        if not isinstance(items, list):
            raise Problem("no array")
        given = [{"INPUT": fitted(item, "INT")} for item in items]
        return [self.begin(at, "CHILD", at.node["thread"], one, at).number for one in given]

    def arrive_WAIT_FOR_THREADS(self, at: Thread) -> Any:
        wanted: dict[int, None] = {}
        for expression in at.node["threads"]:
            found = self.value(at, expression)
            for number in found if isinstance(found, list) else [found]:
                if not isinstance(number, int) or isinstance(number, bool):
                    raise Problem("no number")
                if not 0 < number < len(self.run.threads) or number == at.number:
                    raise Problem("no such thread")
                wanted.setdefault(number)
        at.wait = wait = Wait(list(wanted), len(at.nodes) - 1)
        for number in wanted:
            self._join(at, wait, self.run.threads[number])
        return self.look_WAIT_FOR_THREADS(at)

    def _join(self, at: Thread, wait: Wait, child: Thread) -> None:
        """What came of a thread in the visit that this one begins anew still holds: it has ended
        well, or its failure was handled, or a handler has it.
        """
        before = at.before
        handler = None if before is None else before.handler_of(child.number)
        if before is not None and before.ends_well(child):
            wait.ends[child.number] = "good"
            if child.warned:
                at.warn()
            return
        if handler is not None and not child.live:
            wait.ends[child.number], wait.handlers[handler] = str(handler), child.number
            child = self.run.threads[handler]
        child.awaited_by = wait

    def look_WAIT_FOR_THREADS(self, at: Thread) -> Any:
        wait = at.wait
        assert wait is not None
        strategy = at.node["strategy"]
        self._see_ends(at, wait, strategy)
        if not wait.decided_by(strategy):
            return WAITS
        if strategy != "WAIT_FOR_ALL":
            self._stop_others(wait)
        if wait.failure is not None and (strategy != "WAIT_FOR_ANY" or not wait.count("good")):
            raise Failed(Failure("CHILD_FAILURE") if strategy == "WAIT_FOR_ANY" else wait.failure)
        return None

    def arrive_RUN_THREADS(self, at: Thread) -> Any:
        if at.before is not None:
            return self._run_threads_anew(at, at.before)
        wait = Wait([], len(at.nodes) - 1)
        if "values" in at.node:
            values = self.value(at, at.node["values"])
            if isinstance(values, str):
                with suppress(ValueError):
                    values = json.loads(values)
            if not isinstance(values, list):
                raise Problem("no array")
            [name] = at.node["threads"]
            items = cast("list[Any]", values)
            wait.elements = [(name, {"INPUT": fitted(item, "INT")}) for item in items]
        else:
            wait.elements = [(name, {}) for name in at.node["threads"]]
        at.wait = wait
        return self.look_RUN_THREADS(at)

    def _run_threads_anew(self, at: Thread, before: Wait) -> Any:
        """The elements of the visit before; whose threads go on is waited for."""
        at.wait = wait = Wait([], len(at.nodes) - 1, elements=before.elements, each=before.each)
        for element in sorted(wait.each):
            self._take_over(wait, element)
        return self.look_RUN_THREADS(at)

    def _take_over(self, wait: Wait, element: int) -> bool:
        """Whether the thread that an element has had still counts."""
        thread = self.run.threads[wait.each[element]]
        if thread.status == "COMPLETED":
            wait.ends[thread.number] = "good"
        elif thread.live and not self.run.lost(thread):
            thread.awaited_by = wait
        else:
            return False
        wait.begun[element] = thread.number
        wait.threads.append(thread.number)
        return True

    def look_RUN_THREADS(self, at: Thread) -> Any:
        wait = at.wait
        assert wait is not None
        self._see_ends(at, wait, at.node["type"])
        if wait.failure is None:
            self._begin_more(at, wait)
        at_work = len(wait.threads) - wait.count("good") - wait.count("bad")
        if wait.failure is not None and not at_work:
            raise Failed(wait.failure)
        return len(wait.elements) if wait.count("good") == len(wait.elements) else WAITS

    def _begin_more(self, at: Thread, wait: Wait) -> None:
        after, limit = at.node.get("after", {}), at.node["concurrency"]
        ended = {name for element, (name, _) in enumerate(wait.elements) if _good(wait, element)}
        for element, (name, given) in enumerate(wait.elements):
            at_work = len(wait.threads) - len(wait.ends)
            if element in wait.begun or (limit and at_work >= limit):
                continue
            if not ended.issuperset(after.get(name, ())):
                continue
            if element in wait.each:
                if self._take_over(wait, element):
                    continue
                self._give_up(wait, self.run.threads[wait.each[element]])
            begun = self.begin(at, "CHILD", name, given, at)
            begun.awaited_by = wait
            wait.begun[element] = wait.each[element] = begun.number
            wait.threads.append(begun.number)

    def _give_up(self, wait: Wait, failed: Thread) -> None:
        """Another thread does it again: its failure counts as handled."""
        failed.noticed, failed.awaited_by = True, wait
        wait.settled.add(failed.number)

    def _see_ends(self, at: Thread, wait: Wait, strategy: str) -> None:
        """In the order of the ends; those behind the one that decides are noticed, no more."""
        ended = [
            (thread.end, child, thread)
            for number in {*wait.threads, *wait.handlers}
            for thread, child in [(self.run.threads[number], wait.handlers.get(number, number))]
            if thread.end is not None and (not thread.live or self.run.lost(thread))
        ]
        for _, child, thread in sorted(ended, key=lambda one: one[0]):
            known = wait.ends.get(child)
            if known == (None if thread.number == child else str(thread.number)):
                self._see_end(at, wait, child, thread, late=wait.decided_by(strategy))

    def _see_end(self, at: Thread, wait: Wait, child: int, ended: Thread, *, late: bool) -> None:
        ended.noticed = True
        if ended.warned:
            at.warn()
        if ended.status == "COMPLETED":
            wait.ends[child] = "late" if late else "good"
            return
        failure = ended.failure or Failure("CHILD_FAILURE")
        handlers = [one for one in at.node.get("thread_handlers", ()) if failure.is_for(one)]
        if handlers and ended.number == child and not ended.live and not late:
            begun = self.begin_handler(
                at, "FAILURE_HANDLER", handlers[0]["thread"], failure.content, ended
            )
            wait.ends[child] = str(begun.number)
            wait.handlers[begun.number] = child
            begun.awaited_by = wait
            return
        wait.ends[child] = "late" if late else "bad"
        wait.failure = wait.failure or (None if late else failure.from_above())

    def _stop_others(self, wait: Wait) -> None:
        for child in wait.threads:
            end = wait.ends.get(child)
            if end in ("good", "bad", "late"):
                continue
            thread = self.run.threads[child if end is None else int(end)]
            thread.noticed = True
            wait.settled.add(child)
            if thread.live and "HALTED_BY_PARENT" not in thread.reasons:
                thread.reasons.append("HALTED_BY_PARENT")

    def _is_seen_to(self, ended: Thread) -> bool:
        """Whether somebody has looked at how a thread has ended, or another wait than its parent's
        will.
        """
        for other in self.run.threads:
            wait = other.wait if other.live and other.nodes[-1][1] in WAITING else None
            if wait is not None and other is not ended.parent and ended.number in wait.threads:
                return True
        return ended.noticed

    def may_halt(self, at: Thread) -> bool:
        """Whether nothing of the node is in flight."""
        return at.task is None or at.task.status not in IN_FLIGHT


def _good(wait: Wait, element: int) -> bool:
    """Whether the thread of an element has ended well."""
    return wait.ends.get(wait.begun.get(element, -1)) == "good"
