"""Leaving a node run that waits: whatever the reason, its timer and its waiters go."""

from penstock.core.flow.at import At
from penstock.core.flow.node_timer import drop_node_timer
from penstock.core.nodes import TYPE_OF
from penstock.core.state.transitions import NodeStatus


def leave(at: At) -> None:
    """Undo what the current node has set up to wait; doing it twice changes nothing, nor does it
    for a node that was not asked yet.
    """
    if at.node_run.status is NodeStatus.STARTING:
        return
    drop_node_timer(at)
    TYPE_OF[type(at.config)].leave(at)
