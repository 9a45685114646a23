"""Checks a WfSpec when it is registered: every mistake that can be seen then is refused then, by
name, all at once. A refusal is certain: what may be right in some run is taken.

By family: control_flow, data_flow and handlers here, the variables in `definitions`, and what is
one node type's own in its file.
"""

from __future__ import annotations

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.faults import Faults
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.variable_check import check_inherited, check_names, check_variables
from penstock.core.definitions.wf_spec import SpecBody, ThreadSpec
from penstock.core.errors import Code, refuse
from penstock.core.flow.labels import labels_problem
from penstock.core.ids import is_definition_name, is_inner_name
from penstock.core.limits import SPEC_NODES_MAX, SPEC_THREADS_MAX, SPEC_VARIABLES_MAX
from penstock.core.nodes import TYPE_OF
from penstock.core.registration.control_flow import (
    check_edges,
    check_passing,
    check_shape,
    check_threads,
)
from penstock.core.registration.data_flow import (
    check_elements,
    check_outputs,
    check_returns,
    check_values,
)
from penstock.core.registration.handlers import (
    check_handlers,
    check_interrupt_keys,
    check_interrupts,
)
from penstock.core.registration.run_limit import check_limit
from penstock.core.registration.run_starts import check_starts
from penstock.core.state.rows import Rows


def check_spec(name: str, body: SpecBody, rows: Rows, tenant: str) -> None:
    """Refuse a spec with faults, naming each with its thread and node. One that only names what is
    not registered yet may be right a moment later, and has a code of its own for that.
    """
    faults = faults_of(name, body, rows, tenant)
    if faults.is_wrong:
        refuse(Code.BAD_SPEC, str(faults), faults.found)
    if faults:
        refuse(Code.DEFINITION_UNKNOWN, str(faults), faults.found)


def faults_of(name: str, body: SpecBody, rows: Rows, tenant: str) -> Faults:
    """What is wrong with a spec, among the definitions that are there."""
    faults = Faults()
    check = NodeCheck(name=name, body=body, rows=rows, tenant=tenant, faults=faults)
    _check_size(body, faults)
    if not faults:
        _check_entrypoint(body, faults)
        _check_about(name, body, faults)
        check_names(body, faults)
        check_inherited(body, rows, tenant, faults)
        for thread_name, thread in body.threads.items():
            _check_thread(check, thread_name, thread)
        if body.entrypoint in body.threads:
            check_threads(check)
            check_limit(check)
            check_starts(check)
    return faults


def _check_size(body: SpecBody, faults: Faults) -> None:
    threads = body.threads
    if not 1 <= len(threads) <= SPEC_THREADS_MAX:
        faults.add(
            FaultKind.THREAD_COUNT, f"{len(threads)} threads: a spec has 1 to {SPEC_THREADS_MAX}"
        )
    nodes = sum(len(thread.nodes) for thread in threads.values())
    if nodes > SPEC_NODES_MAX:
        faults.add(FaultKind.NODE_COUNT, f"{nodes} nodes: a spec may have {SPEC_NODES_MAX}")
    variables = sum(len(thread.variables) for thread in threads.values())
    if variables > SPEC_VARIABLES_MAX:
        faults.add(
            FaultKind.VARIABLE_COUNT,
            f"{variables} variables: a spec may have {SPEC_VARIABLES_MAX}",
        )


def _check_entrypoint(body: SpecBody, faults: Faults) -> None:
    if body.entrypoint not in body.threads:
        faults.add(
            FaultKind.ENTRYPOINT_UNKNOWN,
            f"the entrypoint thread {body.entrypoint!r} is not among the threads",
        )
    elif body.threads[body.entrypoint].retention is not None:
        faults.add(
            FaultKind.ENTRYPOINT_RETENTION,
            "the entrypoint is kept as long as its run: move its retention to the spec",
            thread=body.entrypoint,
        )


def _check_about(name: str, body: SpecBody, faults: Faults) -> None:
    """The name begins with the namespace, and a run may have the labels."""
    namespace = body.namespace
    if namespace and not is_definition_name(namespace):
        message = f"namespace {namespace[:60]!r} is none; it looks like 'company.team'"
        faults.add(FaultKind.BAD_NAMESPACE, message)
    elif namespace and not name.startswith(f"{namespace}."):
        message = f"the name of a spec in namespace {namespace!r} begins with '{namespace}.'"
        faults.add(FaultKind.NAME_OUTSIDE_NAMESPACE, message)
    problem = labels_problem(body.labels)
    if problem is not None:
        faults.add(FaultKind.BAD_LABELS, problem)


def _check_thread(check: NodeCheck, name: str, thread: ThreadSpec) -> None:
    faults = check.faults
    for text in (name, *thread.nodes, *(variable.name for variable in thread.variables)):
        if not is_inner_name(text):
            message = f"{text[:128]!r} is no name; use letters, digits, '.', '_', '-'"
            faults.add(FaultKind.BAD_NAME, message, thread=name)
    kinds = {node: TYPE_OF[type(config)] for node, config in thread.nodes.items()}
    starts = [node for node, kind in kinds.items() if kind.begins]
    if len(starts) != 1:
        faults.add(
            FaultKind.ENTRYPOINT_NODE_COUNT,
            f"{len(starts)} ENTRYPOINT nodes; it needs exactly one",
            thread=name,
        )
    if not any(kind.ends for kind in kinds.values()):
        faults.add(FaultKind.EXIT_MISSING, "no EXIT node; it needs at least one", thread=name)
    check_variables(name, thread, check.struct, faults)
    for node, kind in kinds.items():
        check.stand_at(name, node)
        check_edges(check, thread)
        check_values(check)
        check_passing(check)
        kind.check(check)
        check_elements(check)
        check_handlers(check)
    check_interrupts(check, name, thread)
    check_interrupt_keys(check, name, thread)
    check_returns(check, name, thread)
    if len(starts) == 1 and not faults.is_wrong:
        check_shape(check, name, thread, starts[0])
        check_outputs(check, name, thread)
