"""Warnings: something went on, but not as it should. A failure that is allowed, a task that says
so, a child that is warned: each warns the node run that sees it, its thread, and if that is the
entrypoint, the run. What has been warned stays so, whatever an operator does later.
"""

from __future__ import annotations

from penstock.core.flow.at import At
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.flow.waits import take_notice
from penstock.core.state.run import ThreadRun


def warn(at: At) -> None:
    """The current node run has a warning, and so has its thread, unless the node allows it."""
    if not at.config.allow_warning:
        at.node_run.warned = True
        warn_thread(at)


def notice(at: At, ended: ThreadRun) -> None:
    """The current node run, which waits for threads, has seen how one has ended: its failure or its
    warning is not left to its parent, and a warning is one here.
    """
    take_notice(at, ended)
    if ended.warned:
        warn(at)


def warn_thread(at: At) -> None:
    """The thread has a warning that no node of it can answer for."""
    at.thread.warned = True
    if at.thread.number == ENTRYPOINT_NUMBER:
        at.run.warned = True
