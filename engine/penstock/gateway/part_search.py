"""What stands in runs, found across runs: node runs, events that were put and that were thrown
(run_window.py has how). One more kind is one more line in PARTS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from starlette.datastructures import QueryParams

from penstock.contracts.answers import events
from penstock.contracts.answers import runs as shapes
from penstock.contracts.filters import (
    ExternalEventFilters,
    NodeRunFilters,
    WorkflowEventFilters,
)
from penstock.core.flow.run_filter import OfRuns
from penstock.core.nodes import NODE_TYPES
from penstock.core.state.event_rows import ExternalEvent, WorkflowEvent
from penstock.core.state.rows import Row
from penstock.core.state.run import NodeRun
from penstock.core.views.seen import Json, Seen
from penstock.core.views.shown import config_of, shown_event, shown_node, shown_workflow_event
from penstock.gateway import render
from penstock.gateway.filters import filters_in, one_of
from penstock.gateway.run_window import Found, Place, Window, words_of_runs

Asked = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartKind:
    """A kind of thing that stands in runs: by what it is searched, when one began, whether one is
    wanted, and how it is shown; the `names` that there are for filters that the table has as texts.
    """

    path: str
    about: str
    table: type
    found: Any
    row: type[Row]
    began_ms: Callable[[Any], int]
    wants: Callable[[Asked, Seen, Any], bool]
    show: Callable[[Seen, Any], Json]
    names: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])


class PartSearch(OfRuns, frozen=True):
    """What is looked for, of which runs."""

    asked: dict[str, Any] = {}

    @classmethod
    def of(cls, kind: PartKind, params: QueryParams) -> PartSearch:
        """The search that the parameters of a query ask for."""
        asked = filters_in(params, kind.table)
        for name in kind.names.keys() & asked.keys():
            one_of(name, asked[name], kind.names[name])
        return cls(**words_of_runs(asked), asked=asked)


def parts_in(kind: PartKind, window: Window[PartSearch], numbers: Iterable[int]) -> Iterator[Found]:
    """The things of a window, in some partitions."""

    def entries(seen: Seen) -> Iterator[Row]:
        return seen.rows.scan(kind.row, seen.run.tenant, seen.run.wf_run_id)

    for seen, row in window.within(numbers, entries):
        began_ms = kind.began_ms(row)
        if window.asked.is_in_time(began_ms) and kind.wants(window.asked.asked, seen, row):
            key = (began_ms, seen.run.wf_run_id, row.own_key().hex())
            yield Found(key, Place.of(seen.run), partial(_shown, kind, seen, row))


def _shown(kind: PartKind, seen: Seen, row: Row) -> Json:
    return {"wf_run_id": seen.run.wf_run_id, **kind.show(seen, row)}


def _node_began_ms(row: NodeRun) -> int:
    return row.history[0].at_ms if row.history else 0


def _wants_node(asked: Asked, seen: Seen, row: NodeRun) -> bool:
    event_def = asked.get("event_def")
    return (
        asked.get("node") in (None, row.node)
        and asked.get("type") in (None, row.node_type)
        and ("status" not in asked or row.status in asked["status"])
        and (event_def is None or _event_of(seen, row) == event_def)
    )


def _event_of(seen: Seen, row: NodeRun) -> str | None:
    """The event that a node waits for."""
    if row.node_type != "EXTERNAL_EVENT":
        return None
    return getattr(config_of(seen.rows, seen.run, row), "event_def", None)


def _wants_event(asked: Asked, _: Seen, row: ExternalEvent) -> bool:
    is_claimed = row.claimed_by is not None
    return asked.get("event_def") in (None, row.event_def) and asked.get("claimed") in (
        None,
        is_claimed,
    )


NODE_RUNS: Final = PartKind(
    path="/v1/node-runs",
    about="Node runs, newest first within a window.",
    table=NodeRunFilters,
    found=shapes.NodeRunFound,
    row=NodeRun,
    began_ms=_node_began_ms,
    wants=_wants_node,
    show=lambda seen, row: render.node_run(shown_node(seen.rows, seen.run, row)),
    names={"type": [node.name for node in NODE_TYPES]},
)
EXTERNAL_EVENTS: Final = PartKind(
    path="/v1/external-events",
    about="Events that were put to runs that are there, newest first within a window.",
    table=ExternalEventFilters,
    found=events.ExternalEventFound,
    row=ExternalEvent,
    began_ms=lambda row: row.put_ms,
    wants=_wants_event,
    show=lambda seen, row: render.external_event(shown_event(seen.rows, row, seen.rows)),
)
WORKFLOW_EVENTS: Final = PartKind(
    path="/v1/workflow-events",
    about="Events that runs have thrown, newest first within a window.",
    table=WorkflowEventFilters,
    found=events.WorkflowEventFound,
    row=WorkflowEvent,
    began_ms=lambda row: row.at_ms,
    wants=lambda asked, _, row: asked.get("event_def") in (None, row.workflow_event_def),
    show=lambda seen, row: render.workflow_event(shown_workflow_event(seen.rows, row)),
)
PARTS: Final = (NODE_RUNS, EXTERNAL_EVENTS, WORKFLOW_EVENTS)
