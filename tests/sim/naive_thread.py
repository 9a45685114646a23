"""Data of the naive model: runs, threads, tasks and waits. Plain values and no behaviour but what
can be read off them. Statuses are the texts of the wire.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from tests.sim.naive_values import Json

LIVE: Final = ("RUNNING", "HALTING", "HALTED")
IN_FLIGHT: Final = ("TASK_SCHEDULED", "TASK_RUNNING")
OWN_REASONS: Final = {"PENDING_FAILURE", "HANDLING_FAILURE", "PENDING_INTERRUPT", "INTERRUPTED"}
TECHNICAL: Final = {
    *("TASK_FAILURE", "TIMEOUT", "TASK_CANCELLED", "USER_TASK_CANCELLED", "CHILD_FAILURE"),
    *("VAR_SUB_ERROR", "VAR_MUTATION_ERROR", "KILLED"),
}
VAR_ERRORS: Final = ("VAR_SUB_ERROR", "VAR_MUTATION_ERROR")


class Refused(Exception):
    """A command is refused with this code."""


@dataclass
class Failure:
    """A name, and what it carries."""

    name: str
    content: Any = None

    @property
    def status(self) -> str:
        """What it makes of who fails with it."""
        return "ERROR" if self.name in TECHNICAL else "EXCEPTION"

    def from_above(self) -> Failure:
        """What it is to who waited for the one that failed."""
        return Failure("CHILD_FAILURE") if self.name in TECHNICAL else self

    def is_for(self, handler: Json) -> bool:
        """Whether a handler is for it."""
        if self.name == "KILLED":
            return False
        match handler.get("failure"):
            case None:
                return True
            case "ERROR" | "EXCEPTION" as group:
                return self.status == group
            case "VAR_ERROR":
                return self.name in VAR_ERRORS
            case name:
                return self.name == name


@dataclass
class Task:
    """The work of a TASK node."""

    status: str = "TASK_SCHEDULED"
    attempt: int = 1
    worker: str = ""
    due_ms: int | None = None  # of the time-out, or of the backoff
    failure: Failure | None = None
    output: Any = None
    warning: bool = False
    stopping: bool = False  # its worker has been asked to stop


@dataclass
class Form:
    """The work of a USER_TASK node."""

    user: str | None
    group: str | None
    results: Json = field(default_factory=dict)
    ended: str | None = None

    @property
    def live(self) -> bool:
        """Whether it can be worked at."""
        return self.ended is None

    @property
    def status(self) -> str:
        """It is its user's, or else its group's, until it ends."""
        return self.ended or ("UNASSIGNED" if self.user is None else "ASSIGNED")


@dataclass
class Wait:
    """What a WAIT_FOR_THREADS has seen so far, or a RUN_THREADS, of which not every element has a
    thread yet.
    """

    threads: list[int]
    position: int = -1  # of the visit that waits
    ends: dict[int, str] = field(
        default_factory=dict
    )  # by child: good, bad, late or handler's number
    handlers: dict[int, int] = field(default_factory=dict)  # handler -> child
    failure: Failure | None = None
    elements: list[tuple[str, Json]] = field(default_factory=list)  # (thread, what it is given)
    begun: dict[int, int] = field(default_factory=dict)  # element -> thread
    each: dict[int, int] = field(default_factory=dict)  # as these, with those of visits before
    settled: set[int] = field(default_factory=set)  # children that were not needed, or done again

    def handler_of(self, child: int) -> int | None:
        """The thread that has had its failure to handle."""
        return next((handler for handler, one in self.handlers.items() if one == child), None)

    def ends_well(self, child: Thread) -> bool:
        """Whether a child has, or its failure is handled."""
        end = self.ends.get(child.number)
        return end == "good" or (end == "late" and child.status == "COMPLETED")

    def count(self, how: str) -> int:
        """How many have ended so."""
        return list(self.ends.values()).count(how)

    def decided_by(self, strategy: str) -> bool:
        """Whether what has been seen decides it; a RUN_THREADS sees to the end of all."""
        if strategy == "RUN_THREADS":
            return False
        good, bad = self.count("good"), self.count("bad")
        first = {"WAIT_FOR_ALL": bad, "WAIT_FOR_FIRST": good + bad, "WAIT_FOR_ANY": good}
        return first[strategy] > 0 or good + bad == len(self.threads)


@dataclass
class Thread:
    """A thread, and what it is at."""

    run: Run
    number: int
    kind: str
    blueprint: Json
    variables: Json
    parent: Thread | None = None
    holder: Thread | None = None
    status: str = "RUNNING"
    reasons: list[str] = field(default_factory=list)  # its own; what its holder asks is no row
    failure: Failure | None = None
    output: Any = None
    nodes: list[list[str]] = field(default_factory=list)  # [name, status], in order
    node_failure: Failure | None = None
    node_output: Any = None
    handled_at: set[int] = field(default_factory=set)  # positions of nodes
    handler: Thread | None = None
    interrupts: list[tuple[str, Any]] = field(default_factory=list)  # (thread, content)
    noticed: bool = False  # somebody has looked at its failure or warning, or nobody needs it
    warned: bool = False
    warned_at: set[int] = field(default_factory=set)  # positions of nodes
    skipped_at: set[int] = field(default_factory=set)
    end: int | None = None  # which of the run's ends its own was; being lost is one
    tasks: dict[int, Task] = field(default_factory=dict)  # by the position of their node
    forms: dict[int, Form] = field(default_factory=dict)  # as tasks
    outputs: Json = field(default_factory=dict)  # the newest of each node
    due_ms: int | None = None  # of the node's own timer
    arrival: int = 0  # when it came to its node, in the order of all
    wait: Wait | None = None
    before: Wait | None = None  # of the visit that this one begins anew
    retries: int | None = None  # the position of that
    awaited_by: Wait | None = None  # of its holder
    child_run: str = ""  # that the node waits for
    dying: bool = False

    @property
    def node(self) -> Json:
        """What the spec says of the current node."""
        return self.blueprint["nodes"][self.nodes[-1][0]]

    @property
    def task(self) -> Task | None:
        """The task of the current node."""
        return self.tasks.get(len(self.nodes) - 1)

    @property
    def form(self) -> Form | None:
        """The user task of the current node."""
        return self.forms.get(len(self.nodes) - 1)

    def warn(self) -> None:
        """The current node has a warning, and so has the thread, unless the node allows it."""
        if not self.node.get("allow_warning"):
            self.warned_at.add(len(self.nodes) - 1)
            self.warned = True

    def allows(self) -> bool:
        """Whether the node may fail, with what nobody has dealt with; then it is a warning."""
        if not self.node.get("allow_failure"):
            return False
        self.handled_at.add(len(self.nodes) - 1)
        self.outputs[self.nodes[-1][0]] = self.node_output
        self.warn()
        return True

    @property
    def handled(self) -> bool:
        """Whether the failure of the current node was handled."""
        return len(self.nodes) - 1 in self.handled_at

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.status in LIVE

    @property
    def all_reasons(self) -> list[str]:
        """Why it should be halted, with what the thread that holds it asks for."""
        free = not self.live or self.dying
        held = not free and self.holder is not None and _holds(self.holder, self)
        return [*self.reasons, "PARENT_HALTED"] if held else self.reasons

    @property
    def held_from_outside(self) -> bool:
        """Whether it is halted for more than a handler of its own."""
        return not OWN_REASONS.issuperset(self.all_reasons)

    @property
    def given_up(self) -> bool:
        """Whether it is halted for good."""
        return self.status == "HALTED" and "HALTED_BY_PARENT" in self.reasons


def _holds(holder: Thread, thread: Thread) -> bool:
    if "HALTED_BY_PARENT" in holder.reasons:
        return False  # then the thread is halted for good, too
    if not holder.live:
        return holder.status == "ERROR"
    if holder.handler is thread:
        return holder.held_from_outside
    return bool(holder.all_reasons)


@dataclass
class World:
    """All runs by name, and the spec of those that run below others."""

    leaf: Json
    runs: dict[str, Run] = field(default_factory=dict)


@dataclass
class Run:
    """A run: its threads by number."""

    name: str  # of a run below another: that one's, and the thread and position that started it
    spec: Json
    world: World
    threads: list[Thread] = field(default_factory=list)
    unclaimed: list[tuple[str, Any]] = field(default_factory=list)
    arrivals: int = 0
    ends: int = 0
    killing: bool = False
    forced: bool = False  # tasks are waited for no longer
    deadline_ms: int | None = None
    failed_waits: dict[tuple[str, int], int] = field(default_factory=dict)
    """(run, thread) -> the position at which it has failed with this run."""

    def family(self) -> list[Run]:
        """All runs with the same root."""
        root = self.name.partition(".")[0]
        return [one for one in self.world.runs.values() if one.name.partition(".")[0] == root]

    def below(self) -> list[Run]:
        """All runs below it."""
        return [one for one in self.world.runs.values() if one.name.startswith(f"{self.name}.")]

    def note_end(self, thread: Thread) -> bool:
        """Keep the place of a thread among those that have ended or are lost; whether it is new."""
        known = thread.end is not None
        if thread.live and not self.lost(thread):
            thread.end = None
        elif not known:
            self.ends += 1
            thread.end = self.ends
        return known is not (thread.end is not None)

    def moving(self, thread: Thread) -> bool:
        """Whether something of a thread, or below it, runs, or is to run again now."""
        if thread.status != "HALTED":
            return thread.live
        at_work = thread.handler is not None and thread.handler.live
        return self.moving_below(thread) or not (thread.held_from_outside or at_work)

    def lost(self, thread: Thread) -> bool:
        """Whether it is halted, and will not go on by itself."""
        if thread.status != "HALTED" or self.moving_below(thread):
            return False
        above = thread
        while "HALTED_BY_PARENT" not in above.reasons:
            if above.holder is None:
                return False
            above = above.holder
            if not above.live:
                return True
        return True

    def moving_below(self, thread: Thread) -> bool:
        """Whether something below it still runs."""
        return any(self.moving(other) for other in self.threads if other.holder is thread)

    @property
    def status(self) -> str:
        """Its entrypoint's, but for its handlers and what still runs below."""
        thread = self.threads[0]
        if self.killing:
            return "HALTING"
        if thread.status not in ("HALTING", "HALTED"):
            return thread.status
        if not thread.held_from_outside:
            return "RUNNING"
        return "HALTING" if self.moving(thread) else "HALTED"

    def where(self, thread: Thread, name: str) -> Thread:
        """The thread that declares a variable, this one or one above it."""
        at: Thread | None = thread
        while at is not None:
            if any(one["name"] == name for one in at.blueprint.get("variables", ())):
                return at
            at = at.parent
        raise KeyError(name)

    def seen(self, thread: Thread) -> Json:
        """Every variable that can be seen from a thread."""
        above = {} if thread.parent is None else self.seen(thread.parent)
        declared = {one["name"]: None for one in thread.blueprint.get("variables", ())}
        return above | declared | thread.variables
