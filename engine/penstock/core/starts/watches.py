"""What the newest version of a spec watches, as rows that are looked up when a run ends. Each
partition derives them, in the turn in which it learns which version is the newest.
"""

from __future__ import annotations

from penstock.core.definitions.wf_spec import LatestWfSpec, WfSpec
from penstock.core.state.start_rows import StartWatch, WatchCount
from penstock.core.state.turn import Turn


def watch(turn: Turn, before: LatestWfSpec | None, now: LatestWfSpec) -> None:
    """Another version is the newest, or none is any more."""
    known, wanted = _watched(turn, before), _watched(turn, now)
    for key in sorted(known - wanted):
        turn.rows.delete(StartWatch(now.tenant, key, now.name))
        _count(turn, now.tenant, key, -1)
    for key in sorted(wanted - known):
        turn.rows.put(StartWatch(now.tenant, key, now.name))
        _count(turn, now.tenant, key, 1)
    turn.state.watches += len(wanted) - len(known)


def _count(turn: Turn, tenant: str, key: str, more: int) -> None:
    row = turn.rows.get(WatchCount, tenant, key) or WatchCount(tenant, key)
    row.count += more
    if row.count:
        turn.rows.put(row)
    else:
        turn.rows.delete(row)


def _watched(turn: Turn, latest: LatestWfSpec | None) -> set[str]:
    if latest is None or not latest.version:
        return set()
    spec = turn.rows.peek(WfSpec, latest.tenant, latest.name, latest.version)
    return set() if spec is None else {start.watched for start in spec.body.starts}
