"""What a thread of the naive model does when it is looked at: halt or run again, handle a failure
or an interrupt, ask its node, follow an edge. `settle` looks at every thread until nothing changes,
so nobody has to be told of anything.
"""

from __future__ import annotations

from tests.sim.naive_begin import WAITING as NODE_LIVE
from tests.sim.naive_begin import WAITS, Failed
from tests.sim.naive_nodes import Nodes
from tests.sim.naive_thread import IN_FLIGHT, Failure, Run, Task, Thread
from tests.sim.naive_values import Json, Problem, fitted, value

PASSES_MAX = 200


def settle(run: Run, now_ms: int) -> None:
    """Look at every thread of the family, in order, until nothing changes."""
    for _ in range(PASSES_MAX):
        changed = [
            visit(Nodes(one, now_ms), thread)
            for one in run.family()
            for thread in list(one.threads)
        ]
        if not any(changed) and len(changed) == sum(len(one.threads) for one in run.family()):
            return
    raise AssertionError("the naive model does not come to rest")


def visit(nodes: Nodes, at: Thread) -> bool:
    """Look at a thread; whether something has changed."""
    changed, was_lost = False, at.live and at.end is not None
    if nodes.run.killing:
        changed = at.live and die(nodes.run, at)
    while at.live and not nodes.run.killing and _step(nodes, at):
        changed = True
    news = nodes.run.note_end(at)
    if was_lost and at.end is None:
        recall(at)
    return news or changed


def _step(nodes: Nodes, at: Thread) -> bool:
    holder = at.holder
    left = holder is not None and (
        holder.status in ("COMPLETED", "EXCEPTION") or "HALTED_BY_PARENT" in holder.reasons
    )
    if left and "HALTED_BY_PARENT" not in at.reasons:
        at.reasons.append("HALTED_BY_PARENT")
        return True
    return _handlers(at) or _halts(nodes, at) or _starts_handler(nodes, at) or _moves(nodes, at)


def _handlers(at: Thread) -> bool:
    handler = at.handler
    if handler is not None and not handler.live:
        at.handler = None
        if handler.kind == "FAILURE_HANDLER":
            _has_handled(at, handler)
            return True
        at.warned = at.warned or handler.warned
        if handler.failure is not None:
            _fail_for_good(at, handler.failure.from_above())
        else:
            at.reasons.remove("INTERRUPTED")
        return True
    if at.interrupts and at.handler is None and "PENDING_INTERRUPT" not in at.reasons:
        at.reasons.append("PENDING_INTERRUPT")
        return True
    return False


def _has_handled(at: Thread, handler: Thread) -> None:
    """A handler of a failure has ended: the thread goes on, unless that one has failed itself, or
    was only to be told.
    """
    failure = at.node_failure
    assert failure is not None
    if handler.warned:
        at.warn()
    chosen = _handler_of(at, failure)
    if handler.failure is None and not (chosen and chosen.get("rethrow")):
        at.handled_at.add(len(at.nodes) - 1)
    elif not at.allows():
        if handler.failure is not None:
            _fail_for_good(at, handler.failure.from_above())
        else:
            _fail(at, failure)
        return
    at.reasons.remove("HANDLING_FAILURE")


def _handler_of(at: Thread, failure: Failure) -> Json | None:
    return next((one for one in at.node.get("handlers", ()) if failure.is_for(one)), None)


def _halts(nodes: Nodes, at: Thread) -> bool:
    node = at.nodes[-1]
    if at.all_reasons and at.status == "RUNNING":
        at.status = "HALTING"
        return True
    if not at.all_reasons and at.status != "RUNNING":
        at.status = "RUNNING"
        if node[1] == "HALTED":
            node[1] = "RUNNING"
        return True
    if at.status == "HALTING":
        if node[1] == "RUNNING" and at.node["type"] == "TASK":
            if _asks(nodes, at):
                return True
            if not nodes.may_halt(at):
                return False
        elif node[1] == "RUNNING":
            node[1] = "HALTED"
            return True
        if not nodes.run.moving_below(at):
            at.status = "HALTED"
            return True
    return at.given_up and leave(at)


def _starts_handler(nodes: Nodes, at: Thread) -> bool:
    if at.status != "HALTED" or at.handler is not None or at.held_from_outside:
        return False
    if "PENDING_FAILURE" in at.reasons:
        failure = at.node_failure
        assert failure is not None
        at.reasons.remove("PENDING_FAILURE")
        at.reasons.append("HANDLING_FAILURE")
        chosen = _handler_of(at, failure)
        assert chosen is not None
        name, content = chosen["thread"], failure.content
        at.handler = nodes.begin_handler(at, "FAILURE_HANDLER", name, content, at)
        return True
    if "PENDING_INTERRUPT" in at.reasons:
        name, content = at.interrupts.pop(0)
        at.reasons.remove("PENDING_INTERRUPT")
        at.reasons.append("INTERRUPTED")
        at.handler = nodes.begin_handler(at, "INTERRUPT", name, content, at)
        return True
    return False


def _moves(nodes: Nodes, at: Thread) -> bool:
    if at.status != "RUNNING":
        return False
    status = at.nodes[-1][1]
    if status in ("STARTING", "RUNNING"):
        return _asks(nodes, at)
    _follow(nodes.run, at)
    return True


