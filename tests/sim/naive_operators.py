"""What operators do in the naive model: kill, restart and rescue. A wait for a thread is always its
holder's here, since the random specs have no other.
"""

from __future__ import annotations

from typing import Final

from tests.sim.naive_nodes import WAITING as NODE_LIVE
from tests.sim.naive_thread import Refused, Run, Thread, Wait
from tests.sim.naive_visit import cancel, leave, recall

FAILED: Final = ("ERROR", "EXCEPTION")


def kill(run: Run, now_ms: int, deadline_ms: int) -> None:
    """Every thread is to end; tasks with a worker are waited for until the deadline."""
    if not run.threads[0].live:
        raise Refused("WF_RUN_ENDED")
    for thread in run.threads:
        if thread.live and not thread.dying:
            thread.reasons, thread.dying = list(thread.all_reasons), True
    run.killing, run.forced = True, deadline_ms == 0
    run.deadline_ms = None if run.forced else now_ms + deadline_ms


def restart(run: Run) -> None:
    """Each thread that has failed goes on, and each that was halted for good with one of these, if
    somebody still wants it.
    """
    if run.killing:
        raise Refused("WF_RUN_BUSY")
    if run.threads[0].status not in FAILED:
        raise Refused("WF_RUN_NOT_FAILED")
    for thread in run.threads:
        if thread.status in FAILED and _is_wanted(run, thread):
            _revive(thread, skip=False)
            recall(thread)
        elif "HALTED_BY_PARENT" in thread.reasons and _is_wanted(run, thread):
            _reopen(thread)


def rescue(run: Run, thread: Thread, *, skip: bool) -> None:
    """A thread in ERROR goes on, and those above that failed because of it."""
    if run.killing:
        raise Refused("WF_RUN_BUSY")
    if thread.status != "ERROR":
        raise Refused("THREAD_NOT_FAILED")
    if skip and not thread.node.get("edges"):
        raise Refused("NODE_NOT_SKIPPABLE")
    above = _all_above(run, thread)
    _revive(thread, skip=skip and thread.nodes[-1][1] != "COMPLETED")
    for upper in above:
        _revive(upper, skip=False)
    for one in (thread, *above):
        recall(one)


def _revive(at: Thread, *, skip: bool) -> None:
    at.status, at.failure, at.handler, at.noticed, at.end = "RUNNING", None, None, False, None
    if skip:
        at.handled_at.add(len(at.nodes) - 1)
        at.skipped_at.add(len(at.nodes) - 1)
    elif at.nodes[-1][1] != "COMPLETED":
        _visit_anew(at)


def _visit_anew(at: Thread) -> None:
    at.retries = len(at.nodes) - 1
    at.nodes.append([at.nodes[-1][0], "STARTING"])
    at.due_ms, at.node_failure, at.node_output = None, None, None
    if at.wait is not None or at.node["type"] != "RUN_THREADS":
        at.before = at.wait
    at.wait = None


def _reopen(at: Thread) -> None:
    at.reasons.remove("HALTED_BY_PARENT")
    if at.nodes[-1][1] in ("RUNNING", "HALTED"):
        if at.task is not None:
            cancel(at.task)
        leave(at)
        at.nodes[-1][1] = "ERROR"
        _visit_anew(at)


# --- who wants a thread ---------------------------------------------------------------------------


def _is_unnoticed(at: Thread) -> bool:
    return at.kind == "CHILD" and not at.live and at.failure is not None and not at.noticed


def _is_wanted(run: Run, at: Thread) -> bool:
    holder = at.holder
    if holder is None:
        return True
    if not holder.live or "HALTED_BY_PARENT" in holder.reasons:
        return False
    if _is_unnoticed(at) or holder.handler is at:
        return True
    wait = at.awaited_by
    if wait is None:
        return at.kind == "CHILD"
    if wait.position not in (len(holder.nodes) - 1, holder.retries):
        return False
    child = wait.handlers.get(at.number, at.number)
    if holder.nodes[wait.position][1] == "COMPLETED" or child in wait.settled:
        return False
    if wait.ends_well(run.threads[child]):
        return False
    return wait.handler_of(child) in (None, at.number)


def _all_above(run: Run, at: Thread) -> list[Thread]:
    found: list[Thread] = []
    pending = _above(run, at)
    while pending:
        upper = pending.pop()
        if upper not in found and upper.status == "ERROR":
            found.append(upper)
            pending += _above(run, upper)
    return found


def _above(run: Run, at: Thread) -> list[Thread]:
    upper = at.holder
    if upper is None:
        return []
    if _is_unnoticed(at):
        at_exit = upper.node["type"] == "EXIT" and upper.nodes[-1][1] in FAILED
        over = at_exit or upper.status in ("COMPLETED", "EXCEPTION")
        return _failed_with(upper) if over else []
    if at.awaited_by is not None:
        return _waiter_above(run, at, upper, at.awaited_by)
    if at.kind != "CHILD":
        raise Refused("FAILURE_HANDLED")
    return []


def _waiter_above(run: Run, at: Thread, upper: Thread, wait: Wait) -> list[Thread]:
    child = wait.handlers.get(at.number, at.number)
    end = wait.ends.get(child, "")
    in_hand = end.isdigit() and int(end) != at.number
    stopped = child in wait.settled and child in wait.threads
    if not stopped and (in_hand or child in wait.settled or wait.ends_well(run.threads[child])):
        raise Refused("FAILURE_HANDLED")
    status, here = upper.nodes[wait.position][1], wait.position
    if status in NODE_LIVE:
        return []
    gone_on = here in upper.handled_at and here not in upper.skipped_at
    if status == "COMPLETED" or gone_on:
        raise Refused("FAILURE_HANDLED")
    return _failed_with(upper) if here == len(upper.nodes) - 1 else []


def _failed_with(upper: Thread) -> list[Thread]:
    if upper.status != "ERROR":
        raise Refused("FAILURE_HANDLED")
    failure = upper.node_failure
    return [upper] if failure is not None and failure.name == "CHILD_FAILURE" else []
