"""ENTRYPOINT: where a thread begins. It is complete at once.

From here on the thread is interrupted by the events that it names, under the keys that it names.
"""

from penstock.core.definitions.nodes import EntrypointNode
from penstock.core.flow.at import At
from penstock.core.flow.correlation import key_of, mark_thread
from penstock.core.flow.node import NodeType
from penstock.core.flow.outcomes import Done, Outcome


def arrive(at: At) -> Outcome:
    """Say under which keys events interrupt the thread, and go on."""
    keys = {
        event_def: key_of(at, key, f"key of interrupt {event_def!r}")
        for event_def, key in sorted(at.thread_spec.interrupt_keys.items())
    }
    at.thread.interrupt_keys = keys
    mark_thread(at)
    return Done()


NODE = NodeType("ENTRYPOINT", EntrypointNode, arrive, gives=False, begins=True)
