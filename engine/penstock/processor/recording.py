"""A recording: all that a fold of one family of runs needs, taken out of the log, so that it can be
folded again anywhere.

It has the definitions that were used, and the turns that touched the family: when, by which clocks,
and with which command. A command that was denied touched nothing, so none such is in it; those that
are were allowed, and are so again where there are no principals: nobody's grants are written down.

What other runs did is not in it. So a run whose way hung on what it shares with others (a limit, a
breaker) may fold differently; whoever makes a recording compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct, structs

from penstock.core.command import Command
from penstock.core.commands import TYPE_OF
from penstock.core.commands.put_correlated_event import PutCorrelatedEvent
from penstock.core.definitions.metadata import DEFINITIONS
from penstock.core.definitions.principals import ApiKey, Principal
from penstock.core.definitions.quotas import Quota
from penstock.core.definitions.tenants import Tenant
from penstock.core.errors import Code, refuse
from penstock.core.fold import Input, Origin
from penstock.core.ids import root_of
from penstock.core.limits import FOLD_VERSION
from penstock.core.state.rows import Row
from penstock.processor.past import AsOf, Past, Step, Until
from penstock.processor.past_records import PastUnknown
from penstock.store.turns import Clocks

R = TypeVar("R", bound=Row)
Json = dict[str, Any]

TURNS_RECORDED_MAX: Final = 2_000
_COMMANDS: Final = {kind.__name__: kind for kind in TYPE_OF}


class Turned(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A turn: where its record stands, the clocks as it saw them, and its command; None if only
    timers fired that concern the family.
    """

    offset: int
    append_ms: int
    log_time_ms: int
    awake_ms: int
    fold_version: int = FOLD_VERSION
    key: str = ""
    command_id: str | None = None
    principal: str = ""
    not_after_ms: int | None = None
    origin: Origin | None = None
    ruled: tuple[str, ...] = ()
    command: Command | None = None

    @property
    def clocks(self) -> Clocks:
        """The clocks of the partition in this turn."""
        return Clocks(self.fold_version, self.append_ms, self.log_time_ms, self.awake_ms)


class Defined(Struct, frozen=True):
    """A definition, and the offset from which on it was so (-1: before the first turn)."""

    since: int
    row: Row


class Recording(Struct, frozen=True):
    """Of a family of runs; `wf_run_id` is the run that was asked for. `until_ms` is what time it
    was on the log when the recording was made.
    """

    tenant: str
    wf_run_id: str
    partition: int
    partitions: int
    until_ms: int
    definitions: tuple[Defined, ...]
    turns: tuple[Turned, ...]


def record(past: Past, tenant: str, wf_run_id: str) -> tuple[Recording, AsOf]:
    """The recording of a run's family, with all definitions that its fold may have seen, and the
    rows as they are. Raises PastUnknown, and Reject if there is none.
    """
    turns: list[Turned] = []
    defined: dict[bytes, list[Defined]] = {}

    def step(one: Step) -> None:
        for row in one.definitions:
            if isinstance(row, Principal | ApiKey | Tenant | Quota):
                continue
            since = one.offset if turns else -1
            known = defined.setdefault(row.own_key(), [])
            if known and since < 0:
                known.pop()
            known.append(Defined(since, row))
        command = None if one.received is None else one.received.command
        if one.ours or isinstance(command, PutCorrelatedEvent):
            turns.append(_turned(one, root_of(wf_run_id)))
        if len(turns) > TURNS_RECORDED_MAX:
            raise PastUnknown(
                f"more than {TURNS_RECORDED_MAX} turns touched the run {root_of(wf_run_id)!r}, or"
                " one below it: too many to be written down"
            )

    found = past.as_of(tenant, wf_run_id, Until(), step)
    if not turns:
        refuse(Code.WF_RUN_UNKNOWN, f"there is no WfRun {wf_run_id!r}")
    rows = tuple(one for many in defined.values() for one in many)
    shard, until_ms = past.shard, past.newest_ms(found)
    head = tenant, wf_run_id, shard.partition, shard.partitions, until_ms
    return Recording(*head, rows, tuple(turns)), found


