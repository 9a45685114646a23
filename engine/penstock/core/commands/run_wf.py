"""RunWf: starts a run of a WfSpec. The id of the run makes it idempotent: the same start again is
the first answer.
"""

from hashlib import blake2b

from penstock.core.advance import start_run
from penstock.core.commands.base import Command, CommandType, Repeats, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_wf_run_id
from penstock.core.limits import INPUTS_BYTES_MAX, LABELS_BYTES_MAX, LABELS_MAX
from penstock.core.run import WfRun
from penstock.core.spec import LatestWfSpec, MajorWfSpec, SpecBody, VariableDef, WfSpec
from penstock.core.structs import structs_of
from penstock.core.transitions import ThreadStatus
from penstock.core.turn import Turn
from penstock.core.types import Structs, ValueProblem
from penstock.core.values import Value, coerce, encode_value, value_bytes


class RunWf(Command, frozen=True):
    """Which spec (the newest version if none is named; `major` names its newest revision unless
    `revision` says which), the run's id, its variables and labels.

    Without an id the record's key is the id.
    """

    wf_spec: str
    wf_run_id: str | None = None
    version: int | None = None
    variables: dict[str, Value] = {}
    labels: dict[str, str] = {}
    major: int | None = None
    revision: int | None = None


def handle(turn: Turn, command: RunWf) -> Value:
    """Start the run, or give the first answer again."""
    wf_run_id = check_wf_run_id(command.wf_run_id or turn.key)
    request_hash = _hash(command)
    known = turn.rows.peek(WfRun, turn.tenant, wf_run_id)
    if known is not None:
        if known.request_hash != request_hash:
            refuse(
                Code.ALREADY_EXISTS,
                f"WfRun {wf_run_id!r} was started with another spec, variables or labels",
            )
        turn.repeated = True
        return _answer(known)
    spec, variables = check_start(turn, command)
    run = WfRun(
        turn.tenant,
        wf_run_id,
        spec.name,
        spec.version,
        turn.offset,
        request_hash,
        ThreadStatus.RUNNING,
        turn.at_ms,
        labels=command.labels,
    )
    start_run(turn, run, spec, variables)
    return _answer(run)


def check_start(turn: Turn, command: RunWf) -> tuple[WfSpec, dict[str, Value]]:
    """The spec and the variables of a run that may be started; refused is one that may not."""
    spec = _spec(turn, command)
    variables = _variables(turn, spec.body, command.variables)
    _check_labels(command.labels)
    return spec, variables


def _spec(turn: Turn, command: RunWf) -> WfSpec:
    version = _version(turn, command)
    spec = turn.rows.peek(WfSpec, turn.tenant, command.wf_spec, version) if version > 0 else None
    if spec is None or spec.deleted_ms is not None:
        refuse(
            Code.SPEC_UNKNOWN,
            f"there is no WfSpec {command.wf_spec!r}{_asked(command)}; register it first",
        )
    return spec


def _version(turn: Turn, command: RunWf) -> int:
    """The plain number of the version that is asked for; 0 if there is none."""
    if command.major is None:
        if command.revision is not None:
            refuse(Code.BAD_VALUE, "a revision is one of a major version: name that too")
        if command.version is not None:
            return command.version
        latest = turn.rows.peek(LatestWfSpec, turn.tenant, command.wf_spec)
        return 0 if latest is None else latest.version
    if command.version is not None:
        refuse(Code.BAD_VALUE, "name a version or a major one, not both")
    if command.major < 0:
        return 0
    major = turn.rows.peek(MajorWfSpec, turn.tenant, command.wf_spec, command.major)
    if major is None or command.revision is None:
        return 0 if major is None else major.version
    number = major.first + command.revision
    spec = turn.rows.peek(WfSpec, turn.tenant, command.wf_spec, max(number, 0))
    return 0 if spec is None or spec.major != command.major else number


def _asked(command: RunWf) -> str:
    if command.version is not None:
        return f" in version {command.version}"
    if command.major is not None:
        revision = "" if command.revision is None else f".{command.revision}"
        return f" in major version {command.major}{revision}"
    return ""


def _variables(turn: Turn, body: SpecBody, given: dict[str, Value]) -> dict[str, Value]:
    thread = body.threads[body.entrypoint]
    for name in given:
        if thread.variable(name) is None:
            known = sorted(declared.name for declared in thread.variables)
            refuse(Code.VARIABLE_UNKNOWN, f"the spec has no variable {name!r}; it has {known}")
    structs = structs_of(turn)
    values = {declared.name: _value(declared, given, structs) for declared in thread.variables}
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
        refuse(Code.BAD_VALUE, f"variable {declared.name!r}: {problem}")


def _check_labels(labels: dict[str, str]) -> None:
    if len(labels) > LABELS_MAX:
        refuse(Code.LIMIT, f"{len(labels)} labels: a run may have {LABELS_MAX}")
    size = sum(len(name.encode()) + len(text.encode()) for name, text in labels.items())
    if size > LABELS_BYTES_MAX:
        refuse(Code.LIMIT, f"labels of {size} bytes: they may have {LABELS_BYTES_MAX} together")


def _hash(command: RunWf) -> bytes:
    chosen = [command.wf_spec, command.version, command.major, command.revision]
    fields = [*chosen, command.variables, command.labels]
    return blake2b(encode_value(fields), digest_size=12).digest()


def _answer(run: WfRun) -> Value:
    return {"wf_run_id": run.wf_run_id, "wf_spec": run.wf_spec, "version": run.version}


COMMAND = CommandType(RunWf, handle, of_wf_run, repeats=Repeats.OWN_ROWS)
