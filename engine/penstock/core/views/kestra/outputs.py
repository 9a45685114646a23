"""What a task run gives. A block has outputs as soon as something is published in its name: what
was decided, the number of the round, the id of a run below. One that runs another flow for each of
several batches tells how many of these there are, and in which state: of few their own rows say it,
of many the tally of the node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Final, cast

from penstock.core.definitions.graph import Publish
from penstock.core.definitions.nodes import RunThreadsNode, Tally
from penstock.core.flow.published import put_below
from penstock.core.state.ends import end_state
from penstock.core.state.keys import after_prefix
from penstock.core.state.published import PublishedOutput, key_below, path_of
from penstock.core.state.run import NodeRun, SweepVerb, ThreadRun, WfRun
from penstock.core.state.thread_rows import Awaited, EachPlan
from penstock.core.state.transitions import NODE_LIVE, THREAD_LIVE, NodeStatus, ThreadStatus
from penstock.core.values.masking import MASK
from penstock.core.values.value import Value
from penstock.core.views.kestra.states import STATE_OF_END, State
from penstock.core.views.kestra.waits import NODES_LOOKED_MAX, Lines
from penstock.core.views.seen import Json, Seen
from penstock.core.views.shown import shown_node

PARTS_SHOWN_MAX: Final = 100
"""So many outputs that are published in the name of one step are shown."""
BATCHES_COUNTED_MAX: Final = 500
"""Of so many batches at most the runs are looked at, which know of pauses and retries."""
VISITS_BACK_MAX: Final = 100
"""So many visits that failed one after the other are looked through for the first one."""

_BLOCK: Final = "RUN_THREADS"


class Outputs:
    """The outputs of one run's task runs; `values_above` are those below which a step publishes."""

    def __init__(
        self, seen: Seen, lines: Lines, values_above: Callable[[NodeRun], tuple[str, ...]]
    ) -> None:
        self._rows = seen.rows
        self._run = seen.run
        self._of_run = (seen.run.tenant, seen.run.wf_run_id)
        self._lines = lines
        self._values_above = values_above

    def of(self, node: NodeRun) -> Json | None:
        """Those of one visit."""
        value = shown_node(self._rows, self._run, node).output
        config = self._lines.config(node)
        asked = None if config is None else config.publish
        part = asked.part if isinstance(asked, Publish) else None
        if node.node_type == _BLOCK and part is not None:
            return self._of_batches(node, part, value)
        if part is not None:
            return {part: value} if node.status not in NODE_LIVE else None
        if (
            node.node_type == _BLOCK
            and asked
            and value is None
            and node.status is not NodeStatus.COMPLETED
        ):
            return self._published(node)
        if value is None or isinstance(value, dict):
            return cast("Json | None", value)
        return None if node.node_type == _BLOCK else {"value": value}

    def _published(self, node: NodeRun) -> Json | None:
        """What was published in the name of a step during this visit, and those that it begins
        anew: they share their threads.
        """
        values, is_of_visit = self._values_above(node), self._is_of(node)
        start = key_below(*self._of_run, node.node, values)
        found = self._rows.range(PublishedOutput, start, after_prefix(start))
        made: Json = {}
        for _, row in islice(found, PARTS_SHOWN_MAX):
            if is_of_visit(row):
                steps, value = row.values[len(values) :], MASK if row.masked else row.value
                if steps:
                    put_below(made, steps, value)
                elif isinstance(value, dict):
                    made |= value
        return made or None

    def _is_of(self, node: NodeRun) -> Callable[[PublishedOutput], bool]:
        since = self._first(node).step
        after = self._rows.peek(NodeRun, *self._of_run, node.thread, node.position + 1)
        until = 0 if after is None else after.step  # 0: it has not been reached
        return lambda row: row.step >= since and (not until or row.step < until)

    def _first(self, node: NodeRun) -> NodeRun:
        """The visit that this one begins anew, so many back."""
        for _ in range(VISITS_BACK_MAX):
            if node.retries is None:
                break
            before = self._rows.peek(NodeRun, *self._of_run, node.thread, node.retries)
            if before is None or before.node != node.node:
                break
            node = before
        return node

    def _of_batches(self, node: NodeRun, part: str, count: Value) -> Json | None:
        plan = self._rows.peek(EachPlan, *self._of_run, node.thread, node.position)
        if plan is None and node.status in NODE_LIVE:
            return None  # it has not begun
        made = self._published(node) or {}
        made[part] = plan.count if count is None and plan is not None else count
        config = self._lines.config(node)
        tally = config.tally if isinstance(config, RunThreadsNode) else None
        if tally is None:
            return made
        made.pop(tally.part, None)
        states = self._states_below(node)
        states = self._tallied(node, tally) if states is None else states
        return made | ({tally.part: states} if states else {})

    def _tallied(self, node: NodeRun, tally: Tally) -> dict[str, int]:
        """As the node has counted. What was at work when it was killed itself, was so with it."""
        values = (*self._values_above(node), tally.part)
        row = self._rows.peek(PublishedOutput, *self._of_run, node.node, path_of(values))
        if row is None or not self._is_of(node)(row) or not isinstance(row.value, dict):
            return {}
        states = {**cast("dict[str, int]", row.value)}
        if node.status not in NODE_LIVE and tally.live in states:
            killed = states.pop(tally.live)
            states[tally.killed] = states.get(tally.killed, 0) + killed
        return dict(sorted(states.items()))

    def _states_below(self, node: NodeRun) -> dict[str, int] | None:
        """How many of the runs below are in each state, the newest of each batch, as these say;
        None of too many.
        """
        found = self._rows.scan(Awaited, *self._of_run, node.thread, node.position)
        newest: dict[int, int] = {}
        for awaited in islice(found, BATCHES_COUNTED_MAX + 1):
            newest[awaited.element] = max(awaited.child, newest.get(awaited.element, 0))
        if len(newest) > BATCHES_COUNTED_MAX:
            return None
        return dict(sorted(Counter(str(self._state(child)) for child in newest.values()).items()))

    def _state(self, number: int) -> State:
        """Of the newest run that a thread has started; without one, of the thread itself."""
        child: str | None = None
        for helper in islice(self._rows.scan(NodeRun, *self._of_run, number), NODES_LOOKED_MAX):
            if helper.node_type == "RUN_CHILD_WF" and isinstance(helper.output, str):
                child = helper.output
        run = None if child is None else self._rows.peek(WfRun, self._run.tenant, child)
        if run is not None:
            return self._state_of_run(run)
        thread = self._rows.peek(ThreadRun, *self._of_run, number)
        assert thread is not None, "a thread's row stays while its run does"
        if thread.status in THREAD_LIVE:
            return State.CREATED
        if thread.status is not ThreadStatus.COMPLETED:
            return State.FAILED
        return State.WARNING if thread.warned else State.SUCCESS

    def _state_of_run(self, run: WfRun) -> State:
        """As far as the run's own row says: not whether it is paused by a task of its own."""
        if run.counts_as is not None:
            return STATE_OF_END[run.counts_as]
        if run.status not in THREAD_LIVE:
            first = self._rows.peek(ThreadRun, run.tenant, run.wf_run_id, 0)
            assert first is not None, "a run has an entrypoint"
            return STATE_OF_END[end_state(run, first)]
        if run.sweep is not None and run.sweep.verb is SweepVerb.KILL:
            return State.KILLING
        if run.status is ThreadStatus.HALTED:
            return State.PAUSED
        if run.place is not None and run.held:
            return State.QUEUED if run.place.waited else State.CREATED
        return State.RUNNING
