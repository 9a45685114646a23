"""What if a run had followed another definition: its recording, folded with that one, beside what
happened.

What came from outside comes again. Whoever did a task, or filled in a form, gives the same answer
after as long as it took then; events and operators' verbs come at the times at which they came.
Between them time passes as it likes, and timers fire when they are due. A task that nobody did then
has no answer, unless one is given; the run stands there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from typing import Any, Final

from msgspec import Struct, structs

from penstock.core.command import Command
from penstock.core.commands.report_task import ReportTask
from penstock.core.definitions.wf_spec import LatestWfSpec, MajorWfSpec, WfSpec
from penstock.core.errors import Code, Reject
from penstock.core.fold import Folded
from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.state.run import TaskRun, WfRun
from penstock.core.state.transitions import TASK_LIVE, THREAD_LIVE, TaskStatus
from penstock.core.state.user_task_rows import UserTaskRun
from penstock.core.values.value import Value
from penstock.gateway.addresses import RunAddress, Visit, run_address, run_at, visit_of
from penstock.gateway.render import Json
from penstock.gateway.stories import Parting, parting, story_of
from penstock.processor.recording import Defined, Recording, Turned
from penstock.processor.refold import Refold
from penstock.processor.ticker import remaining_ms

TURNS_MAX: Final = 5_000
_WORKER: Final = "what-if"


class NotTaken(Struct, frozen=True):
    """A command of the recording that found nothing to be done to, or was refused now."""

    offset: int
    command: str
    why: str


class WhatIf(Struct, frozen=True):
    """Both stories, and where they part (None: nowhere). `stopped` is why the fold did not go on to
    its end, if it did not.
    """

    then: list[Json]
    instead: list[Json]
    parting: Parting | None
    not_taken: tuple[NotTaken, ...]
    stopped: str | None


def what_if(
    recording: Recording, puts: Sequence[Command], answers: Mapping[str, Value] | None = None
) -> WhatIf:
    """Fold a recording with other definitions. `answers` are what tasks give that nobody did then,
    by TaskDef. Raises Reject for a definition that would not be taken.
    """
    past = _Past(recording)
    changed = structs.replace(
        recording, definitions=definitions_instead(recording, past.followed(), puts)
    )
    player = _Player(changed, past, answers or {})
    player.play()
    then, instead = past.story(), player.story()
    refused = tuple(player.not_taken)
    return WhatIf(then, instead, parting(then, instead), refused, player.stopped)


def followed_by(recording: Recording) -> WfSpec:
    """The version of its WfSpec that the run followed at its beginning. Raises Reject if the
    recording does not say.
    """
    return _Past(recording).followed()


def definitions_instead(
    recording: Recording, followed: WfSpec, puts: Sequence[Command]
) -> tuple[Defined, ...]:
    """The definitions of a recording, with others registered beside and over them. The run follows
    the new version of its WfSpec under the number of the one that it followed.
    """
    own = (LatestWfSpec, MajorWfSpec)
    newest = {one.row.own_key(): one.row for one in recording.definitions}
    beside = [
        Defined(-1, row)
        for row in newest.values()
        if not (isinstance(row, own) and row.name == followed.name)
    ]
    first = recording.turns[0]
    scratch = Refold(structs.replace(recording, partition=0, partitions=1, definitions=beside))
    made: dict[bytes, Row] = {}
    for number, put in enumerate(puts):
        folded = scratch.fold(_turn(first, offset=number, command=put))
        if folded.answer is not None and folded.answer.code is not None:
            raise Reject(Code(folded.answer.code), folded.answer.message)
        for row in folded.turn.rows.changes().values():
            if row is not None and row.SCOPE is Scope.DEFINITION:
                taken = _in_place_of(followed, row)
                made |= {} if taken is None else {taken.own_key(): taken}
    kept = (one for one in recording.definitions if one.row.own_key() not in made)
    return (*kept, *(Defined(-1, row) for row in made.values()))


def _in_place_of(followed: WfSpec, row: Row) -> Row | None:
    if not isinstance(row, WfSpec | LatestWfSpec | MajorWfSpec) or row.name != followed.name:
        return row
    if not isinstance(row, WfSpec):
        return None  # which version is the newest stays as it was
    number = {name: getattr(followed, name) for name in ("version", "major", "revision")}
    return structs.replace(row, **number)


def _turn(like: Turned, *, offset: int, command: Command | None) -> Turned:
    """A turn at the time of another."""
    clocks = {name: getattr(like, name) for name in ("append_ms", "log_time_ms", "awake_ms")}
    return Turned(offset=offset, **clocks, key="", principal=_WORKER, command=command)


class _Bound(Struct, frozen=True):
    """A command to a task or a user task, as it came: so long after that was handed out, or
    made.
    """

    turned: Turned
    delay_ms: int


class _Past:
    """What happened: the recording, folded as it is. Commands are told apart by whom they go to."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._tenant = recording.tenant
        self.free: list[tuple[Turned, RunAddress]] = []
        self.bound: defaultdict[tuple[Visit, int], list[_Bound]] = defaultdict(list)
        self.refused = set[int]()
        self._world = Refold(recording)
        for turned in recording.turns:
            if turned.command is not None:
                self._sort(turned)
            answer = self._world.fold(turned).answer
            if answer is not None and answer.code is not None:
                self.refused.add(turned.offset)

    def _sort(self, turned: Turned) -> None:
        rows, command = self._world.rows, turned.command
        wf_run_id, guid = getattr(command, "wf_run_id", None), getattr(command, "guid", None)
        place = self._tenant, wf_run_id or "", guid or ""
        task, form = rows.peek(TaskRun, *place), rows.peek(UserTaskRun, *place)
        row = task or form
        visit = None if row is None else visit_of(rows, self._tenant, row)
        if visit is None or (task is not None and task.user_task):
            address = run_address(rows, self._tenant, wf_run_id) if wf_run_id else ""
            self.free.append((turned, address))
            return
        number, since_ms = (0, form.scheduled_ms) if form is not None else (0, 0)
        if task is not None:
            number, since_ms = task.attempt.number, task.attempt.scheduled_ms
        self.bound[visit, number].append(_Bound(turned, turned.append_ms - since_ms))

    def story(self) -> list[Json]:
        """As it went."""
        return story_of(self._world.rows, self._tenant, self._recording.wf_run_id)

    def followed(self) -> WfSpec:
        """The version that the run followed, or the family's first run, at its beginning."""
        rows = self._world.rows
        for wf_run_id in (self._recording.wf_run_id, self._recording.wf_run_id.partition(".")[0]):
            run = rows.peek(WfRun, self._tenant, wf_run_id)
            version = run and (run.first_version or run.version)
            spec = run and version and rows.peek(WfSpec, self._tenant, run.wf_spec, version)
            if spec:
                return spec
        raise Reject(Code.WF_RUN_UNKNOWN, "the recording does not say how the run began")

    @property
    def has_ended(self) -> bool:
        """Whether the run had come to its end."""
        run = self._world.rows.peek(WfRun, self._tenant, self._recording.wf_run_id)
        return run is None or run.status not in THREAD_LIVE


