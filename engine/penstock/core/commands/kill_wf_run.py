"""KillWfRun: ends a run wherever it stands. It is HALTING until its tasks have ended, or the
deadline has come; then ERROR, with the failure KILLED, which nobody handles.
"""

from msgspec.structs import replace

from penstock.core.commands.base import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.limits import DURATION_MS_MAX, KILL_DEADLINE_MS_DEFAULT
from penstock.core.run import Sweep, SweepVerb, TimerKey, WfRun
from penstock.core.sweep import begin_sweep, wake_threads
from penstock.core.timers import Clock, TimerKind, clock_ms, drop_timer, set_timer
from penstock.core.transitions import THREAD_LIVE
from penstock.core.turn import Turn
from penstock.core.values import Value
from penstock.core.verbs import known_run, settled_status


class KillWfRun(Command, frozen=True):
    """Which run; whether its child runs, too; how long tasks with a worker are waited for."""

    wf_run_id: str
    cascade: bool = True
    deadline_ms: int = KILL_DEADLINE_MS_DEFAULT


def handle(turn: Turn, command: KillWfRun) -> Value:
    """Begin to kill the run; one that is being killed gets the new deadline."""
    if not 0 <= command.deadline_ms <= DURATION_MS_MAX:
        refuse(Code.BAD_VALUE, f"deadline_ms {command.deadline_ms} is not a duration")
    run = known_run(turn, command.wf_run_id)
    if run.status not in THREAD_LIVE:
        refuse(Code.WF_RUN_ENDED, f"WfRun {run.wf_run_id!r} is {run.status}")
    kill(turn, run, message=f"killed by {turn.principal}", deadline_ms=command.deadline_ms)
    return settled_status(turn, command.wf_run_id, 0)


def kill(turn: Turn, run: WfRun, *, message: str, deadline_ms: int) -> None:
    """Kill one run. Child runs are to be killed from here as well, each by this function."""
    known, forced = run.sweep, deadline_ms == 0
    if known is not None and known.deadline is not None:
        kind = TimerKind.KILL_DEADLINE
        drop_timer(turn, known.deadline, kind, run.wf_run_id, detail="", number=0)
    deadline = None if forced else _set_deadline(turn, run, deadline_ms)
    if known is None or known.verb is not SweepVerb.KILL:
        sweep = Sweep(SweepVerb.KILL, forced=forced, deadline=deadline, message=message)
        begin_sweep(turn, run, sweep)
        return
    run.sweep = replace(known, forced=forced, deadline=deadline)
    turn.rows.put(run)
    if forced:
        wake_threads(turn, run.wf_run_id, 0)


def _set_deadline(turn: Turn, run: WfRun, deadline_ms: int) -> TimerKey:
    return set_timer(
        turn,
        TimerKind.KILL_DEADLINE,
        run.wf_run_id,
        clock=Clock.DURATION,
        due_ms=clock_ms(turn, Clock.DURATION) + deadline_ms,
        detail="",
        number=0,
    )


COMMAND = CommandType(KillWfRun, handle, of_wf_run, audited=True)
