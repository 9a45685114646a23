"""A limit on how many runs of a spec are at work: what it counts by is there when a run begins."""

from __future__ import annotations

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.nodes import TYPE_OF
from penstock.core.registration.data_flow import check_before_nodes, check_division, check_names
from penstock.core.values.types import ValueType


def check_limit(check: NodeCheck) -> None:
    """Who is refused a place ends, and nothing handles that."""
    limit = check.body.limit
    if limit is None:
        return
    check.stand_at(check.body.entrypoint)
    kinds = ((TYPE_OF[type(config)], config) for config in check.thread.nodes.values())
    if any(kind.begins and config.handlers for kind, config in kinds):
        check.fault(
            FaultKind.LIMIT_HANDLED,
            "a run without a place ends; remove the handlers of its ENTRYPOINT",
        )
    if limit.key is not None:
        what = "key of the limit"
        check.expression(limit.key, f"{what}: ")
        check_names(check, limit.key, f"{what}: ")
        check_division(check, limit.key, f"{what}: ")
        check.fits(limit.key, ValueType.STR, what)
        check_before_nodes(check, limit.key, what)
