"""The fold: one record and the rows before it give the rows after it, and outputs. The whole engine
is this function.

A turn, in order: time (R1), bookkeeping that survives refusal (R4, R5), due timers and pending work
(R3), and the record's command. Each timer and the command have a savepoint of their own. Refusals
are answers; any other exception leaves the fold as a defect, with `Turn.part` naming what was at
work, for the owner to have it ruled on (R6): folded again with the ruling, that part is undone and
the run it hit ends with ENGINE_DEFECT.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from penstock.core.advance.advance import settle
from penstock.core.command import (
    Command,
    CommandType,
    Repeats,
    Sender,
    of_partition_0,
    of_wf_run,
)
from penstock.core.commands import TYPE_OF
from penstock.core.commands.claim_place import send_claims
from penstock.core.commands.set_event_marker import send_news
from penstock.core.definitions.metadata import DECIDING_PARTITION
from penstock.core.errors import MENDED_BY_TIME, Code, Reject, refuse
from penstock.core.fire import blame, blame_timer, fire
from penstock.core.flow.load import is_being_deleted
from penstock.core.ids import partition_of_run
from penstock.core.limits import (
    ANSWER_WINDOW_MS,
    ANSWERS_EXPIRED_PER_TURN_MAX,
    AWAKE_BETWEEN_TICKS_MS_MAX,
    FIRST_FOLD_VERSION,
    TIMERS_PER_TURN_MAX,
)
from penstock.core.permissions import Denied, check_permission
from penstock.core.starts.starts import start_runs
from penstock.core.state.audit import audit
from penstock.core.state.first_answer import id_hash, request_hash
from penstock.core.state.outputs import Answer, CommandRefused, DeadLetter
from penstock.core.state.partition_state import (
    NEVER_MS,
    AnswerExpiry,
    CommandAnswer,
    InChannel,
    PartitionState,
    Shard,
)
from penstock.core.state.rows import Rows
from penstock.core.state.timers import Clock, clock_ms, next_due
from penstock.core.state.turn import COMMAND_PART, FIRST_STAMP, Turn, stamp_order
from penstock.core.state.versions import check_known, move_up

ENGINE_PRINCIPAL = "engine"
LEAVING = ":leaving"
DEFECT_MESSAGE = "the engine hit a defect of its own here; the run was ended for it"


class Origin(Struct, frozen=True):
    """Which partition sent an engine command, its stamp, and the stamp of the one sent before it
    (R4).
    """

    source: int
    stamp: str
    previous: str


class Input(Struct, frozen=True):
    """A record of `commands` as the fold takes it. What could not be decoded has a `problem`
    instead of a command.
    """

    offset: int
    append_ms: int
    key: str
    command_id: str | None = None
    fold_version: int = FIRST_FOLD_VERSION
    origin: Origin | None = None
    tenant: str = ""
    principal: str = ""
    not_after_ms: int | None = None
    command: Command | None = None
    problem: str | None = None


class Folded(Struct, frozen=True):
    """What one turn did beside the rows: its outputs, and the answer to the command (None: it was a
    repeat or a gap in the commands of another partition, which nobody waits for)."""

    turn: Turn
    answer: Answer | None


def begin(rows: Rows, shard: Shard, record: Input) -> Turn:
    """Begin a turn: let the time pass."""
    rows.begin_turn()
    state = rows.get(PartitionState) or PartitionState(
        append_ms=record.append_ms, log_time_ms=record.append_ms
    )
    passed_ms = max(0, record.append_ms - state.append_ms)
    awake_ms = min(passed_ms, AWAKE_BETWEEN_TICKS_MS_MAX - state.awake_since_tick_ms)
    state.append_ms = record.append_ms
    state.log_time_ms += passed_ms
    state.awake_ms += awake_ms
    state.awake_since_tick_ms += awake_ms
    return Turn(rows, shard, record.offset, state)


class Only(Struct, frozen=True):
    """What of a turn is to be done again, over rows that are not all there: so many timers, and
    the command or not.
    """

    timers: int
    command: bool


def fold(
    turn: Turn, record: Input, ruled: AbstractSet[str] = frozenset(), only: Only | None = None
) -> Folded:
    """Fold the record of a turn that has begun. `ruled` are the parts that a verdict has undone."""
    check_known(turn.state.fold_version)
    taken = record.origin is None or _take(turn, record, record.origin)
    _fire_due(turn, ruled, TIMERS_PER_TURN_MAX if only is None else only.timers)
    if turn.state.oldest_answer_ms <= turn.state.log_time_ms:
        _forget_answers(turn)
    answer = _do(turn, record, ruled) if taken and (only is None or only.command) else None
    turn.rows.put(turn.state)
    return Folded(turn, answer)


def _take(turn: Turn, record: Input, origin: Origin) -> bool:
    """Whether a command of another partition is the next one on its way; a repeat or a gap is
    dropped (R4). One that was made under a later version moves this partition up first (R9). What
    is not the engine's own moves nothing; it is refused further on."""
    if record.command is None:
        check_known(record.fold_version)  # one that a newer build sent, and can read
        return True
    if record.principal != ENGINE_PRINCIPAL:
        return True
    if origin.source >= turn.shard.partitions or origin.source == turn.shard.partition:
        return False
    channel = turn.rows.get(InChannel, origin.source) or InChannel(origin.source, FIRST_STAMP)
    if origin.previous != channel.last or stamp_order(origin.stamp) <= stamp_order(channel.last):
        return False
    channel.last = origin.stamp
    turn.rows.put(channel)
    move_up(turn.state, record.fold_version)
    return True


