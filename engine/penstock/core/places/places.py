"""Places, on the partition of a limit: who has one, and who is next. The newest version of the spec
says how many there are, and what becomes of a run for which there is none.
"""

from __future__ import annotations

from penstock.core.command import Command
from penstock.core.definitions.wf_spec import LatestWfSpec, RunLimit, WfSpec
from penstock.core.ids import partition_of_run
from penstock.core.state.keys import after_prefix
from penstock.core.state.place_rows import (
    Claim,
    LimitBehavior,
    LimitState,
    PlaceHolder,
    PlaceNews,
    QueuedRun,
)
from penstock.core.state.rows import copy_of
from penstock.core.state.timers import Clock, Timer, TimerKind, clock_ms, set_timer
from penstock.core.state.turn import Turn


class AnswerPlace(Command, frozen=True):
    """Whether the run has its place from now on, stands in the queue for one (`waits`), or what it
    is refused as.
    """

    wf_run_id: str
    ask: str
    refusal: LimitBehavior | None = None
    waits: bool = False


def claim(turn: Turn, news: PlaceNews) -> None:
    """Do what the run says of its place; the same again changes nothing."""
    limit = (turn.tenant, news.wf_spec, news.limit_key)
    state = turn.rows.get(LimitState, *limit) or LimitState(*limit)
    holder = turn.rows.get(PlaceHolder, *limit, news.wf_run_id)
    known = holder is not None and holder.ask == news.ask
    if holder is not None and known == (news.claim is Claim.GIVE_BACK):
        _remove(turn, state, holder)  # if it is not given back, it is one that its run has lost
        holder = None
    if news.claim is Claim.ASK and holder is None:
        _ask(turn, state, news)
    elif _is_to_have(news, holder):
        if holder is not None:
            turn.rows.delete(QueuedRun(*limit, holder.number, ""))
        _grant(turn, state, news.wf_run_id, news.ask)
    _go_on(turn, state)
    if news.claim is Claim.ASK:
        holder = turn.rows.peek(PlaceHolder, *limit, news.wf_run_id)
        if holder is not None and not holder.granted:
            _answer(turn, news.wf_run_id, news.ask, waits=True)


def _is_to_have(news: PlaceNews, holder: PlaceHolder | None) -> bool:
    """Whether a run gets a place though it may not be its turn."""
    if holder is None:
        return news.claim is Claim.TAKE
    return not holder.granted and news.claim in (Claim.TAKE, Claim.FORCE)


def look_again(turn: Turn, wf_spec: str) -> None:
    """The limit of a spec has changed, perhaps: those who wait are looked at soon."""
    first = next(turn.rows.scan(LimitState, turn.tenant, wf_spec), None)
    if first is not None:
        _later(turn, first)


def limit_due(turn: Turn, timer: Timer) -> None:
    """Go over the limits of a spec, from one on."""
    wf_spec, _, key = timer.detail.partition("/")
    start = LimitState.key(turn.tenant, wf_spec, key)
    for _, row in turn.rows.range(
        LimitState, start, after_prefix(LimitState.key(turn.tenant, wf_spec))
    ):
        if turn.nodes_left == 0:
            _later(turn, row)
            return
        turn.nodes_left -= 1
        if not _go_on(turn, copy_of(row)):
            return


def _ask(turn: Turn, state: LimitState, news: PlaceNews) -> None:
    """Stand in the queue, or be refused."""
    limit = _limit(turn, state)
    full = limit is not None and (state.granted >= limit.most or _first(turn, state) is not None)
    if limit is not None and full and limit.behavior is not LimitBehavior.QUEUE:
        _answer(turn, news.wf_run_id, news.ask, refusal=limit.behavior)
        return
    state.last += 1
    place = (state.tenant, state.wf_spec, state.limit_key)
    turn.rows.put(QueuedRun(*place, state.last, news.wf_run_id))
    turn.rows.put(PlaceHolder(*place, news.wf_run_id, news.ask, granted=False, number=state.last))


def _go_on(turn: Turn, state: LimitState) -> bool:
    """Give places to the first who wait, as long as there are some, and keep what is left; False if
    the turn's budget is spent, and it goes on later.
    """
    limit = _limit(turn, state)
    queued = _first(turn, state)
    while queued is not None and (limit is None or state.granted < limit.most):
        if turn.nodes_left == 0 or turn.is_full():
            _later(turn, state)
            turn.rows.put(state)
            return False
        turn.nodes_left -= 1
        holder = turn.rows.peek(
            PlaceHolder, state.tenant, state.wf_spec, state.limit_key, queued.wf_run_id
        )
        assert holder is not None, "who waits is known"
        turn.rows.delete(queued)
        _grant(turn, state, queued.wf_run_id, holder.ask)
        queued = _first(turn, state)
    if state.granted or queued is not None:
        turn.rows.put(state)
    else:
        turn.rows.delete(state)
    return True


def _grant(turn: Turn, state: LimitState, wf_run_id: str, ask: str) -> None:
    place = (state.tenant, state.wf_spec, state.limit_key)
    turn.rows.put(PlaceHolder(*place, wf_run_id, ask, granted=True))
    state.granted += 1
    _answer(turn, wf_run_id, ask)


def _remove(turn: Turn, state: LimitState, holder: PlaceHolder) -> None:
    turn.rows.delete(holder)
    if holder.granted:
        state.granted -= 1
    else:
        place = (state.tenant, state.wf_spec, state.limit_key)
        turn.rows.delete(QueuedRun(*place, holder.number, ""))


def _answer(
    turn: Turn,
    wf_run_id: str,
    ask: str,
    *,
    refusal: LimitBehavior | None = None,
    waits: bool = False,
) -> None:
    answer = AnswerPlace(wf_run_id=wf_run_id, ask=ask, refusal=refusal, waits=waits)
    turn.send(partition_of_run(wf_run_id, turn.shard.partitions), answer)


def _limit(turn: Turn, state: LimitState) -> RunLimit | None:
    """The limit as it is now; None if there is none any more."""
    latest = turn.rows.peek(LatestWfSpec, state.tenant, state.wf_spec)
    version = 0 if latest is None else latest.version
    spec = turn.rows.peek(WfSpec, state.tenant, state.wf_spec, version) if version else None
    return None if spec is None else spec.body.limit


def _first(turn: Turn, state: LimitState) -> QueuedRun | None:
    place = (state.tenant, state.wf_spec, state.limit_key)
    return next(turn.rows.scan(QueuedRun, *place), None)


def _later(turn: Turn, state: LimitState) -> None:
    detail, due_ms = f"{state.wf_spec}/{state.limit_key}", clock_ms(turn, Clock.PENDING)
    kind = TimerKind.LIMIT
    set_timer(turn, kind, "", clock=Clock.PENDING, due_ms=due_ms, detail=detail, number=0)
