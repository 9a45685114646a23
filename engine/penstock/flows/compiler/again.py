"""A run of another flow that has failed, tried again: another run takes its place. The thread that
has started it goes back, after a sleep, as long as the policy allows.
"""

from __future__ import annotations

from typing import Final

from penstock.core.definitions.graph import Mutation
from penstock.core.definitions.nodes import SleepNode, WaitForChildWfNode
from penstock.core.limits import MAX_ATTEMPTS_MAX
from penstock.core.state.failures import FailureName
from penstock.core.values.comparing import Comparator
from penstock.core.values.expressions import Expression
from penstock.core.values.forms import Comparison, Literal, Operated, OutputRef, VariableRef
from penstock.core.values.operations import Operation
from penstock.flows.compiler import forms, retries
from penstock.flows.compiler.graph import End, Graph
from penstock.flows.compiler.inputs import private
from penstock.flows.model import Retry

DUE: Final = "at.due"
"""The node that waits for the moment at which the run is to begin."""
FIRST: Final = "at.first"
"""The node behind which the policy's variables are set, on the way to the first run."""
CHILD: Final = "at.child"
"""The node that starts the run."""
WAIT: Final = "at.wait"
"""The node whose output is how the run has ended."""

_TRIES: Final = "at_tries"
_DELAY_MS: Final = "at_delay"
_UNTIL_MS: Final = "at_until"
_NOW_MS: Final = "{{ now() | timestampMilli }}"
_DELAY_MS_MAX: Final = 24 * 3_600_000


def tries_again(retry: Retry) -> bool:
    """Whether another run is to take the place of one that has failed."""
    return retry.behavior != retries.NEW_EXECUTION


class Again:
    """The policy, in the variables of the thread. They are set on the way to the first run."""

    def __init__(self, graph: Graph, retry: Retry) -> None:
        self._retry = retry
        graph.variables.append(private(_TRIES, "INT", 1))
        graph.variables.append(private(_DELAY_MS, "DOUBLE"))
        first = [Mutation(_TRIES, Literal(1)), Mutation(_DELAY_MS, self._first_delay_ms())]
        if retry.max_duration_ms is not None:
            until = forms.value(f"{{{{ (now() | timestampMilli) + {retry.max_duration_ms} }}}}")
            graph.variables.append(private(_UNTIL_MS, "DOUBLE"))
            first.append(Mutation(_UNTIL_MS, until))
        graph.changes(tuple(first))

    def goes_back(self, graph: Graph) -> list[End]:
        """The way back from the wait; returns the ends that were open. A success that comes after
        it is a warning, if the policy says so: what has failed is waited for once more.
        """
        before = graph.branch(WAIT, self._may())
        if self._retry.warning_on_retry:
            failed = WaitForChildWfNode(wf_run_id=OutputRef(CHILD), allow_failure=True)
            graph.add("at.warned", failed)
        seconds = Operated(VariableRef(_DELAY_MS), Operation.DIVIDE, Literal(1_000.0))
        graph.add("at.sleep", SleepNode(seconds=seconds))
        one_more = Mutation(_TRIES, Literal(1), Operation.ADD)
        graph.branch("at.sleep", None, (one_more, Mutation(_DELAY_MS, self._next_delay_ms())))
        graph.back_to(CHILD)
        return before

    def _may(self) -> Expression:
        """It was not killed, there is a try left, and it comes soon enough after the first."""
        killed = Literal(FailureName.KILLED)
        may: Expression = Comparison(OutputRef(WAIT, "$.cause"), Comparator.NOT_EQUALS, killed)
        most = Literal(self._retry.max_attempts or MAX_ATTEMPTS_MAX)
        left = Comparison(VariableRef(_TRIES), Comparator.LESS_THAN, most)
        may = Operated(may, Operation.AND, left)
        if self._retry.max_duration_ms is None:
            return may
        due = Operated(VariableRef(_DELAY_MS), Operation.ADD, forms.value(_NOW_MS))
        soon = Comparison(due, Comparator.LESS_THAN_EQ, VariableRef(_UNTIL_MS))
        return Operated(may, Operation.AND, soon)

    def _first_delay_ms(self) -> Expression:
        if self._retry.type == "random":
            return self._random_ms()
        return Literal(float(self._retry.interval_ms))

    def _next_delay_ms(self) -> Expression:
        retry = self._retry
        if retry.type == "random":
            return self._random_ms()
        if retry.type == "constant":
            return Literal(float(retry.interval_ms))
        most = retry.max_interval_ms or _DELAY_MS_MAX
        return forms.value(f"{{{{ min({_DELAY_MS} * {retry.delay_factor}, {most}) }}}}")

    def _random_ms(self) -> Expression:
        least = self._retry.min_interval_ms
        above = self._retry.max_interval_ms or least + 1
        return forms.value(f"{{{{ randomInt({least}, {max(above, least + 1)}) }}}}")
