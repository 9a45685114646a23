"""Events of runs, and those that lie under keys, as the API shows them."""

from __future__ import annotations

from typing import Any

from penstock.contracts.answers.common import Answer, Excerpt, Time


class NodeRunPlace(Answer, frozen=True):
    """A node run, by thread and position."""

    thread: int
    position: int


class ExternalEventShown(Answer, frozen=True):
    """An event that was put to a run, and which node run took it."""

    event_def: str
    guid: str
    content: Any
    put_at: Time
    claimed_by: NodeRunPlace | None
    claimed_at: Time | None
    correlated: bool


class ExternalEventFound(ExternalEventShown, frozen=True, kw_only=True):
    """An event, and to which run it was put."""

    wf_run_id: str


class CorrelatedEventShown(Answer, frozen=True):
    """An event under a key; `offered` while a run that is to have it has not answered."""

    event_def: str
    key: str
    guid: str
    content: Any
    delete_after_first: bool
    offered: bool
    put_at: Time


class WorkflowEventShown(Answer, frozen=True):
    """An event that a run has thrown."""

    number: int
    workflow_event_def: str
    def_number: int
    content: Any
    thread: int
    position: int
    thrown_at: Time


class EventsThrown(Excerpt[WorkflowEventShown], frozen=True, kw_only=True):
    """Events that a run has thrown. `following` is the number to go on from; if it is `truncated`
    there may be more already, also where no item was found.
    """

    following: int


class WorkflowEventFound(WorkflowEventShown, frozen=True, kw_only=True):
    """An event, and which run has thrown it."""

    wf_run_id: str
