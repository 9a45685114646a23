"""The whole flow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from penstock.core.command import Command
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.definitions.node_check import INDEX, INPUT
from penstock.core.definitions.nodes import ExitNode, NopNode, RunThreadsNode, Throw
from penstock.core.definitions.wf_spec import (
    RunLimit,
    SpecBody,
    ThreadSpec,
    VariableDef,
)
from penstock.core.errors import Reject
from penstock.core.flow.template_names import ROOTS
from penstock.core.ids import is_definition_name
from penstock.core.registration.spec_check import faults_of
from penstock.core.registration.spec_form import body_of
from penstock.core.state.failures import FailureHandler
from penstock.core.state.place_rows import LimitBehavior
from penstock.core.state.rows import NoRows, Rows
from penstock.core.values.expressions import Expression
from penstock.core.values.forms import Built, Cast
from penstock.flows.checked import unknown_name
from penstock.flows.compiler import forms
from penstock.flows.compiler.blocks import Blocks
from penstock.flows.compiler.declared import undeclared
from penstock.flows.compiler.graph import Graph
from penstock.flows.compiler.inputs import is_allowed, private, type_of, variable_of
from penstock.flows.compiler.triggers import starts_of, trigger_variables, triggers_of
from penstock.flows.document import FlowError, Mark, Mistake
from penstock.flows.model import Flow

# Threads of the flow itself: no thread of a task has such a name after its dot.
MAIN: Final = "at.main"
TASKS: Final = "at.body"
GUARDED: Final = "at.guarded"
ERRORS: Final = "at.failed"
FINALLY: Final = "at.last"
BAD_INPUT: Final = "BAD_INPUT"
DISABLED: Final = "FLOW_DISABLED"


class Compiled(Struct, frozen=True):
    """A flow as the engine takes it: what is to be registered, in this order; and the places of the
    flow and its tasks, by their ids.
    """

    name: str
    definitions: tuple[Command, ...]
    mark: Mark
    places: dict[str, Mark]

    def place_of(self, thread: str, node: str) -> Mark:
        """Where a node of the spec, or a thread, stands in the flow: at its task, if it has one.
        A thread of a task has the name of that before its first dot, which is in no id of a task.
        """
        task = node if node in self.places else thread.partition(".")[0]
        return self.places.get(task, self.mark)


def compile_flow(flow: Flow) -> Compiled:
    """The WfSpec of a flow and what goes with it, or FlowError."""
    name = f"{flow.namespace}.{flow.id}"
    blocks = Blocks(name)
    if not is_definition_name(name):
        message = f"namespace and id make the name {name[:150]!r}, which is too long, or ends oddly"
        blocks.mistakes.append(Mistake(flow.mark, message))
    body = _body(flow, blocks)
    triggers = () if flow.disabled else tuple(triggers_of(flow, name, blocks.mistakes))
    if blocks.mistakes:
        raise FlowError(blocks.mistakes)
    spec = PutWfSpec(name, msgspec.to_builtins(body))
    definitions = (*blocks.definitions, spec, *triggers)
    compiled = Compiled(name, definitions, flow.mark, blocks.places)
    refused = list(_refusals(compiled, spec))
    if refused:
        raise FlowError(refused)
    return compiled


def _refusals(compiled: Compiled, spec: PutWfSpec) -> Iterator[Mistake]:
    """What any server refuses, whatever is registered there."""
    try:
        body = body_of(spec.spec)
    except Reject as refusal:
        yield Mistake(compiled.mark, refusal.message)
        return
    for fault in faults_of(spec.name, body, Rows(NoRows()), "").wrong:
        yield Mistake(compiled.place_of(fault.thread, fault.node), fault.message)


def _body(flow: Flow, blocks: Blocks) -> SpecBody:
    main = Graph(_variables(flow, blocks))
    if flow.disabled:
        return SpecBody(MAIN, {MAIN: _refuses(main)}, namespace=flow.namespace, labels=flow.labels)
    _refuse_inputs(flow, main)
    if not flow.errors and not flow.at_last:
        blocks.chain(main, flow.tasks, flow.retry)
    else:
        _guard(flow, blocks, main)
    limit = None
    if flow.limit is not None:
        limit = RunLimit(flow.limit.most, LimitBehavior(flow.limit.behavior))
    return SpecBody(
        MAIN,
        {MAIN: main.thread(_returns(flow)), **blocks.threads},
        namespace=flow.namespace,
        labels=flow.labels,
        limit=limit,
        starts=starts_of(flow, blocks.spec_name, blocks.mistakes),
    )


def _refuses(main: Graph) -> ThreadSpec:
    """A flow that is disabled does nothing but say so; what is at work already goes on."""
    throws = Throw(DISABLED, "the flow is disabled: deploy it with disabled: false")
    main.stop("at.disabled", ExitNode(throws=throws))
    return main.thread()


def _guard(flow: Flow, blocks: Blocks, main: Graph) -> None:
    """The tasks in a thread below, so that their failure runs the errors, and all ways end with
    what is run at last.
    """
    blocks.thread(TASKS, flow.tasks, flow.retry)
    handlers: tuple[FailureHandler, ...] = ()
    if flow.errors:
        blocks.thread(ERRORS, flow.errors, flow.retry)
        handlers = (FailureHandler(ERRORS, rethrow=True),)
    guarded = RunThreadsNode(threads=(TASKS,), handlers=handlers)
    if not flow.at_last:
        main.add(GUARDED, guarded)
        return
    if flow.errors:
        inner = Graph()
        inner.add("at.inner", guarded)
        blocks.threads[GUARDED] = inner.thread()
    blocks.thread(FINALLY, flow.at_last, flow.retry)
    main.add(
        GUARDED,
        RunThreadsNode(
            threads=(GUARDED if flow.errors else TASKS,),
            handlers=(FailureHandler(FINALLY, rethrow=True),),
        ),
    )
    main.add(FINALLY, RunThreadsNode(threads=(FINALLY,)))


def _variables(flow: Flow, blocks: Blocks) -> list[VariableDef]:
    found = [variable_of(given, blocks.mistakes) for given in flow.inputs]
    if flow.variables:
        found.append(private("vars", "JSON_OBJ", flow.variables))
    found += trigger_variables(flow)
    known = {*ROOTS, *(declared.name for declared in found)}
    for mark, path in flow.names:
        if path.root not in {*known, INPUT, INDEX}:
            blocks.mistakes.append(Mistake(mark, unknown_name(path.root, known)))
    blocks.mistakes += undeclared(flow)
    return found


def _refuse_inputs(flow: Flow, main: Graph) -> None:
    """What no type can say of an input is looked at first."""
    for given in flow.inputs:
        condition = is_allowed(given)
        if condition is None:
            continue
        check = f"at.input.{given.id}"
        main.add(check, NopNode())
        main.branch(check, condition)
        good = main.branch(check)
        message = f"input {given.id!r} must be one of {', '.join(given.values)}"
        main.stop(f"{check}.refused", ExitNode(throws=Throw(BAD_INPUT, message)))
        main.merge(good)


def _returns(flow: Flow) -> Expression | None:
    """What the flow gives back: an object with a typed field for each output."""
    if not flow.outputs:
        return None
    fields: dict[str, Expression] = {}
    types: list[str] = []
    for output in flow.outputs:
        kind = type_of(output.type)
        fields[output.id] = Cast(kind, forms.value(output.value))
        types.append(f"{output.id}:{kind}")
    return Built(f"{{{','.join(sorted(types))}}}", fields)