def _asks(nodes: Nodes, at: Thread) -> bool:
    """Ask the node; False if nothing has changed."""
    node, before = at.nodes[-1], (at.task and at.task.status)
    starting = node[1] == "STARTING"
    try:
        answer = nodes.arrive(at) if starting else nodes.look(at)
    except Failed as failed:
        _fail_node(at, failed.failure)
        return True
    if answer is WAITS:
        node[1] = "RUNNING"
        return starting or before != (at.task and at.task.status)
    node[1], at.due_ms = "COMPLETED", None
    if at.node["type"] == "EXIT":
        at.output = answer
        _end(at, "COMPLETED")
    else:
        at.node_output = at.outputs[node[0]] = answer
    return True


def _follow(run: Run, at: Thread) -> None:
    """Take the first edge that is open, with all its mutations or none."""
    outputs = at.outputs | {at.nodes[-1][0]: at.node_output}
    try:
        edge = next(
            edge
            for edge in at.node["edges"]
            if "condition" not in edge or value(edge["condition"], run.seen(at), outputs)
        )
    except Problem:
        _fail_leaving(at, Failure("VAR_SUB_ERROR"))
        return
    try:
        _mutate(run, at, () if at.handled else edge.get("mutations", ()), outputs)
    except Problem:
        _fail_leaving(at, Failure("VAR_MUTATION_ERROR"))
        return
    at.nodes.append([edge["to"], "STARTING"])
    at.due_ms, at.node_failure, at.node_output, at.wait = None, None, None, None
    at.before, at.retries, at.child_run = None, None, ""


def _mutate(run: Run, at: Thread, mutations: tuple[Json, ...], outputs: Json) -> None:
    changed: Json = {}
    for mutation in mutations:
        name = mutation["variable"]
        declared = run.where(at, name).blueprint["variables"]
        kind = next(one["type"] for one in declared if one["name"] == name)
        seen = run.seen(at) | changed
        changed[name] = fitted(value(mutation["value"], seen, outputs), kind)
    for name, new in changed.items():
        run.where(at, name).variables[name] = new


def _fail_leaving(at: Thread, failure: Failure) -> None:
    if at.handled:
        _fail(at, failure)
    else:
        _fail_node(at, failure)


def _fail_node(at: Thread, failure: Failure) -> None:
    at.nodes[-1][1], at.due_ms, at.node_failure = failure.status, None, failure
    if _handler_of(at, failure) is not None:
        at.reasons.append("PENDING_FAILURE")
    elif not at.allows():
        _fail(at, failure)


def _fail_for_good(at: Thread, failure: Failure) -> None:
    leave(at)
    if at.nodes[-1][1] in NODE_LIVE:
        at.nodes[-1][1], at.node_failure = failure.status, failure
    _fail(at, failure)


def _fail(at: Thread, failure: Failure) -> None:
    at.failure = failure
    _end(at, failure.status)


def _end(at: Thread, status: str) -> None:
    at.status, at.reasons, at.due_ms, at.dying = status, [], None, False


def die(run: Run, at: Thread) -> bool:
    """A thread of a run that is being killed ends, unless its worker is waited for, or it is the
    entrypoint and others live; whether something has changed.
    """
    before = (list(at.reasons), at.status, at.nodes[-1][1])
    if "KILLED" not in at.reasons:
        at.reasons.append("KILLED")
    if at.status == "RUNNING":
        at.status = "HALTING"
    if at.nodes[-1][1] in NODE_LIVE and not _node_dies(run, at):
        return before != (at.reasons, at.status, at.nodes[-1][1])
    if at.number == 0 and any(one.live for one in run.threads[1:]):
        return before != (at.reasons, at.status, at.nodes[-1][1])
    run.killing = run.killing and at.number != 0
    _fail(at, Failure("KILLED"))
    return True


def _node_dies(run: Run, at: Thread) -> bool:
    task, failure = at.task, Failure("KILLED")
    if task is not None:
        if task.status == "TASK_RUNNING" and not run.forced:
            task.stopping = True
            return False
        if task.status == "TASK_SUCCESS":
            at.nodes[-1][1], at.node_output = "COMPLETED", task.output
            at.outputs[at.nodes[-1][0]] = task.output
            if task.warning:
                at.warn()
            return True
        if cancel(task):
            failure = Failure("TASK_CANCELLED")
        elif task.failure is not None:
            failure = task.failure
    leave(at)
    at.nodes[-1][1], at.node_failure = failure.status, failure
    return True


def cancel(task: Task) -> bool:
    """A task ends without its worker's word; whether it had not ended before."""
    live = task.status in (*IN_FLIGHT, "TASK_PENDING")
    if live:
        task.status, task.due_ms = "TASK_CANCELLED", None
    return live


def recall(at: Thread) -> None:
    """A thread that had ended, or was lost, goes on: a wait that goes on takes back what it has
    counted, one that is over waits for it no more.
    """
    wait, upper = at.awaited_by, at.holder
    if wait is None or upper is None:
        return
    goes_on = upper.live and upper.wait is wait and upper.nodes[-1][1] in ("RUNNING", "HALTED")
    if not goes_on or "HALTED_BY_PARENT" in upper.reasons:
        at.awaited_by = None
        return
    child = wait.handlers.get(at.number, at.number)
    if wait.ends.get(child) == "bad":
        wait.ends.pop(child)
        if child != at.number:
            wait.ends[child] = str(at.number)
        wait.failure = wait.failure if wait.count("bad") else None


def leave(at: Thread) -> bool:
    """What the node waited for is wanted no more; whether there was something."""
    was, at.due_ms = at.due_ms, None
    task, form = at.task, at.form
    if form is not None and form.live:
        form.ended = "CANCELLED"
        return True
    if task is not None and task.status == "TASK_PENDING":
        task.status, task.due_ms = "TASK_CANCELLED", None
        return True
    return was is not None
