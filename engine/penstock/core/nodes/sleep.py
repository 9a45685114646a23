"""SLEEP: waits for a time to pass, or for an instant to come.

An instant that is given by variables is looked at again when one of them changes: a handler may
make the sleep shorter or longer. A halt does not stop the time.
"""

from collections.abc import Iterator
from typing import cast

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.nodes import RunChildWfNode, SleepNode
from penstock.core.flow.at import At
from penstock.core.flow.node import NodeType, gives_nothing
from penstock.core.flow.node_timer import set_node_timer
from penstock.core.flow.outcomes import WAIT, Done, Failed, Outcome
from penstock.core.flow.rests import rest
from penstock.core.flow.standing import speaks_for_step
from penstock.core.flow.watchers import unwatch, watch
from penstock.core.limits import DURATION_MS_MAX
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.rest_rows import Rest
from penstock.core.state.run import TimerKey
from penstock.core.state.timers import Clock, clock_ms
from penstock.core.values.expressions import Expression, Literal
from penstock.core.values.timestamps import timestamp_ms
from penstock.core.values.types import ValueProblem, ValueType
from penstock.core.values.value import Value, type_name


def arrive(at: At) -> Outcome:
    """Set the timer; what is past already is no wait."""
    config = cast(SleepNode, at.config)
    if config.seconds is None:
        outcome = look(at)
        if outcome is WAIT:
            watch(at)
            _rest(at)
        return outcome
    delay_ms = _delay_ms(at, config.seconds)
    if delay_ms <= 0:
        return Done()
    set_node_timer(at, Clock.DURATION, clock_ms(at.turn, Clock.DURATION) + delay_ms)
    _rest(at)
    return WAIT


def _rest(at: At) -> None:
    """To sleep is what a step does; what sleeps between two doings of a step is waited for: in a
    thread that starts another run, until that is tried again, in any other, for the next round. A
    moment is no delay: it is waited for wherever that is.
    """
    if not speaks_for_step(at):
        return
    nodes = at.thread_spec.nodes.values()
    delays = cast(SleepNode, at.config).seconds is not None
    retries = delays and any(isinstance(node, RunChildWfNode) for node in nodes)
    rest(at, Rest.RETRY if retries else Rest.WAIT)


def look(at: At) -> Outcome:
    """Whether the time has come."""
    until = cast(SleepNode, at.config).until
    if until is None:
        return Done() if at.node_run.timer is None else WAIT
    try:
        due_ms = _instant_ms(at.evaluate(until))
    except ValueProblem as problem:
        return Failed(Failure(FailureName.VAR_SUB_ERROR, f"until: {problem}"))
    if due_ms <= clock_ms(at.turn, Clock.DATE):
        return Done()
    if at.node_run.timer != TimerKey(Clock.DATE, due_ms):
        set_node_timer(at, Clock.DATE, due_ms)
    return WAIT


def _instant_ms(value: Value) -> int:
    if not isinstance(value, str):
        raise ValueProblem(f"{type_name(value)} is no TIMESTAMP")
    return timestamp_ms(value)


def _delay_ms(at: At, seconds: Expression) -> int:
    value = at.evaluate(seconds)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueProblem(f"seconds: {type_name(value)} is no number")
    if not 0 <= value * 1_000 <= DURATION_MS_MAX:
        raise ValueProblem(f"seconds: {value} is not from 0 to {DURATION_MS_MAX // 1_000}")
    return int(value * 1_000)


def carries(before: NodeConfig, after: NodeConfig) -> str | None:
    """A number of seconds that has begun to pass goes on passing; an instant is looked at anew."""
    old, new = cast(SleepNode, before), cast(SleepNode, after)
    if (old.until is None) == (new.until is None):
        return None
    return f"sleeps {'for some seconds' if new.until is None else 'until an instant'} there"


def check(check: NodeCheck) -> None:
    """One of the two is given, of the right type."""
    config = cast(SleepNode, check.config)
    if (config.seconds is None) == (config.until is None):
        check.fault(FaultKind.SLEEP_CHOICE, "a SLEEP has either seconds or until")
    if config.seconds is not None:
        check.fits(config.seconds, ValueType.DOUBLE, "seconds")
    if isinstance(config.until, Literal):
        check.fits(config.until, ValueType.TIMESTAMP, "until")
    elif config.until is not None:
        found = check.type_of(config.until)
        if found not in (None, ValueType.STR, ValueType.TIMESTAMP):
            check.fault(FaultKind.TYPE_MISMATCH, f"until is {found}, and no TIMESTAMP")


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """How long, or until when."""
    node = cast(SleepNode, config)
    yield from (part for part in (node.seconds, node.until) if part is not None)


NODE = NodeType(
    "SLEEP",
    SleepNode,
    arrive,
    look=look,
    leave=unwatch,
    carries=carries,
    check=check,
    expressions=expressions,
    gives=gives_nothing,
    waits=True,
)
