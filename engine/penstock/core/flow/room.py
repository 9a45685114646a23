"""Room for threads: how many a run may have, and how deep they may stand below each other. A thread
sees the variables of all above it, so the depth is what looking for one may cost.
"""

from __future__ import annotations

from msgspec.structs import replace

from penstock.core.limits import THREAD_DEPTH_MAX, THREADS_PER_RUN_MAX
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.run import ThreadRun, WfRun


def no_room(run: WfRun, above: ThreadRun, count: int = 1) -> Failure | None:
    """Why no more threads can begin below this one; None if they can."""
    if run.threads + count > THREADS_PER_RUN_MAX:
        message = f"a run may have {THREADS_PER_RUN_MAX} threads, and it has had {run.threads}"
        return Failure(FailureName.LIMIT, message)
    if above.depth >= THREAD_DEPTH_MAX:
        message = f"threads may stand {THREAD_DEPTH_MAX} deep below each other"
        return Failure(FailureName.LIMIT, message)
    return None


def unhandled(failure: Failure, why: Failure) -> Failure:
    """A failure whose handler can not begin: it stays what it is, and says why."""
    message = f"{failure.message} (its handler was not started: {why.message})"
    return replace(failure, message=message)
