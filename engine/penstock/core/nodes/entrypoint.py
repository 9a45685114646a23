"""ENTRYPOINT: where a thread begins. It is complete at once, unless it is a run's and the spec says
how many runs may be at work at once: then it waits until the run has a place.

From here on the thread is interrupted by the events that it names, under the keys that it names;
while its run has no place, they have to wait.
"""

from penstock.core.definitions.nodes import EntrypointNode
from penstock.core.flow.at import At
from penstock.core.flow.correlation import key_of, mark_thread
from penstock.core.flow.given import give, given_expressions, gives_something
from penstock.core.flow.node import NodeType
from penstock.core.flow.outcomes import WAIT, Failed, Outcome
from penstock.core.flow.places import ask, give_back
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.place_rows import PlaceStatus
from penstock.core.state.run import ThreadKind

WHOLE_SPEC = ""
"""The key of a limit that has none: all runs of the spec are counted together."""


def arrive(at: At) -> Outcome:
    """Say under which keys events interrupt the thread, ask for a place, and go on."""
    keys = {
        event_def: key_of(at, key, f"key of interrupt {event_def!r}")
        for event_def, key in sorted(at.thread_spec.interrupt_keys.items())
    }
    limit = at.spec.body.limit if at.thread.kind is ThreadKind.ENTRYPOINT else None
    if limit is not None and not _has_place(at):
        key = WHOLE_SPEC if limit.key is None else key_of(at, limit.key, "key of the limit")
        ask(at.turn, at.run, key)
    at.thread.interrupt_keys = keys
    mark_thread(at)
    return give(at) if limit is None else look(at)


def look(at: At) -> Outcome:
    """What the limit's partition has said. Who was stopped meanwhile stands behind the others."""
    place = at.run.place
    assert place is not None, "it was asked for"
    if place.status is PlaceStatus.REFUSED:
        message = f"as many runs of {at.run.wf_spec!r} as may be are at work"
        return Failed(Failure(FailureName.LIMIT, message))
    if place.status is PlaceStatus.WITHDRAWN:
        ask(at.turn, at.run, place.limit_key)
    return give(at) if _has_place(at) else WAIT


def halt(at: At) -> bool:
    """A run that is stopped keeps nobody waiting in the queue."""
    if at.thread.kind is ThreadKind.ENTRYPOINT and at.run.held:
        give_back(at.turn, at.run)
    return True


def _has_place(at: At) -> bool:
    return at.run.place is not None and at.run.place.status is PlaceStatus.GRANTED


NODE = NodeType(
    "ENTRYPOINT",
    EntrypointNode,
    arrive,
    look=look,
    halt=halt,
    expressions=given_expressions,
    gives=gives_something,
    begins=True,
)
