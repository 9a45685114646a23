"""Tenants: whose runs and definitions are kept apart.

A tenant needs no row: it is there as soon as somebody uses its name. The row, which says what it is
for, is the cluster's, as principals are. How much it may ask for is its quota (quotas.py).
"""

from __future__ import annotations

from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row


class Tenant(Row):
    """A tenant that somebody has put. `version` counts its changes."""

    KIND, SCOPE, KEY = b"T", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    version: int
    description: str
    created_ms: int
    updated_ms: int
