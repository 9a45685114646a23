"""THROW_EVENT: throws a workflow event, for whoever outside waits for it; complete at once."""

from collections.abc import Iterator
from typing import cast

from penstock.core.definitions.defs import WorkflowEventDef
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.nodes import ThrowEventNode
from penstock.core.flow.at import At
from penstock.core.flow.node import NodeType, gives_nothing
from penstock.core.flow.outcomes import Done, Outcome
from penstock.core.state.event_rows import WorkflowEvent, WorkflowEventCount
from penstock.core.state.outputs import WorkflowEventThrown
from penstock.core.values.forms import Expression
from penstock.core.values.masking import MASK
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, check_bounds, value_bytes


def arrive(at: At) -> Outcome:
    """Keep the event with the run, and tell the outside."""
    config = cast(ThrowEventNode, at.config)
    event = WorkflowEvent(
        at.turn.tenant,
        at.run.wf_run_id,
        at.run.workflow_events,
        config.workflow_event_def,
        _content(at, config),
        at.node_run.thread,
        at.node_run.position,
        at.turn.at_ms,
    )
    event.masked = config.content is not None and at.masked
    event.def_number = _count(at, config.workflow_event_def)
    at.run.workflow_events += 1
    at.turn.rows.put(event)
    at.turn.output_bytes += value_bytes(event.content)
    at.turn.tell(event.wf_run_id, _told(event))
    return Done()


def check(check: NodeCheck) -> None:
    """The definition exists, and the content fits it."""
    config = cast(ThrowEventNode, check.config)
    definition = check.workflow_event_def(config.workflow_event_def)
    if definition is None or definition.content_type is None or config.content is None:
        return
    check.fits(config.content, definition.content_type, "content")


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """The content."""
    content = cast(ThrowEventNode, config).content
    if content is not None:
        yield content


def _content(at: At, config: ThrowEventNode) -> Value:
    definition = at.turn.rows.peek(WorkflowEventDef, at.turn.tenant, config.workflow_event_def)
    if definition is None:
        raise ValueProblem(f"there is no WorkflowEventDef {config.workflow_event_def!r} any more")
    if config.content is None:
        return None
    if definition.content_type is not None:
        return at.evaluate_as(config.content, definition.content_type, "content")
    content = at.evaluate(config.content, "content")
    check_bounds(content)
    return content


def _count(at: At, name: str) -> int:
    """How many of this kind the run has thrown before."""
    rows, key = at.turn.rows, (at.turn.tenant, at.run.wf_run_id, name)
    row = rows.get(WorkflowEventCount, *key) or WorkflowEventCount(*key)
    before, row.count = row.count, row.count + 1
    rows.put(row)
    return before


def _told(event: WorkflowEvent) -> WorkflowEventThrown:
    return WorkflowEventThrown(
        wf_run_id=event.wf_run_id,
        number=event.number,
        workflow_event_def=event.workflow_event_def,
        content=MASK if event.masked else event.content,
        thread=event.thread,
        position=event.position,
        at_ms=event.at_ms,
        def_number=event.def_number,
    )


NODE = NodeType(
    "THROW_EVENT",
    ThrowEventNode,
    arrive,
    check=check,
    expressions=expressions,
    gives=gives_nothing,
)
