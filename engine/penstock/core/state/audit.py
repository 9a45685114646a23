"""The audit of a run: what operators did to it. The fold writes it after a command that says so,
and a bulk job after each of its verbs, so that no handler can forget it.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from penstock.core.limits import AUDIT_FIELD_BYTES_MAX
from penstock.core.state.facts import AuditEntry
from penstock.core.state.turn import Turn
from penstock.core.values.masking import MASK
from penstock.core.values.value import Value, encode_value


def audit(turn: Turn, command: msgspec.Struct) -> None:
    """Keep who did what, and what was asked for; a large value only by its size, a masked one (a
    handler says which in `turn.unaudited`) not at all.
    """
    fields = cast("dict[str, Any]", msgspec.to_builtins(command, builtin_types=(bytes,)))
    wf_run_id = fields.pop("wf_run_id")
    detail = {
        name: MASK if name in turn.unaudited else _short(value) for name, value in fields.items()
    }
    entry = AuditEntry(
        turn.tenant,
        wf_run_id,
        turn.offset,
        type(command).__name__,
        turn.principal,
        turn.at_ms,
        detail or None,
        turn.audited,
        turn.bulk_id,
    )
    turn.audited += 1
    turn.rows.put(entry)


def audit_refusal(
    turn: Turn, wf_run_id: str, verb: str, code: str, message: str, bulk_id: str | None
) -> None:
    """Keep that a verb, which went on after its command, could not be done."""
    audit_engine(turn, wf_run_id, f"{verb}:refused", {"refused": code, "message": message}, bulk_id)


def audit_engine(
    turn: Turn, wf_run_id: str, verb: str, detail: Value, bulk_id: str | None = None
) -> None:
    """Keep what the engine has done to a run by itself."""
    at = turn.offset, verb, "engine", turn.at_ms
    turn.rows.put(AuditEntry(turn.tenant, wf_run_id, *at, detail, turn.audited, bulk_id))
    turn.audited += 1


def _short(value: Value) -> Value:
    size = len(encode_value(value))
    return value if size <= AUDIT_FIELD_BYTES_MAX else {"bytes": size}
