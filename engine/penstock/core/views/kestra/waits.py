"""What a step waits for in the thread that does its work: the next round of a loop, the moment at
which a run below is to begin, another try of it, or that run, while it is paused.

It is told by helping nodes. A helping SLEEP behind the start of a run is the wait for its retry,
any other that for the next round, or for the moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Final, Protocol

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.nodes import RunThreadsNode, SleepNode, WaitForChildWfNode
from penstock.core.ids import is_step
from penstock.core.state.facts import Fact
from penstock.core.state.history import whole_history
from penstock.core.state.rest_rows import Rest, RunRests
from penstock.core.state.run import NodeRun, TaskRun, WfRun
from penstock.core.state.thread_rows import Awaited
from penstock.core.state.transitions import NODE_LIVE, NodeStatus, ThreadStatus
from penstock.core.views.kestra.states import State, Timeline
from penstock.core.views.seen import Seen

NODES_LOOKED_MAX: Final = 1_000
"""Of a thread; what goes on behind them is not told."""

Span = tuple[int, int | None]
"""From when to when; None: it still is."""


class Lines(Protocol):
    """What is known of one run (timelines.py)."""

    def facts(self, row: WfRun | NodeRun | TaskRun) -> list[Fact]:
        """All that a row went through."""
        ...

    def kills(self) -> list[int]:
        """When the run was told to end."""
        ...

    def config(self, node: NodeRun) -> NodeConfig | None:
        """A node as it was declared."""
        ...


class Waits:
    """The waits of one run's steps."""

    def __init__(self, seen: Seen, lines: Lines) -> None:
        self._seen = seen
        self._lines = lines
        self._known: dict[str, list[Span]] = {}

    def tell(self, line: Timeline, node: NodeRun) -> None:
        """Add those of one visit to what its task run went through."""
        config = self._lines.config(node)
        if not isinstance(config, RunThreadsNode) or not self._has_waits(config):
            return
        own = self._span(node)
        rows, of_run = self._seen.rows, (self._seen.run.tenant, self._seen.run.wf_run_id)
        for awaited in rows.scan(Awaited, *of_run, node.thread, node.position):
            child: str | None = None
            nodes = rows.scan(NodeRun, *of_run, awaited.child)
            for helper in islice(nodes, NODES_LOOKED_MAX):
                if helper.node_type == "RUN_CHILD_WF" and isinstance(helper.output, str):
                    child = helper.output
                if is_step(helper.node) or not _overlap(self._span(helper), own):
                    continue  # visits that begin a failed one anew share its threads
                if helper.node_type == "WAIT_FOR_CHILD_WF" and child is not None:
                    self._tell_pauses(line, helper, child)
                elif helper.node_type == "SLEEP":
                    self._tell_sleep(line, helper, retries=child is not None)

    def _span(self, node: NodeRun) -> Span:
        facts = self._lines.facts(node)
        return facts[0].at_ms, None if node.status in NODE_LIVE else facts[-1].at_ms

    def _has_waits(self, config: RunThreadsNode) -> bool:
        """Whether the thread of a step has helping nodes that wait, as far as the spec says."""
        blueprint = self._seen.spec.body.threads.get(config.threads[0])
        if not config.gives_output or blueprint is None:
            return False
        return any(
            isinstance(node, SleepNode | WaitForChildWfNode) and not is_step(name)
            for name, node in blueprint.nodes.items()
        )

    def _tell_sleep(self, line: Timeline, helper: NodeRun, *, retries: bool) -> None:
        began_ms, ended_ms = self._span(helper)
        if ended_ms == began_ms:
            return  # until a moment that was past
        if retries:
            line.come_to(State.FAILED, began_ms)
            line.come_to(State.RETRYING, began_ms)
        else:
            line.come_to(State.PAUSED, began_ms)
        if ended_ms is not None and helper.status is NodeStatus.COMPLETED:
            line.come_to(State.RUNNING, ended_ms)

    def _tell_pauses(self, line: Timeline, helper: NodeRun, child: str) -> None:
        """A run below is paused while this one waits for it, and has its failures as its own."""
        config = self._lines.config(helper)
        if not isinstance(config, WaitForChildWfNode) or not config.gives_end:
            return  # it looks once more at a run that has ended
        if config.allow_failure:
            return
        waited = self._span(helper)
        if child not in self._known:
            self._known[child] = [*_joined(self._pauses_of(child))]
        for pause in self._known[child]:
            if not _overlap(pause, waited):
                continue
            line.come_to(State.PAUSED, pause[0])
            if pause[1] is None or (waited[1] is not None and pause[1] > waited[1]):
                continue
            if not any(_begins_in((kill, None), pause) for kill in self._lines.kills()):
                line.come_to(State.RUNNING, pause[1])  # else a kill of both has ended it

    def _pauses_of(self, child: str) -> Iterator[Span]:
        """When a run below was paused, by an operator or by itself: two rows tell."""
        rows, of_child = self._seen.rows, (self._seen.run.tenant, child)
        run, rests = rows.peek(WfRun, *of_child), rows.peek(RunRests, *of_child)
        told = [] if run is None else [(self._lines.facts(run), ThreadStatus.HALTED)]
        told += [] if rests is None else [(whole_history(rows, rests), Rest.WAIT)]
        for facts, paused in told:
            for fact, after in pairwise([*facts, None]):
                if fact is not None and fact.status == paused:
                    yield fact.at_ms, None if after is None else after.at_ms


def _overlap(one: Span, other: Span) -> bool:
    """Whether there is a moment that both have."""
    return _begins_in(one, other) or _begins_in(other, one)


def _begins_in(one: Span, other: Span) -> bool:
    return other[0] <= one[0] and (other[1] is None or one[0] <= other[1])


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    """In order; those that overlap are one."""
    current: Span | None = None
    for span in sorted(spans, key=lambda span: span[0]):
        if current is None or not _overlap(span, current):
            if current is not None:
                yield current
            current = span
        elif current[1] is not None and (span[1] is None or span[1] > current[1]):
            current = current[0], span[1]
    if current is not None:
        yield current
