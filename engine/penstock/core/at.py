"""At: where a thread of a run stands. The one thing that node hooks, tasks and advance hand to each
other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.core.expressions import Expression, evaluate
from penstock.core.run import NodeOutput, NodeRun, ThreadRun, Variable, WfRun
from penstock.core.turn import Turn
from penstock.core.values import Value, ValueProblem

if TYPE_CHECKING:
    from penstock.core.nodes.base import NodeConfig
    from penstock.core.spec import ThreadSpec, WfSpec


class At:
    """Copies of a run's rows around one thread's current node; `save` writes them. It is also the
    scope of names.
    """

    __slots__ = ("node_run", "run", "spec", "thread", "turn")

    def __init__(
        self, turn: Turn, run: WfRun, spec: WfSpec, thread: ThreadRun, node_run: NodeRun
    ) -> None:
        self.turn = turn
        self.run = run
        self.spec = spec
        self.thread = thread
        self.node_run = node_run

    @property
    def thread_spec(self) -> ThreadSpec:
        """The blueprint of the thread."""
        return self.spec.body.threads[self.thread.thread_spec]

    @property
    def config(self) -> NodeConfig:
        """The configuration of the current node."""
        return self.thread_spec.nodes[self.node_run.node]

    def save(self) -> None:
        """Write the rows."""
        rows = self.turn.rows
        rows.put(self.node_run)
        rows.put(self.thread)
        rows.put(self.run)

    def evaluate(self, expression: Expression) -> Value:
        """The value of an expression here, or ValueProblem."""
        return evaluate(expression, self)

    def variable(self, name: str) -> Value:
        """The value of a variable of this thread or of one above it."""
        row = self.turn.rows.peek(
            Variable, self.turn.tenant, self.run.wf_run_id, self.owner_of(name), name
        )
        return None if row is None else row.value

    def output(self, node: str) -> Value:
        """The newest output of a node of this thread."""
        row = self.turn.rows.peek(
            NodeOutput, self.turn.tenant, self.run.wf_run_id, self.thread.number, node
        )
        if row is None:
            raise ValueProblem(f"node {node!r} has no output yet")
        return row.value

    def owner_of(self, variable: str) -> int:
        """The number of the thread that the variable belongs to."""
        thread: ThreadRun | None = self.thread
        while thread is not None:
            if self.spec.body.threads[thread.thread_spec].variable(variable) is not None:
                return thread.number
            above = thread.parent
            thread = None if above is None else peek_thread(self.turn, self.run.wf_run_id, above)
        raise ValueProblem(f"no variable {variable!r} can be seen from here")


def peek_thread(turn: Turn, wf_run_id: str, number: int) -> ThreadRun | None:
    """A thread's row, not to be changed."""
    return turn.rows.peek(ThreadRun, turn.tenant, wf_run_id, number)