def _turned(step: Step, root: str) -> Turned:
    """A turn as it is written down. A command to another run, which gave this one a place, say, is
    not.
    """
    version, append_ms, log_time_ms, awake_ms = step.clocks
    clocks: Json = {
        "offset": step.offset,
        "append_ms": append_ms,
        "log_time_ms": log_time_ms,
        "awake_ms": awake_ms,
        "fold_version": version,
        "ruled": tuple(sorted(step.ruled)),
    }
    received = step.received
    if received is None or received.command is None:
        return Turned(**clocks)
    command: Any = received.command
    of = getattr(command, "parent", None) or getattr(command, "wf_run_id", None)
    if of is not None and root_of(of) != root:
        return Turned(**clocks)
    told = ("key", "command_id", "principal", "not_after_ms", "origin", "command")
    return Turned(**clocks, **{name: getattr(received, name) for name in told})


def input_of(turned: Turned, tenant: str) -> Input:
    """The record again, as the fold takes it."""
    return Input(
        offset=turned.offset,
        append_ms=turned.append_ms,
        key=turned.key,
        command_id=turned.command_id,
        fold_version=turned.fold_version,
        origin=turned.origin,
        tenant=tenant,
        principal=turned.principal,
        not_after_ms=turned.not_after_ms,
        command=turned.command,
    )


# As JSON.


def as_json(recording: Recording) -> Json:
    """A recording as plain values. A clock is left out where it has gone on as the one before."""
    told: Json = {name: getattr(recording, name) for name in _HEAD}
    told["definitions"] = [_definition_as_json(one) for one in recording.definitions]
    told["turns"] = list(_turns_as_json(recording.turns))
    return told


_HEAD: Final = ("tenant", "wf_run_id", "partition", "partitions", "until_ms")


def _definition_as_json(defined: Defined) -> Json:
    row = defined.row
    told: Json = {"defines": type(row).__name__}
    if defined.since >= 0:
        told["since"] = defined.since
    for field in structs.fields(type(row)):
        value = getattr(row, field.name)
        if field.name != "tenant" and (field.required or value != field.default):
            told[field.name] = msgspec.to_builtins(value)
    return told


def _turns_as_json(turns: tuple[Turned, ...]) -> Iterator[Json]:
    before: Turned | None = None
    for one in turns:
        told: Json = {"offset": one.offset, "append_ms": one.append_ms}
        if before is None or _passed(before, one) != (one.log_time_ms, one.awake_ms):
            told |= {"log_time_ms": one.log_time_ms, "awake_ms": one.awake_ms}
        rest = msgspec.to_builtins(structs.replace(one, command=None))
        told |= {name: value for name, value in rest.items() if name not in _CLOCKS}
        if one.command is not None:
            told["command"] = type(one.command).__name__
            told["fields"] = msgspec.to_builtins(one.command)
        yield told
        before = one


_CLOCKS: Final = frozenset({"offset", "append_ms", "log_time_ms", "awake_ms"})


def _passed(before: Turned, one: Turned) -> tuple[int, int]:
    """The clocks, if time has passed as it does."""
    passed_ms = max(0, one.append_ms - before.append_ms)
    return before.log_time_ms + passed_ms, before.awake_ms + passed_ms


def of_json(told: Json) -> Recording:
    """The recording again. Raises msgspec.ValidationError for what is none."""
    try:
        definitions = tuple(_definition_of_json(one, told["tenant"]) for one in told["definitions"])
        turns: list[Turned] = []
        for one in told["turns"]:
            turns.append(_turn_of_json(one, turns[-1] if turns else None))
        head = {name: told[name] for name in _HEAD}
        return Recording(**head, definitions=definitions, turns=tuple(turns))
    except (KeyError, TypeError, AttributeError) as error:
        raise msgspec.ValidationError(f"this is no recording of a run: {error!r}") from error


def _definition_of_json(told: Json, tenant: str) -> Defined:
    kind = DEFINITIONS[told["defines"]]
    fields: Json = {"tenant": tenant}
    for field in structs.fields(kind):
        if field.name in told:
            fields[field.name] = msgspec.convert(told[field.name], field.type)
    return Defined(told.get("since", -1), kind(**fields))


def _turn_of_json(told: Json, before: Turned | None) -> Turned:
    fields = {name: value for name, value in told.items() if name not in ("command", "fields")}
    if "log_time_ms" not in fields and before is not None:
        now = msgspec.convert({**fields, "log_time_ms": 0, "awake_ms": 0}, Turned)
        fields["log_time_ms"], fields["awake_ms"] = _passed(before, now)
    made = msgspec.convert(fields, Turned)
    if "command" not in told:
        return made
    command = msgspec.convert(told["fields"], _COMMANDS[told["command"]])
    return structs.replace(made, command=command)
