"""Starting a run: which version of which spec, with which variables, below which run."""

from __future__ import annotations

from msgspec import Struct

from penstock.core.definitions.structs import structs_of
from penstock.core.definitions.webhooks import TRIGGER
from penstock.core.definitions.wf_spec import (
    LatestWfSpec,
    MajorWfSpec,
    SpecBody,
    VariableDef,
    WfSpec,
    newest_spec,
    spec_version,
)
from penstock.core.errors import Code, refuse
from penstock.core.flow.counts import count_start
from penstock.core.flow.family import count_started, no_room_below
from penstock.core.flow.labels import check_labels
from penstock.core.flow.moves import ENTRYPOINT_NUMBER, note_status
from penstock.core.flow.parents import parent_fault
from penstock.core.flow.threads import begin_thread
from penstock.core.limits import INPUTS_BYTES_MAX
from penstock.core.state.first_answer import FirstAnswer, id_hash
from penstock.core.state.partition_state import DeletedRun
from penstock.core.state.rows import Rows
from penstock.core.state.run import ThreadKind, ThreadRun, WfRun
from penstock.core.state.search_rows import RunBegun
from penstock.core.state.thread_rows import ChildRun
from penstock.core.state.transitions import ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.values.types import Structs, ValueProblem
from penstock.core.values.value import Value, coerce, value_bytes


class Start(Struct, frozen=True, kw_only=True):
    """What a run is started with; `charged_to` is the principal for whose quota it counts."""

    wf_spec: str
    version: int | None = None
    major: int | None = None
    revision: int | None = None
    variables: dict[str, Value] = {}
    labels: dict[str, str] = {}
    parent: str | None = None
    masked: tuple[str, ...] = ()
    charged_to: str = ""


def check_start(
    turn: Turn, start: Start, *, parent_is_here: bool = True
) -> tuple[WfSpec, dict[str, Value]]:
    """The spec and the variables of a run that may be started; refused is one that may not. A
    parent that may be on another partition is not looked at.
    """
    spec = wanted_spec(turn, start)
    if start.parent is None or parent_is_here:
        _check_parent(turn, spec, start.parent)
        full = None if start.parent is None else no_room_below(turn, start.parent)
        if full is not None:
            refuse(Code.LIMIT, full)
    variables = _variables(turn, spec.body, start.variables)
    check_labels(spec.body.labels | start.labels)
    return spec, variables


def newest_major(rows: Rows, tenant: str, name: str) -> int | None:
    """The newest major version of a spec; None if there is no such spec yet."""
    spec = newest_spec(rows, tenant, name, None)
    return None if spec is None else spec.major


def listener(spec: WfSpec) -> VariableDef | None:
    """The variable in which a run is told what has started it; None if its spec has none."""
    declared = spec.body.threads[spec.body.entrypoint].variable(TRIGGER)
    return None if declared is None or declared.is_inherited else declared


def first_start(turn: Turn, wf_run_id: str) -> FirstAnswer | None:
    """What the start of a run was answered, though the run may have been deleted since."""
    run = turn.rows.peek(WfRun, turn.tenant, wf_run_id)
    if run is not None:
        return answer_to_start(run)
    deleted = turn.rows.peek(DeletedRun, turn.tenant, wf_run_id)
    return None if deleted is None else deleted.first


def answer_to_start(run: WfRun) -> FirstAnswer:
    """What the start of a run was answered, whatever its version is now."""
    version = run.first_version or run.version
    body = {"wf_run_id": run.wf_run_id, "wf_spec": run.wf_spec, "version": version}
    return FirstAnswer(run.request_hash, run.id_hash, body)


def start_run(turn: Turn, start: Start, wf_run_id: str, request_hash: bytes) -> WfRun:
    """Start a run under an id that is free; refused is one that may not be started."""
    spec, variables = check_start(turn, start)
    return begin_run(turn, spec, start, wf_run_id, variables, request_hash)


def begin_run(
    turn: Turn,
    spec: WfSpec,
    start: Start,
    wf_run_id: str,
    variables: dict[str, Value],
    request_hash: bytes,
) -> WfRun:
    """Write the rows of a run that has been checked, and wake its entrypoint."""
    run = WfRun(
        turn.tenant,
        wf_run_id,
        spec.name,
        spec.version,
        turn.offset,
        request_hash,
        ThreadStatus.RUNNING,
        turn.at_ms,
        labels=spec.body.labels | start.labels,
        parent=start.parent,
        id_hash=id_hash(turn.command_id) if request_hash else b"",
        charged_to=start.charged_to or _charged_above(turn, start.parent),
    )
    thread = ThreadRun(
        turn.tenant,
        wf_run_id,
        ENTRYPOINT_NUMBER,
        ThreadKind.ENTRYPOINT,
        spec.body.entrypoint,
        ThreadStatus.RUNNING,
    )
    count_start(turn, run)
    note_status(turn, run, thread)
    begin_thread(turn, run, spec, thread, variables, start.masked)
    turn.rows.put(run)
    turn.rows.put(RunBegun.of(turn.tenant, wf_run_id, run.started_ms))
    if start.parent is not None:
        turn.rows.put(ChildRun(turn.tenant, start.parent, wf_run_id))
        count_started(turn, run)
    return run


