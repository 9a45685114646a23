"""Checks a WfSpec when it is registered: every mistake that can be seen then is refused then, by
name, all at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from penstock.core.definitions.faults import Faults
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import INPUT, NodeCheck
from penstock.core.definitions.nodes import ExitNode
from penstock.core.definitions.variable_check import check_inherited, check_names, check_variables
from penstock.core.definitions.wf_spec import SpecBody, ThreadSpec
from penstock.core.errors import Code, refuse
from penstock.core.flow.labels import labels_problem
from penstock.core.flow.node import NodeType
from penstock.core.ids import is_definition_name, is_inner_name
from penstock.core.limits import (
    EDGES_PER_NODE_MAX,
    HANDLERS_PER_NODE_MAX,
    MUTATIONS_PER_EDGE_MAX,
    SPEC_NODES_MAX,
    SPEC_THREADS_MAX,
    SPEC_VARIABLES_MAX,
    THREAD_DEPTH_MAX,
)
from penstock.core.nodes import TYPE_OF
from penstock.core.state.rows import Rows
from penstock.core.values.forms import Expression, OutputRef, parts_of
from penstock.core.values.types import ValueType


def check_spec(name: str, body: SpecBody, rows: Rows, tenant: str) -> None:
    """Refuse a spec with faults, naming each with its thread and node. One that only names what is
    not registered yet may be right a moment later, and has a code of its own for that.
    """
    faults = Faults()
    check = NodeCheck(name=name, body=body, rows=rows, tenant=tenant, faults=faults)
    _check_size(body, faults)
    if not faults:
        if body.entrypoint not in body.threads:
            faults.add(f"the entrypoint thread {body.entrypoint!r} is not among the threads")
        elif body.threads[body.entrypoint].retention is not None:
            faults.add("the entrypoint is kept as long as its run: move its retention to the spec")
        _check_about(name, body, faults)
        check_names(body, faults)
        check_inherited(body, rows, tenant, faults)
        for thread_name, thread in body.threads.items():
            _check_thread(check, thread_name, thread)
        _check_depth(check)
        _check_limit(check, body)
    if faults.is_wrong:
        refuse(Code.BAD_SPEC, str(faults))
    if faults:
        refuse(Code.DEFINITION_UNKNOWN, str(faults))


def kept_outputs(body: SpecBody) -> dict[str, tuple[str, ...]]:
    """For each thread, the nodes whose output is read by a later node (and not only by their own
    edges).
    """
    return {name: _kept_outputs(thread) for name, thread in body.threads.items()}


def masked_outputs(body: SpecBody) -> dict[str, tuple[str, ...]]:
    """For each thread that has some, the nodes of whose output a masked variable is made."""
    masked = {
        declared.name
        for thread in body.threads.values()
        for declared in thread.variables
        if declared.masked
    }
    found = {name: _masked_outputs(thread, masked) for name, thread in body.threads.items()}
    return {name: nodes for name, nodes in found.items() if nodes}


def _masked_outputs(thread: ThreadSpec, masked: AbstractSet[str]) -> tuple[str, ...]:
    nodes = {
        part.node
        for config in thread.nodes.values()
        for edge in config.edges
        for mutation in edge.mutations
        if mutation.variable in masked
        for part in parts_of(mutation.value)
        if isinstance(part, OutputRef)
    }
    return tuple(sorted(nodes))


def first_nodes(body: SpecBody) -> dict[str, str]:
    """For each thread of a spec that was checked, the node where it begins."""
    return {
        name: next(node for node, config in thread.nodes.items() if _type(config).begins)
        for name, thread in body.threads.items()
    }


def _kept_outputs(thread: ThreadSpec) -> tuple[str, ...]:
    kept: set[str] = set()
    for node, config in thread.nodes.items():
        for expression in _expressions(config):
            kept |= {part.node for part in parts_of(expression) if isinstance(part, OutputRef)}
        for _, expression in _edge_expressions(thread, node):
            refs = {part.node for part in parts_of(expression) if isinstance(part, OutputRef)}
            kept |= refs - {node}
    return tuple(sorted(kept))


def _check_size(body: SpecBody, faults: Faults) -> None:
    threads = body.threads
    if not 1 <= len(threads) <= SPEC_THREADS_MAX:
        faults.add(f"{len(threads)} threads: a spec has 1 to {SPEC_THREADS_MAX}")
    nodes = sum(len(thread.nodes) for thread in threads.values())
    if nodes > SPEC_NODES_MAX:
        faults.add(f"{nodes} nodes: a spec may have {SPEC_NODES_MAX}")
    variables = sum(len(thread.variables) for thread in threads.values())
    if variables > SPEC_VARIABLES_MAX:
        faults.add(f"{variables} variables: a spec may have {SPEC_VARIABLES_MAX}")


def _check_about(name: str, body: SpecBody, faults: Faults) -> None:
    """The name begins with the namespace, and a run may have the labels."""
    namespace = body.namespace
    if namespace and not is_definition_name(namespace):
        faults.add(f"namespace {namespace[:60]!r} is none; it looks like 'company.team'")
    elif namespace and not name.startswith(f"{namespace}."):
        faults.add(f"the name of a spec in namespace {namespace!r} begins with '{namespace}.'")
    problem = labels_problem(body.labels)
    if problem is not None:
        faults.add(problem)


def _check_thread(check: NodeCheck, name: str, thread: ThreadSpec) -> None:
    faults = check.faults
    for text in (name, *thread.nodes, *(variable.name for variable in thread.variables)):
        if not is_inner_name(text):
            faults.add(f"thread {name!r}: {text!r} is no name; use letters, digits, '.', '_', '-'")
    starts = [node for node, config in thread.nodes.items() if _type(config).begins]
    if len(starts) != 1:
        faults.add(f"thread {name!r}: {len(starts)} ENTRYPOINT nodes; it needs exactly one")
    if not any(_type(config).ends for config in thread.nodes.values()):
        faults.add(f"thread {name!r}: no EXIT node; it needs at least one")
    check_variables(name, thread, check.struct, faults)
    for node, config in thread.nodes.items():
        check.stand_at(name, node)
        _check_edges(check, thread)
        for expression in _expressions(config):
            check.expression(expression)
        _check_passing(check)
        _type(config).check(check)
        _check_handlers(check)
    _check_interrupts(check, name, thread)
    _check_interrupt_keys(check, thread)
    _check_returns(check, name, thread)
    if len(starts) == 1 and not faults.is_wrong:
        _check_shape(check, name, thread, starts[0])


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
            f"thread {name!r} stands more than {THREAD_DEPTH_MAX} threads below the entrypoint"
        )


def _check_limit(check: NodeCheck, body: SpecBody) -> None:
    """Runs are counted by something that is there when they begin; who is refused a place ends."""
    thread = body.threads.get(body.entrypoint)
    if body.limit is None or thread is None:
        return
    check.stand_at(body.entrypoint, "limit")
    if any(_type(config).begins and config.handlers for config in thread.nodes.values()):
        check.fault("a run without a place ends; remove the handlers of its ENTRYPOINT")
    key = body.limit.key
    if key is not None:
        check.expression(key)
        check.fits(key, ValueType.STR, "key of the limit")
        if any(isinstance(part, OutputRef) for part in parts_of(key)):
            check.fault("key of the limit: no node has an output when the run begins")


def _check_handlers(check: NodeCheck) -> None:
    handlers = check.config.handlers
    if len(handlers) > HANDLERS_PER_NODE_MAX:
        check.fault(f"{len(handlers)} handlers: a node may have {HANDLERS_PER_NODE_MAX}")
    if handlers and _type(check.config).ends:
        check.fault("no way leads on from here, so nothing can be handled; remove the handlers")
    for handler in handlers:
        check.handles(handler)


def _check_passing(check: NodeCheck) -> None:
    """Where a thread begins or ends, there is nothing to be passed by or allowed."""
    config = check.config
    if config.run_if is not None:
        check.fits(config.run_if, ValueType.BOOL, "run_if")
    if config.begin_anew is not None and config.begin_anew.backoff is not None:
        check.backoff(config.begin_anew.backoff)
    if not (_type(config).begins or _type(config).ends):
        return
    said = {
        "run_if": config.run_if is not None,
        "allow_failure": config.allow_failure,
        "allow_warning": config.allow_warning,
        "begin_anew": config.begin_anew is not None,
    }
    for name, is_said in said.items():
        if is_said:
            check.fault(f"{name} is for nodes between ENTRYPOINT and EXIT; remove it")


def _check_interrupts(check: NodeCheck, name: str, thread: ThreadSpec) -> None:
    """An event interrupts one thread of the spec, and no node waits for it."""
    for event_def, handler in thread.interrupts.items():
        check.stand_at(name, "interrupts")
        check.event_def(event_def)
        check.starts_thread(handler, {}, given_besides=(INPUT,))
        others = (other for other in check.body.threads.values() if other is not thread)
        if any(event_def in other.interrupts for other in others):
            check.fault(f"{event_def!r} interrupts another thread, too; one may be interrupted")
        waiting = (node for other in check.body.threads.values() for node in other.nodes.values())
        if any(getattr(node, "event_def", None) == event_def for node in waiting):
            check.fault(f"{event_def!r} interrupts, so no node can wait for it")


def _check_interrupt_keys(check: NodeCheck, thread: ThreadSpec) -> None:
    """Keys are for events that interrupt, and there is something to be put under them."""
    for event_def, key in thread.interrupt_keys.items():
        check.stand_at(check.thread_name, "interrupt_keys")
        if event_def not in thread.interrupts:
            check.fault(f"{event_def!r} has a key, but does not interrupt the thread")
        check.expression(key)
        if isinstance(key, OutputRef):
            check.fault(f"key of {event_def!r}: no node has an output when the thread begins")
        check.correlates(event_def, key)


def _check_edges(check: NodeCheck, thread: ThreadSpec) -> None:
    config = check.config
    if len(config.edges) > EDGES_PER_NODE_MAX:
        check.fault(f"{len(config.edges)} edges: a node may have {EDGES_PER_NODE_MAX}")
    if not config.edges and not _type(config).ends:
        check.fault("no edge leads on; add one, if only to an EXIT")
    for edge in config.edges:
        if edge.to not in thread.nodes:
            check.fault(f"an edge leads to {edge.to!r}, which is no node of this thread")
        if len(edge.mutations) > MUTATIONS_PER_EDGE_MAX:
            check.fault(
                f"{len(edge.mutations)} mutations: an edge may have {MUTATIONS_PER_EDGE_MAX}"
            )
        for mutation in edge.mutations:
            check.mutation(mutation)
        if edge.condition is not None:
            check.fits(edge.condition, ValueType.BOOL, "the condition of an edge")
    for what, expression in _edge_expressions(thread, check.node_name):
        check.expression(expression, what)


def _edge_expressions(thread: ThreadSpec, node: str) -> Iterator[tuple[str, Expression]]:
    for edge in thread.nodes[node].edges:
        if edge.condition is not None:
            yield f"condition of the edge to {edge.to!r}: ", edge.condition
        for mutation in edge.mutations:
            yield f"mutation of {mutation.variable!r}: ", mutation.value


def _check_returns(check: NodeCheck, name: str, thread: ThreadSpec) -> None:
    """All EXITs of a thread return the same type, or nothing; what only the run will tell agrees
    with any type, and so does null.
    """
    first: tuple[str, str] | None = None
    for node, config in thread.nodes.items():
        if not isinstance(config, ExitNode) or config.throws is not None:
            continue
        check.stand_at(name, node)
        found = "nothing"
        if config.returns is not None:
            found = str(check.type_of(config.returns) or "")
        if first is None and found:
            first = node, found
        elif first is not None and found and found != first[1]:
            check.fault(
                f"it returns {found}, but {first[0]!r} returns {first[1]}; all EXITs of a thread"
                " return the same type, or nothing"
            )


def _check_shape(check: NodeCheck, name: str, thread: ThreadSpec, start: str) -> None:
    """Every node can be reached, and no cycle can spin without a wait or a condition."""
    reached = _reachable(thread, start)
    for node in thread.nodes:
        check.stand_at(name, node)
        if node not in reached:
            check.fault("it can not be reached from the ENTRYPOINT")
        if _spins(thread, node):
            check.fault("it lies on a cycle that has neither a wait nor a condition")


def _spins(thread: ThreadSpec, start: str) -> bool:
    """Whether a thread that stands here comes back without having waited and without having had a
    choice.
    """
    at, seen = start, set[str]()
    while at not in seen:
        seen.add(at)
        config = thread.nodes[at]
        waits = _type(config).waits and config.run_if is None
        if waits or not config.edges or config.edges[0].condition is not None:
            return False
        at = config.edges[0].to
    return at == start


def _reachable(thread: ThreadSpec, start: str) -> set[str]:
    seen, pending = {start}, [start]
    while pending:
        for edge in thread.nodes[pending.pop()].edges:
            if edge.to not in seen:
                seen.add(edge.to)
                pending.append(edge.to)
    return seen


def _expressions(config: NodeConfig) -> Iterator[Expression]:
    """All that is evaluated at a node, but for its edges."""
    if config.run_if is not None:
        yield config.run_if
    yield from _type(config).expressions(config)


def _type(config: NodeConfig) -> NodeType:
    return TYPE_OF[type(config)]
