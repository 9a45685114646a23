"""The flow of control: where edges lead, which nodes and threads are come to, and what would never
end. Whatever depends on a value that only a run has is held to be possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.nodes import RunThreadsNode, StartThreadNode
from penstock.core.definitions.wf_spec import ThreadSpec
from penstock.core.limits import EDGES_PER_NODE_MAX, THREAD_DEPTH_MAX
from penstock.core.nodes import TYPE_OF
from penstock.core.registration.constants import is_passed_by, open_edges
from penstock.core.registration.graphs import Ways, reachable


def check_edges(check: NodeCheck, thread: ThreadSpec) -> None:
    """The edges of one node: they lead on, to nodes that there are, and each may be taken."""
    config = check.config
    if len(config.edges) > EDGES_PER_NODE_MAX:
        check.fault(
            FaultKind.EDGE_COUNT,
            f"{len(config.edges)} edges: a node may have {EDGES_PER_NODE_MAX}",
        )
    if not config.edges and not TYPE_OF[type(config)].ends:
        check.fault(FaultKind.EDGE_MISSING, "no edge leads on; add one, if only to an EXIT")
    always = False
    for edge in config.edges:
        if edge.to not in thread.nodes:
            check.fault(
                FaultKind.EDGE_TO_NOWHERE,
                f"an edge leads to {edge.to!r}, which is no node of this thread",
            )
        if always:
            check.fault(
                FaultKind.EDGE_NEVER_TAKEN,
                f"the edge to {edge.to!r} stands behind one without a condition, which is always"
                " taken: put it before that, or take it out",
            )
        always |= edge.condition is None


def check_shape(check: NodeCheck, name: str, thread: ThreadSpec, start: str) -> None:
    """Every node can be reached, and no cycle can spin without a wait or a condition."""
    leads = {node: [edge.to for edge in config.edges] for node, config in thread.nodes.items()}
    reached, spinning = reachable(leads, [start]), set(_spinning(thread))
    for node in thread.nodes:
        check.stand_at(name, node)
        if node not in reached:
            check.fault(FaultKind.NODE_UNREACHABLE, "it can not be reached from the ENTRYPOINT")
        if node in spinning:
            check.fault(
                FaultKind.ENDLESS_LOOP,
                "it lies on a cycle that has neither a wait nor a condition that can be false",
            )


def check_passing(check: NodeCheck) -> None:
    """Where a thread begins or ends, there is nothing to be passed by or allowed."""
    config, kind = check.config, TYPE_OF[type(check.config)]
    if config.begin_anew is not None and config.begin_anew.backoff is not None:
        check.backoff(config.begin_anew.backoff)
    if not (kind.begins or kind.ends):
        return
    said = {
        "run_if": config.run_if is not None,
        "allow_failure": config.allow_failure,
        "allow_warning": config.allow_warning,
        "begin_anew": config.begin_anew is not None,
    }
    for name, is_said in said.items():
        if is_said:
            check.fault(
                FaultKind.SETTING_AT_ENDS,
                f"{name} is for nodes between ENTRYPOINT and EXIT; remove it",
            )


def check_threads(check: NodeCheck) -> None:
    """What the threads are to each other; `check` has seen all nodes, and knows who starts whom."""
    _check_started(check)
    _check_depth(check)
    if not check.faults.is_wrong:
        _check_endless_threads(check)


def _spinning(thread: ThreadSpec) -> Iterator[str]:
    """The nodes to which a thread that stands there comes back without having waited and without
    having had a choice.
    """
    after: dict[str, str] = {}
    for node, config in thread.nodes.items():
        edges, always = open_edges(config)
        waits = TYPE_OF[type(config)].waits and config.run_if is None
        if always and len(edges) == 1 and not waits:
            after[node] = edges[0].to
    seen = set[str]()
    for node in after:
        path: dict[str, int] = {}
        at = node
        while at in after and at not in seen:
            seen.add(at)
            path[at] = len(path)
            at = after[at]
        if at in path:
            yield from list(path)[path[at] :]


def _check_started(check: NodeCheck) -> None:
    starts = {name: check.starts.get(name, []) for name in check.body.threads}
    reached = reachable(starts, [check.body.entrypoint])
    for name in check.body.threads:
        if name not in reached:
            check.faults.add(
                FaultKind.THREAD_NOT_STARTED,
                "nothing that the entrypoint leads to starts it: start it from a node, name it as a"
                " handler, or take it out",
                thread=name,
            )


def _check_depth(check: NodeCheck) -> None:
    """A thread that can not begin, since even the shortest way down to it is too long. One that
    starts itself may come too deep in a run: that the run finds out.
    """
    level, seen = [check.body.entrypoint], {check.body.entrypoint}
    for _ in range(THREAD_DEPTH_MAX + 1):
        below = (name for above in level for name in check.starts.get(above, ()))
        level = [name for name in dict.fromkeys(below) if name not in seen]
        seen.update(level)
    for name in level:
        check.faults.add(
            FaultKind.THREAD_TOO_DEEP,
            f"it stands more than {THREAD_DEPTH_MAX} threads below the entrypoint",
            thread=name,
        )


def _check_endless_threads(check: NodeCheck) -> None:
    """Threads that start themselves, be it through others, before they can wait or end: on every
    way, so that no run of them is any use.
    """
    threads = check.body.threads
    starters: dict[str, list[str]] = {name: [] for name in threads}
    for name, started in check.starts.items():
        for other in started:
            starters[other].append(name)
    endless = dict.fromkeys(threads)
    pending = list(endless)
    while pending:
        name = pending.pop()
        if name in endless and passed_on_all_ways(threads[name], _starts_one(endless)) is None:
            del endless[name]
            pending += starters[name]
    into = {
        name: {
            node: [other for other in threads_begun(threads[name].nodes[node]) if other in endless]
            for node in passed_on_all_ways(threads[name], _starts_one(endless)) or ()
        }
        for name in endless
    }
    ways = Ways({name: [*chain.from_iterable(nodes.values())] for name, nodes in into.items()})
    for name, nodes in into.items():
        for node, begun in nodes.items():
            if name in begun or any(ways.lead(other, name) for other in begun):
                check.stand_at(name, node)
                check.fault(
                    FaultKind.ENDLESS_THREADS,
                    f"thread {name!r} comes here on every way before it waits or ends, and so"
                    " starts itself for ever: put a condition before",
                )


def _starts_one(threads: dict[str, None]) -> Callable[[NodeConfig], bool]:
    return lambda config: any(name in threads for name in threads_begun(config))


def threads_begun(config: NodeConfig) -> tuple[str, ...]:
    """The threads of which a node begins one before it waits, whatever the run's values are."""
    if is_passed_by(config) is not False:
        return ()
    match config:
        case StartThreadNode(thread=thread):
            return (thread,)
        case RunThreadsNode(values=None, threads=threads, after=after, concurrency=most):
            return tuple(name for name in threads if not after.get(name))[: most or None]
        case _:
            return ()


def passed_on_all_ways(
    thread: ThreadSpec, is_meant: Callable[[NodeConfig], bool]
) -> list[str] | None:
    """The nodes of a kind of which a thread passes one before it can wait, end or find no way on;
    None if there is a way by.
    """
    start = next(node for node, config in thread.nodes.items() if TYPE_OF[type(config)].begins)
    seen, pending, found = {start}, [start], list[str]()
    while pending:
        node = pending.pop()
        config = thread.nodes[node]
        if is_meant(config):
            found.append(node)
            continue
        edges, always = open_edges(config)
        waits = TYPE_OF[type(config)].waits and not is_passed_by(config)
        if waits or TYPE_OF[type(config)].ends or not always:
            return None
        for edge in edges:
            if edge.to not in seen:
                seen.add(edge.to)
                pending.append(edge.to)
    return found