def _charged_above(turn: Turn, parent: str | None) -> str:
    """For whose quota the run above counts: those below it do, too."""
    above = None if parent is None else turn.rows.peek(WfRun, turn.tenant, parent)
    return "" if above is None else above.charged_to


def _check_parent(turn: Turn, spec: WfSpec, parent: str | None) -> None:
    """A run that inherits variables stands below a run that has them."""
    wanted = spec.body.parent
    if parent is None:
        if wanted is not None:
            refuse(
                Code.PARENT_REQUIRED,
                f"WfSpec {spec.name!r} inherits from {wanted!r}: name a run of it as `parent`",
            )
        return
    above = turn.rows.peek(WfRun, turn.tenant, parent)
    if above is None:
        refuse(*no_parent(parent))
    fault = parent_fault(turn.rows, spec, above)
    if fault is not None:
        refuse(Code.PARENT_REQUIRED, f"WfSpec {spec.name!r} inherits from {wanted!r}, and {fault}")


def no_parent(parent: str) -> tuple[Code, str]:
    """What is said if there is no such run, or it is not for who would start another below it."""
    return Code.WF_RUN_UNKNOWN, f"there is no WfRun {parent!r} to be the parent"


def wanted_spec(turn: Turn, start: Start) -> WfSpec:
    """The version that is asked for; refused is one that is not there, or is deleted."""
    version = _version(turn, start)
    spec = spec_version(turn.rows, turn.tenant, start.wf_spec, version)
    if spec is None:
        refuse(
            Code.SPEC_UNKNOWN,
            f"there is no WfSpec {start.wf_spec!r}{_asked(start)}; register it first",
        )
    return spec


def _version(turn: Turn, start: Start) -> int:
    """The plain number of the version that is asked for; 0 if there is none."""
    if start.major is None:
        if start.revision is not None:
            refuse(Code.BAD_VALUE, "a revision is one of a major version: name that too")
        if start.version is not None:
            return start.version
        latest = turn.rows.peek(LatestWfSpec, turn.tenant, start.wf_spec)
        return 0 if latest is None else latest.version
    if start.version is not None:
        refuse(Code.BAD_VALUE, "name a version or a major one, not both")
    if start.major < 0:
        return 0
    major = turn.rows.peek(MajorWfSpec, turn.tenant, start.wf_spec, start.major)
    if major is None or start.revision is None:
        return 0 if major is None else major.version
    number = major.first + start.revision
    spec = turn.rows.peek(WfSpec, turn.tenant, start.wf_spec, max(number, 0))
    return 0 if spec is None or spec.major != start.major else number


def _asked(start: Start) -> str:
    if start.version is not None:
        return f" in version {start.version}"
    if start.major is not None:
        revision = "" if start.revision is None else f".{start.revision}"
        return f" in major version {start.major}{revision}"
    return ""


def _variables(turn: Turn, body: SpecBody, given: dict[str, Value]) -> dict[str, Value]:
    thread = body.threads[body.entrypoint]
    for name in given:
        declared = thread.variable(name)
        if declared is not None and declared.is_inherited:
            refuse(Code.BAD_VALUE, f"variable {name!r} is inherited: it is set in the parent run")
        if declared is None:
            known = sorted(declared.name for declared in thread.variables)
            refuse(Code.VARIABLE_UNKNOWN, f"the spec has no variable {name!r}; it has {known}")
    structs = structs_of(turn)
    values = {
        declared.name: _value(declared, given, structs)
        for declared in thread.variables
        if not declared.is_inherited
    }
    if value_bytes(values) > INPUTS_BYTES_MAX:
        refuse(Code.TOO_LARGE, f"the variables may have {INPUTS_BYTES_MAX} bytes together")
    return values


def _value(declared: VariableDef, given: dict[str, Value], structs: Structs) -> Value:
    value = given.get(declared.name)
    if value is None:
        if declared.required:
            refuse(
                Code.VARIABLE_REQUIRED,
                f"variable {declared.name!r} ({declared.type}) must be given",
            )
        value = declared.default
    try:
        return coerce(value, declared.type, structs)
    except ValueProblem as problem:
        said = f"it is not {declared.type}" if declared.masked else str(problem)
        refuse(Code.BAD_VALUE, f"variable {declared.name!r}: {said}")
