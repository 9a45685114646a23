"""Quotas: how much a tenant, or a principal in a tenant, may ask of the cluster.

Rules
- Who has no quota has no bound. A principal's quota stands beside its tenant's: both hold.
- Quotas are the cluster's, as tenants are: who is bounded by one does not put it.
- Rates are held where commands come in, by a clock: the fold has none. How many runs are live is
  held by the fold, which alone can count them (flow/counts.py).
"""

from __future__ import annotations

from typing import Final

from penstock.core.definitions.principals import (
    ANONYMOUS,
    EVERYWHERE,
    WEBHOOK,
    is_principal_name,
)
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_kebab
from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row, Rows

ALL_OF_IT: Final = ""
"""Stands where a principal would: the quota, or the count, is of the tenant as a whole."""

SENDERS_WITHOUT_NAME: Final = frozenset({ANONYMOUS, WEBHOOK})
"""They are nobody's, and can be bounded all the same."""


class Quota(Row):
    """What a tenant, or one of its principals, may ask for: commands that bring new work, and
    starts of runs, a second; and runs that have not ended. What is None has no bound. `version`
    counts its changes.
    """

    KIND, SCOPE, KEY = b"q", Scope.DEFINITION, ("tenant", "of_tenant", "of_principal")

    tenant: str
    of_tenant: str
    of_principal: str
    version: int
    commands_per_second: int | None
    runs_per_second: int | None
    live_runs: int | None
    created_ms: int
    updated_ms: int


BOUNDS: Final = ("commands_per_second", "runs_per_second", "live_runs")


def quota_of(rows: Rows, tenant: str, principal: str = ALL_OF_IT) -> Quota | None:
    """What was said of a tenant, or of a principal in it."""
    return rows.peek(Quota, EVERYWHERE, tenant, principal)


def whose(tenant: str, principal: str | None) -> str:
    """Whose quota it is, for people."""
    of = f"tenant {tenant[:80]!r}"
    return f"principal {principal[:128]!r} in {of}" if principal else of


def check_whose(tenant: str, principal: str | None) -> None:
    """Refuse what can have no quota."""
    check_kebab("tenant", tenant)
    if principal is None or principal in SENDERS_WITHOUT_NAME or is_principal_name(principal):
        return
    refuse(
        Code.BAD_NAME,
        f"{principal[:128]!r} is no principal: a name, or one of"
        f" {', '.join(sorted(SENDERS_WITHOUT_NAME))}",
    )
