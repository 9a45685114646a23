"""Applications, and addresses that take nothing any more, as JSON."""

from __future__ import annotations

from penstock.core.definitions.defs import Application, GoneAddress
from penstock.gateway.render import Json, time_text


def application(row: Application, disabled: GoneAddress | None) -> Json:
    """An application, and why nothing is posted to it any more, if that is so."""
    return {
        "name": row.name,
        "version": row.version,
        "webhook_url": row.webhook_url,
        "description": row.description,
        "created_at": time_text(row.created_ms),
        "updated_at": time_text(row.updated_ms),
        "disabled": None if disabled is None else gone_address(disabled),
    }


def gone_address(row: GoneAddress) -> Json:
    """An address that takes nothing any more, and which run was told so."""
    return {
        "name": row.name,
        "address": row.address,
        "since": time_text(row.since_ms),
        "reason": {"name": row.failure, "message": row.message},
        "wf_run_id": row.heard_by,
        "task_def": row.task_def,
    }
