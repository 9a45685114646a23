"""Which version of its WfSpec a thread follows. All threads of a run follow the run's, but while it
is migrated, and but for those that had ended well before: they stay what they were.
"""

from __future__ import annotations

from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.state.rows import Rows
from penstock.core.state.run import ThreadRun, WfRun


def version_of(run: WfRun, thread: ThreadRun) -> int:
    """The version that the thread follows."""
    return thread.version or run.version


def spec_of(rows: Rows, run: WfRun, thread: ThreadRun) -> WfSpec:
    """The WfSpec in the version that the thread follows."""
    spec = rows.peek(WfSpec, run.tenant, run.wf_spec, version_of(run, thread))
    assert spec is not None, "a run's WfSpec stays while the run does"
    return spec


def followed_at(run: WfRun, thread: ThreadRun, position: int) -> tuple[int, str]:
    """The version that the thread followed at a position, and its name there."""
    for former in thread.formers:
        if position < former.until:
            return former.version, former.thread_spec
    return version_of(run, thread), thread.thread_spec
