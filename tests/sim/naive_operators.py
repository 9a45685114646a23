"""What operators do in the naive model: kill, restart and rescue. A wait for a thread is always its
holder's here, since the random specs have no other.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from tests.sim.naive_begin import WAITING as NODE_LIVE
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
        if thread.status in FAILED and _is_wanted(thread):
            _go_on(thread, _above_that_may(thread), skip=False)
        elif "HALTED_BY_PARENT" in thread.reasons and _is_wanted(thread):
            _reopen(thread)


def rescue(thread: Thread, *, skip: bool) -> None:
    """A thread in ERROR goes on, and those above that failed because of it."""
    if thread.run.killing:
        raise Refused("WF_RUN_BUSY")
    if thread.status != "ERROR":
        raise Refused("THREAD_NOT_FAILED")
    if skip and not thread.node.get("edges"):
        raise Refused("NODE_NOT_SKIPPABLE")
    _go_on(thread, _all_above(thread), skip=skip and thread.nodes[-1][1] != "COMPLETED")


def _go_on(at: Thread, above: list[Thread], *, skip: bool) -> None:
    _revive(at, skip=skip)
    for upper in above:
        _revive(upper, skip=False)
    for one in (at, *above):
        recall(one)


def _revive(at: Thread, *, skip: bool) -> None:
    at.status, at.failure, at.handler, at.noticed, at.end = "RUNNING", None, None, False, None
    if at.holder is None:
        at.run.failed_waits.clear()
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
    at.wait, at.child_run = None, ""


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


def _is_wanted(at: Thread) -> bool:
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
    if wait.ends_well(at.run.threads[child]):
        return False
    return wait.handler_of(child) in (None, at.number)


def _all_above(at: Thread) -> list[Thread]:
    found: list[Thread] = []
    pending = _above(at)
    while pending:
        upper = pending.pop()
        if not any(one is upper for one in found) and upper.status == "ERROR":
            found.append(upper)
            pending += _above(upper)
    return found


def _above_that_may(at: Thread) -> list[Thread]:
    """Of other runs, those that are taken along by a restart."""
    found: list[Thread] = []
    for waiter in [] if at.holder is not None else list(at.run.failed_waits):
        with suppress(Refused):
            for upper in _run_above(at, waiter):
                more = [upper, *_all_above(upper)]
                found += [one for one in more if not any(one is other for other in found)]
    return found


def _above(at: Thread) -> list[Thread]:
    upper = at.holder
    if upper is None:
        return [one for waiter in list(at.run.failed_waits) for one in _run_above(at, waiter)]
    if _is_unnoticed(at):
        at_exit = upper.node["type"] == "EXIT" and upper.nodes[-1][1] in FAILED
        over = at_exit or upper.status in ("COMPLETED", "EXCEPTION")
        return _failed_with(upper) if over else []
    if at.awaited_by is not None:
        return _waiter_above(at, upper, at.awaited_by)
    if at.kind != "CHILD":
        raise Refused("FAILURE_HANDLED")
    return []


def _run_above(at: Thread, waiter: tuple[str, int]) -> list[Thread]:
    """The thread of another run that failed at its wait for this one, if it stands there."""
    upper, here = at.run.world.runs[waiter[0]].threads[waiter[1]], at.run.failed_waits[waiter]
    if upper.run.killing:
        raise Refused("WF_RUN_BUSY")
    if here in upper.handled_at and here not in upper.skipped_at:
        raise Refused("FAILURE_HANDLED")
    return _failed_with(upper) if here == len(upper.nodes) - 1 else []


def _waiter_above(at: Thread, upper: Thread, wait: Wait) -> list[Thread]:
    child = wait.handlers.get(at.number, at.number)
    end = wait.ends.get(child, "")
    in_hand = end.isdigit() and int(end) != at.number
    stopped = child in wait.settled and child in wait.threads
    if not stopped and (in_hand or child in wait.settled or wait.ends_well(at.run.threads[child])):
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
