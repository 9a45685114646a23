"""Tenants: whose runs and definitions are kept apart, and how much each may ask of the cluster.

Rules
- A tenant needs no row: without one it has no quota. The row is the cluster's, as principals are.
- Rates are held where commands come in, by a clock: the fold has none. How many runs are live is
  held by the fold, which alone can count them.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from penstock.core.definitions.principals import EVERYWHERE
from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row, Rows


class Quota(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a tenant may ask for: commands that bring new work, and starts of runs, a second; and
    runs that have not ended. What is left out has no bound.
    """

    commands_per_second: int | None = None
    runs_per_second: int | None = None
    live_runs: int | None = None


NO_QUOTA: Final = Quota()


class Tenant(Row):
    """A tenant that somebody has put. `version` counts its changes."""

    KIND, SCOPE, KEY = b"T", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    version: int
    quota: Quota
    description: str
    created_ms: int
    updated_ms: int


def quota_of(rows: Rows, name: str) -> Quota:
    """What a tenant may ask for."""
    row = rows.peek(Tenant, EVERYWHERE, name)
    return NO_QUOTA if row is None else row.quota