def _fire_due(turn: Turn, ruled: AbstractSet[str], timers_max: int) -> None:
    """Fire what is due, up to the turn's budget; the rest stays due (R3)."""
    for _ in range(timers_max):
        timer = None if turn.is_full() else next_due(turn)
        if timer is None:
            break
        turn.tenant = timer.tenant
        turn.take_up(timer.part)
        turn.late.append((timer.kind, clock_ms(turn, Clock(timer.clock)) - timer.due_ms))
        if timer.part in ruled:
            turn.rows.delete(timer)
            _undone(turn, ruled, partial(blame_timer, turn, timer, DEFECT_MESSAGE))
            turn.timer_ends.append(turn.rows.savepoint())
            continue
        savepoint = turn.savepoint()
        try:
            fire(turn, timer)
            _settle(turn)
        except Reject:
            turn.rollback(savepoint)
            turn.rows.delete(timer)
        turn.timer_ends.append(turn.rows.savepoint())
    turn.crowded = turn.nodes_left == 0 or turn.is_full()
    if turn.part != COMMAND_PART:
        turn.take_up(COMMAND_PART)


def _undone(turn: Turn, ruled: AbstractSet[str], blame: Callable[..., None]) -> None:
    """What a ruled part belongs to ends. If leaving its node is a defect as well, that is ruled on
    as a part of its own, and the node is not left."""
    part = turn.part
    turn.take_up(f"{part}{LEAVING}")
    blame(leaving=turn.part not in ruled)
    turn.take_up(part)
    _settle(turn)


def _do(turn: Turn, record: Input, ruled: AbstractSet[str]) -> Answer:
    """Do the command, or say why not."""
    turn.tenant, turn.principal, turn.key = record.tenant, record.principal, record.key
    turn.command_id = record.command_id
    turn.refill()
    savepoint = turn.savepoint()
    command = record.command
    try:
        if record.fold_version > turn.state.fold_version:
            refuse(
                Code.VERSION_UNKNOWN,
                f"made under fold version {record.fold_version}; {turn.state.fold_version} is in"
                " force: send it again when all nodes are of the newer build",
            )
        if command is None:
            refuse(Code.MALFORMED, record.problem or "the record can not be read")
        kind = TYPE_OF[type(command)]
        if COMMAND_PART in ruled:
            wf_run_id = getattr(command, "wf_run_id", None) or record.key
            _undone(turn, ruled, partial(blame, turn, wf_run_id, DEFECT_MESSAGE))
            return _remember(turn, record, kind, Answer(Code.ENGINE_DEFECT, DEFECT_MESSAGE))
        check_permission(turn, command)
        known = _known_answer(turn, record, kind, command)
        if known is not None:
            return known
        _check(turn, record, kind)
        body = kind.handle(turn, command)
        _settle(turn)
        if kind.audited and not turn.repeated:
            audit(turn, command)
        answer = Answer(body=body, repeated=turn.repeated)
        return _remember(turn, record, kind, answer)
    except Reject as rejection:
        turn.rollback(savepoint)
        return _refused(turn, record, rejection)


def _settle(turn: Turn) -> None:
    """Visit the threads that were woken, and do what the partition has told itself, until there is
    nothing left of either.
    """
    while True:
        settle(turn)
        if turn.news:
            send_news(turn)
        if turn.claims:
            send_claims(turn)
        if turn.ends:
            start_runs(turn)
        if not turn.own_commands:
            return
        command: Any = turn.own_commands.pop(0)
        TYPE_OF[type(command)].handle(turn, command)


