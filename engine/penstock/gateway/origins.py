"""What a run has come from, as JSON."""

from __future__ import annotations

from typing import Any

from penstock.core.state.replay_rows import ReplayOf
from penstock.core.state.start_rows import StartedBy

Json = dict[str, Any]


def started_by(of: StartedBy) -> Json:
    """The end of another run by which one was started."""
    return {
        "wf_run_id": of.wf_run_id,
        "wf_spec": of.wf_spec,
        "version": of.version,
        "state": of.state,
        "start": of.start,
        "depth": of.depth,
    }


def replay(of: ReplayOf) -> Json:
    """Of which run another one is a replay."""
    return {
        "replay_of": of.of,
        "original": of.original,
        "attempt": of.attempt,
        "thread": of.thread,
        "position": of.position,
    }
