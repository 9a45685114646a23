"""A run's history: one list of facts in the order of time, made from its rows, so that a client can
tell the story.

Facts with the same time stand in the order in which they follow from each other: a run starts
before its nodes, a node is reached before its task is sent, and a run ends after all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from penstock.core.state.event_rows import ExternalEvent
from penstock.core.state.facts import AuditEntry, Fact, HistoryChunk
from penstock.core.state.history import subject_of
from penstock.core.state.run import NodeRun, PastAttempt, TaskAttempt, TaskRun, ThreadRun, WfRun
from penstock.core.state.transitions import NODE_LIVE, TASK_LIVE, THREAD_LIVE
from penstock.gateway.render import Json, failure, thread_output, time_text

Timed = tuple[int, Json]


@dataclass(slots=True)
class RunRows:
    """All rows of a run that its history is made of."""

    run: WfRun
    threads: list[ThreadRun] = field(default_factory=list[ThreadRun])
    nodes: list[NodeRun] = field(default_factory=list[NodeRun])
    tasks: list[TaskRun] = field(default_factory=list[TaskRun])
    past: list[PastAttempt] = field(default_factory=list[PastAttempt])
    events: list[ExternalEvent] = field(default_factory=list[ExternalEvent])
    chunks: list[HistoryChunk] = field(default_factory=list[HistoryChunk])
    audit: list[AuditEntry] = field(default_factory=list[AuditEntry])

    def history_of(self, row: WfRun | NodeRun) -> Iterator[Fact]:
        """All facts of an object, those in chunks first."""
        subject = subject_of(row)
        for chunk in self.chunks:
            if chunk.subject == subject:
                yield from chunk.facts
        yield from row.history


def facts_of(rows: RunRows) -> list[Json]:
    """The facts, each with `at` and `what`."""
    timed = [
        *_run(rows, ended=False),
        *_verbs(rows.audit),
        *_events(rows.events),
        *_nodes(rows),
        *_run(rows, ended=True),
    ]
    timed.sort(key=lambda fact: fact[0])
    return [{"at": time_text(at_ms), **fact} for at_ms, fact in timed]


def _run(rows: RunRows, *, ended: bool) -> Iterator[Timed]:
    """Statuses of the run: the ones while it lived, or the last one."""
    for fact in rows.history_of(rows.run):
        if (fact.status not in THREAD_LIVE) != ended:
            continue
        told: dict[str, Any] = {"what": "WF_RUN", "status": fact.status}
        if ended and rows.threads:
            told |= {
                "output": thread_output(rows.threads[0]),
                "failure": failure(rows.threads[0].failure),
                "warned": rows.run.warned,
            }
        yield fact.at_ms, told


def _verbs(entries: Iterable[AuditEntry]) -> Iterator[Timed]:
    """What operators did."""
    for entry in entries:
        told = {"verb": entry.verb, "principal": entry.principal, "detail": entry.detail}
        if entry.bulk_id is not None:
            told["bulk_id"] = entry.bulk_id
        yield entry.at_ms, {"what": "OPERATOR", **told}


def _events(events: Iterable[ExternalEvent]) -> Iterator[Timed]:
    for event in events:
        yield (
            event.put_ms,
            {"what": "EXTERNAL_EVENT", "event_def": event.event_def, "guid": event.guid},
        )


def _nodes(rows: RunRows) -> Iterator[Timed]:
    """Each node run: reached, then what its task went through, then its end."""
    tasks = {task.guid: task for task in rows.tasks}
    past: dict[str, list[PastAttempt]] = {}
    for attempt in rows.past:
        past.setdefault(attempt.guid, []).append(attempt)
    for node in rows.nodes:
        yield from _node(rows, node, ended=False)
        task = tasks.get(node.task or "")
        if task is not None and task.position == node.position:
            for attempt in (*(one.attempt for one in past.get(task.guid, ())), task.attempt):
                yield from _attempt(node, task, attempt)
        yield from _node(rows, node, ended=True)


def _node(rows: RunRows, node: NodeRun, *, ended: bool) -> Iterator[Timed]:
    for fact in rows.history_of(node) if node.spilled else node.history:
        if (fact.status not in NODE_LIVE) != ended:
            continue
        told = {"what": "NODE_RUN", **_place(node), "status": fact.status}
        if ended:
            told["failure"] = failure(node.failure)
            told |= {"skipped": node.skipped, "warned": node.warned}
        yield fact.at_ms, told


def _attempt(node: NodeRun, task: TaskRun, attempt: TaskAttempt) -> Iterator[Timed]:
    told = {
        "what": "TASK_ATTEMPT",
        **_place(node),
        "task_def": task.task_def,
        "guid": task.guid,
        "attempt": attempt.number,
    }
    yield attempt.scheduled_ms, {**told, "status": "TASK_SCHEDULED"}
    if attempt.started_ms is not None:
        yield attempt.started_ms, {**told, "status": "TASK_RUNNING", "worker": attempt.worker}
    if attempt.ended_ms is not None and attempt.status not in TASK_LIVE:
        ended = {"status": attempt.status, "worker": attempt.worker}
        ended |= {"failure": failure(attempt.failure), "warning": attempt.warning}
        yield attempt.ended_ms, {**told, **ended}


def _place(node: NodeRun) -> Json:
    return {
        "thread": node.thread,
        "position": node.position,
        "node": node.node,
        "node_type": node.node_type,
    }