def _check(turn: Turn, record: Input, kind: CommandType) -> None:
    """What is refused before the command's own handler looks at it."""
    if record.not_after_ms is not None and turn.at_ms > record.not_after_ms:
        refuse(Code.EXPIRED, "it came to the log after its not_after")
    wf_run_id = kind.key(record.command) if kind.key is of_wf_run else None
    if kind.key is of_wf_run and is_being_deleted(turn, wf_run_id or record.key):
        refuse(Code.WF_RUN_DELETING, "the run is being deleted; ask again in a moment")
    if wf_run_id is not None:
        owner = partition_of_run(wf_run_id, turn.shard.partitions)
        if owner != turn.shard.partition:
            refuse(Code.WRONG_PARTITION, f"the run {wf_run_id!r} belongs on partition {owner}")
    decided_here = turn.shard.partition == DECIDING_PARTITION
    if kind.key is of_partition_0 and kind.sender is Sender.CLIENT and not decided_here:
        refuse(Code.WRONG_PARTITION, f"metadata is decided on partition {DECIDING_PARTITION}")
    if kind.sender is Sender.ENGINE and record.principal != ENGINE_PRINCIPAL:
        refuse(Code.FORBIDDEN, f"{kind.record.__name__} is a command of the engine's own")


def _known_answer(turn: Turn, record: Input, kind: CommandType, command: Command) -> Answer | None:
    """The first answer again, for a command that was remembered, or that its own rows know (R12).
    Where these know another one, it is its handler that refuses.
    """
    if record.command_id is not None and kind.repeats is Repeats.REMEMBERED:
        known = turn.rows.peek(CommandAnswer, record.tenant, record.command_id)
        if known is not None:
            if known.body_hash != request_hash(command):
                _refuse_reused(record)
            return replace(known.answer, repeated=True)
    first = None if kind.first is None else kind.first(turn, command)
    if first is None:
        return None
    if first.request_hash == request_hash(command):
        return _remember(turn, record, kind, Answer(body=first.body, repeated=True))
    if record.command_id is not None and first.id_hash == id_hash(record.command_id):
        _refuse_reused(record)
    return None


def _refuse_reused(record: Input) -> NoReturn:
    refuse(Code.COMMAND_ID_REUSED, f"command_id {record.command_id!r} was used for another command")


def _remember(turn: Turn, record: Input, kind: CommandType, answer: Answer) -> Answer:
    """Keep the answer for a window of log time, outside of what a refusal undoes (R5)."""
    if record.command_id is None or record.command is None:
        return answer
    if kind.repeats is not Repeats.REMEMBERED or answer.code in MENDED_BY_TIME:
        return answer
    body_hash = request_hash(record.command)
    expiry_ms = turn.state.log_time_ms + ANSWER_WINDOW_MS
    turn.rows.put(CommandAnswer(record.tenant, record.command_id, body_hash, answer))
    turn.rows.put(AnswerExpiry(expiry_ms, record.tenant, record.command_id))
    turn.state.oldest_answer_ms = min(turn.state.oldest_answer_ms, expiry_ms)
    return answer


def _refused(turn: Turn, record: Input, rejection: Reject) -> Answer:
    """Answer a refusal, tell it, and keep the bytes of what could not be read."""
    command, code, message = record.command, rejection.code, rejection.message
    if command is None:
        turn.outputs.append(DeadLetter(code, message))
        return Answer(code, message)
    kind = TYPE_OF[type(command)]
    turn.tell(
        record.key,
        CommandRefused(
            command=kind.record.__name__,
            command_id=record.command_id,
            code=code,
            message=message,
            at_ms=turn.at_ms,
            faults=tuple(fault.kind for fault in rejection.faults),
        ),
    )
    if code is Code.COMMAND_ID_REUSED or isinstance(rejection, Denied):
        return Answer(code, message)
    answer = Answer(code, message, faults=rejection.faults)
    return _remember(turn, record, kind, answer)


def _forget_answers(turn: Turn) -> None:
    """Forget a few answers whose window is over."""
    for forgotten, expiry in enumerate(turn.rows.scan(AnswerExpiry)):
        if expiry.log_time_ms > turn.state.log_time_ms or forgotten == ANSWERS_EXPIRED_PER_TURN_MAX:
            turn.state.oldest_answer_ms = expiry.log_time_ms
            return
        turn.rows.delete(CommandAnswer(expiry.tenant, expiry.command_id, b"", Answer()))
        turn.rows.delete(expiry)
    turn.state.oldest_answer_ms = NEVER_MS