class _Player:
    """Brings what came then to the world as it would be."""

    def __init__(self, recording: Recording, past: _Past, answers: Mapping[str, Value]) -> None:
        self.not_taken: list[NotTaken] = []
        self.stopped: str | None = None
        self._recording = recording
        self._tenant = recording.tenant
        self._past = past
        self._answers = answers
        self._world = Refold(recording)
        self._waiting = {key: list(many) for key, many in past.bound.items()}
        self._ready: list[tuple[int, int, Turned, RunAddress | None]] = []
        self._order = Counter[str]()
        self._answered = set[tuple[str, str, int]]()
        self._last = recording.turns[0]
        self._begun = False
        for turned, address in past.free:
            self._push(turned.append_ms, turned, address)

    def play(self) -> None:
        """To the end of it."""
        for _ in range(TURNS_MAX):
            if not self._next():
                break
        else:
            self.stopped = f"it was not at its end after {TURNS_MAX} turns"
        left = [one.turned for many in self._waiting.values() for one in many]
        left += [turned for _, _, turned, _ in self._ready]
        for turned in sorted(left, key=lambda one: one.offset):
            self._note(turned, "what it was for never came")

    def story(self) -> list[Json]:
        """As it would have gone."""
        return story_of(self._world.rows, self._tenant, self._recording.wf_run_id)

    def _push(self, at_ms: int, turned: Turned, address: RunAddress | None) -> None:
        self._order["n"] += 1
        heappush(self._ready, (at_ms, self._order["n"], turned, address))

    def _next(self) -> bool:
        due_ms = self._next_timer_ms()
        if self._ready and (due_ms is None or self._ready[0][0] <= due_ms):
            at_ms, _, turned, address = heappop(self._ready)
            self._bring(max(at_ms, self._last.append_ms), turned, address)
            return True
        if due_ms is None:
            return False
        self._fold(self._at(due_ms, None))
        return True

    def _next_timer_ms(self) -> int | None:
        """When the next timer is due, if it is still to fire: after the run's end none is, and of
        one that still goes on no future is made up.
        """
        wait_ms = remaining_ms(self._world.state) if self._begun else None
        if wait_ms is None or self._is_over():
            return None
        due_ms = self._last.append_ms + max(wait_ms, 0)
        past_now = not self._past.has_ended and due_ms > self._recording.until_ms
        return None if past_now else due_ms

    def _is_over(self) -> bool:
        run = self._world.rows.peek(WfRun, self._tenant, self._recording.wf_run_id)
        return run is not None and run.status not in THREAD_LIVE

    def _bring(self, at_ms: int, turned: Turned, address: RunAddress | None) -> None:
        command: Any = turned.command
        if isinstance(address, Visit):
            wf_run_id = run_at(self._world.rows, self._tenant, address)
            if wf_run_id is None:
                self._note(turned, "there is no such child run")
                return
            command = structs.replace(command, wf_run_id=wf_run_id)
        answer = self._fold(self._at(at_ms, structs.replace(turned, command=command))).answer
        code = None if answer is None else answer.code
        if answer is not None and code is not None and turned.offset not in self._past.refused:
            self._note(turned, f"{code}: {answer.message}")

    def _at(self, at_ms: int, turned: Turned | None) -> Turned:
        """A turn at a time; all clocks go on from the last one."""
        last = self._last
        passed_ms = max(0, at_ms - last.append_ms) if self._begun else 0
        clocks: dict[str, Any] = {
            "append_ms": last.append_ms + passed_ms,
            "log_time_ms": last.log_time_ms + passed_ms,
            "awake_ms": last.awake_ms + passed_ms,
            "fold_version": last.fold_version if turned is None else turned.fold_version,
        }
        after = last.offset + 1 if self._begun else last.offset
        if turned is None:
            return Turned(offset=after, **clocks)
        return structs.replace(turned, offset=max(after, turned.offset), **clocks)

    def _fold(self, turned: Turned) -> Folded:
        folded = self._world.fold(turned)
        self._last, self._begun = turned, True
        for row in folded.turn.rows.changes().values():
            if isinstance(row, TaskRun) and not row.user_task:
                self._came(row, row.attempt.number, row.attempt.scheduled_ms)
            elif isinstance(row, UserTaskRun):
                self._came(row, 0, row.scheduled_ms)
        return folded

    def _came(self, row: TaskRun | UserTaskRun, number: int, since_ms: int) -> None:
        """A task was handed out, or a user task made: what was done to it then comes again."""
        visit = visit_of(self._world.rows, self._tenant, row)
        if visit is None or (isinstance(row, TaskRun) and row.status not in TASK_LIVE):
            return
        named: dict[str, Any] = {"wf_run_id": row.wf_run_id, "guid": row.guid}
        for one in self._waiting.pop((visit, number), ()):
            assert one.turned.command is not None, "it names a task"
            command = structs.replace(one.turned.command, **named)
            turned = structs.replace(one.turned, command=command)
            self._push(since_ms + one.delay_ms, turned, None)
            self._answered.add((row.wf_run_id, row.guid, number))
        if isinstance(row, TaskRun) and row.status is TaskStatus.TASK_SCHEDULED:
            self._answer(row, number)

    def _answer(self, row: TaskRun, number: int) -> None:
        key = (row.wf_run_id, row.guid, number)
        if row.task_def not in self._answers or key in self._answered:
            return
        self._answered.add(key)
        command = ReportTask(
            wf_run_id=row.wf_run_id,
            guid=row.guid,
            attempt=number,
            status=TaskStatus.TASK_SUCCESS,
            output=self._answers[row.task_def],
            worker=_WORKER,
        )
        turned = _turn(self._last, offset=self._last.offset, command=command)
        self._push(row.attempt.scheduled_ms, turned, None)

    def _note(self, turned: Turned, why: str) -> None:
        name = type(turned.command).__name__
        self.not_taken.append(NotTaken(turned.offset, name, why))
