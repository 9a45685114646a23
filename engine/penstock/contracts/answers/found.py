"""What is found across runs: as a run shows it, and of which run it is."""

from __future__ import annotations

from penstock.contracts.answers.runs import ExternalEventShown, NodeRunShown, WorkflowEventShown


class NodeRunFound(NodeRunShown, frozen=True, kw_only=True):
    """A NodeRun, and of which run it is."""

    wf_run_id: str


class ExternalEventFound(ExternalEventShown, frozen=True, kw_only=True):
    """An event, and to which run it was put."""

    wf_run_id: str


class WorkflowEventFound(WorkflowEventShown, frozen=True, kw_only=True):
    """An event, and which run has thrown it."""

    wf_run_id: str
