"""Bulk: has one verb done to all runs that a filter names. It answers at once; every partition goes
over its runs in chunks, and says how far it has come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from penstock.core.bulk.filters import check_filter
from penstock.core.bulk.jobs import begin_job
from penstock.core.bulk.rows import BulkFilter, BulkJob
from penstock.core.bulk.tasks_in_backoff import next_task_in_backoff
from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands import (
    change_wf_run_state,
    delete_wf_run,
    force_wf_run,
    kill_wf_run,
    migrate_wf_run,
    pause_wf_run,
    replay_wf_run,
    rescue_thread_run,
    restart_wf_run,
    resume_wf_run,
    retry_now,
    set_labels,
    stop_wf_run,
)
from penstock.core.commands.begin_bulk_part import BeginBulkPart
from penstock.core.errors import Code, refuse
from penstock.core.flow.labels import check_labels
from penstock.core.ids import derive_guid, partition_of_run
from penstock.core.limits import BULK_ARGUMENTS_BYTES_MAX, BULK_BYTES_MAX
from penstock.core.state.first_answer import FirstAnswer, id_hash, request_hash
from penstock.core.state.turn import Turn
from penstock.core.values.masking import MASK
from penstock.core.values.value import Value, encode_value, value_bytes


class Bulk(Command, frozen=True):
    """Which runs, which verb (a name in `VERBS`), and what else its command says: its fields, but
    for the run's id. A `dry_run` only counts the runs that the filter names.

    Its id is derived from the command id, so that the same request again is the same job, as long
    as that is kept.
    """

    filter: BulkFilter
    verb: str
    arguments: dict[str, Value] = {}
    dry_run: bool = False


Target = tuple[dict[str, Value] | None, int | None]
"""What names a part of a run (None: nothing here), and from where to look for the next one."""


def _whole_run(turn: Turn, wf_run_id: str, first: int) -> Target:
    return {}, None


@dataclass(frozen=True, slots=True)
class BulkVerb:
    """A verb: the command that is done to each run. One that `starts` runs, or has them begin anew,
    goes by the tenant's rate of starts. Where its command is about a part of a run,
    `target` finds the parts, one after the other. What the arguments in `hidden` say is not kept
    with the job, since parts of it may be masked, and only the parts of the job need it.
    """

    kind: CommandType
    hidden: tuple[str, ...] = ()
    target: Callable[[Turn, str, int], Target] = _whole_run
    named: tuple[str, ...] = ("wf_run_id",)  # the fields that say to what it is done
    starts: bool = False


VERBS: Final[dict[str, BulkVerb]] = {
    "stop": BulkVerb(stop_wf_run.COMMAND),
    "resume": BulkVerb(resume_wf_run.COMMAND, hidden=("content",)),
    "pause": BulkVerb(pause_wf_run.COMMAND),
    "kill": BulkVerb(kill_wf_run.COMMAND),
    "restart": BulkVerb(restart_wf_run.COMMAND, starts=True),
    "rescue": BulkVerb(rescue_thread_run.COMMAND),
    "migrate": BulkVerb(migrate_wf_run.COMMAND, hidden=("variables",)),
    "replay": BulkVerb(replay_wf_run.COMMAND, starts=True),
    "delete": BulkVerb(delete_wf_run.COMMAND),
    "set-labels": BulkVerb(set_labels.COMMAND),
    "force": BulkVerb(force_wf_run.COMMAND),
    "change-run-state": BulkVerb(change_wf_run_state.COMMAND),
    "retry-now": BulkVerb(
        retry_now.COMMAND, target=next_task_in_backoff, named=("wf_run_id", "guid")
    ),
}
"""By the names that the verbs have in routes."""


def command_for(verb: BulkVerb, arguments: dict[str, Value], **named: Value) -> Command:
    """The verb's command; raises msgspec.ValidationError where the arguments are not its fields."""
    return msgspec.convert({**arguments, **named}, verb.kind.record)


def handle(turn: Turn, command: Bulk) -> Value:
    """Keep the job, and have every partition begin its part."""
    bulk_id = _id_of(turn)
    _check(turn, command)
    parts = _parts(turn, command, bulk_id)
    job = BulkJob(
        turn.tenant,
        bulk_id,
        request_hash(command),
        turn.at_ms,
        turn.principal,
        command.filter,
        command.verb,
        _kept(command),
        command.dry_run,
    )
    begin_job(turn, job, len(parts))
    for number, part in sorted(parts.items()):
        turn.send(number, part)
    return {"bulk_id": bulk_id}


def first(turn: Turn, _: Bulk) -> FirstAnswer | None:
    """What was answered when the job was made: it is known for longer than answers are."""
    known = turn.rows.peek(BulkJob, turn.tenant, _id_of(turn))
    of_job = id_hash(turn.command_id)
    return known and FirstAnswer(known.request_hash, of_job, {"bulk_id": known.bulk_id})


def _kept(command: Bulk) -> dict[str, Value]:
    """The arguments as they may be shown: the job itself does nothing with them."""
    hidden = VERBS[command.verb].hidden
    return {name: MASK if name in hidden else told for name, told in command.arguments.items()}


def _id_of(turn: Turn) -> str:
    if turn.command_id is None:
        return derive_guid("bulk-at", turn.shard.partition, turn.offset)
    return derive_guid("bulk", turn.tenant, turn.command_id)


def _check(turn: Turn, command: Bulk) -> None:
    """What can be seen to be wrong is refused now, not at each run."""
    check_filter(turn.rows, turn.tenant, command.filter)
    check_labels(command.filter.labels)
    size = len(encode_value(command))
    if size > BULK_BYTES_MAX or value_bytes(command.arguments) > BULK_ARGUMENTS_BYTES_MAX:
        refuse(
            Code.TOO_LARGE,
            f"a bulk job of {size} bytes: it may have {BULK_BYTES_MAX}, of which"
            f" {BULK_ARGUMENTS_BYTES_MAX} are for its arguments; make several of it",
        )
    verb = VERBS.get(command.verb)
    if verb is None:
        names = ", ".join(sorted(VERBS))
        refuse(Code.VERB_UNKNOWN, f"there is no verb {command.verb[:40]!r} for many runs: {names}")
    named = dict.fromkeys(verb.named, "x")
    if not named.keys().isdisjoint(command.arguments):
        refuse(Code.BAD_VALUE, f"arguments: {', '.join(verb.named)} are the job's to say")
    try:
        command_for(verb, command.arguments, **named)
    except msgspec.ValidationError as problem:
        refuse(Code.BAD_VALUE, f"arguments of {command.verb}: {problem}")


def _parts(turn: Turn, command: Bulk, bulk_id: str) -> dict[int, BeginBulkPart]:
    """What each partition is told; where runs are named, only those that have some, and of these
    only their own.
    """
    wanted, count = command.filter, turn.shard.partitions
    ids_of: dict[int, tuple[str, ...]] = {}
    if wanted.wf_run_ids:
        for wf_run_id in sorted(set(wanted.wf_run_ids)):
            number = partition_of_run(wf_run_id, count)
            ids_of[number] = (*ids_of.get(number, ()), wf_run_id)
    else:
        ids_of = dict.fromkeys(range(count), ())
    return {
        number: BeginBulkPart(
            bulk_id=bulk_id,
            asked_ms=turn.at_ms,
            asked_by=turn.principal,
            filter=msgspec.structs.replace(wanted, wf_run_ids=ids),
            verb=command.verb,
            arguments=command.arguments,
            dry_run=command.dry_run,
        )
        for number, ids in ids_of.items()
    }


COMMAND = CommandType(Bulk, handle, of_partition_0, first=first)
