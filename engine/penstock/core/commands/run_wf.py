"""RunWf: starts a run of a WfSpec. The id of the run makes it idempotent: the same start again is
the first answer.
"""

from hashlib import blake2b

from penstock.core.advance import start_run
from penstock.core.commands.base import Command, CommandType, Repeats, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_wf_run_id
from penstock.core.labels import check_labels
from penstock.core.limits import INPUTS_BYTES_MAX
from penstock.core.run import WfRun
from penstock.core.spec import LatestWfSpec, SpecBody, VariableDef, WfSpec
from penstock.core.transitions import ThreadStatus
from penstock.core.turn import Turn
from penstock.core.values import Value, ValueProblem, coerce, encode_value, value_bytes


class RunWf(Command, frozen=True):
    """Which spec (the newest version if none is named), the run's id, its variables and labels.

    Without an id the record's key is the id.
    """

    wf_spec: str
    wf_run_id: str | None = None
    version: int | None = None
    variables: dict[str, Value] = {}
    labels: dict[str, str] = {}


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
    spec = _spec(turn, command)
    variables = _variables(spec.body, command.variables)
    check_labels(command.labels)
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


def _spec(turn: Turn, command: RunWf) -> WfSpec:
    version = command.version
    if version is None:
        latest = turn.rows.peek(LatestWfSpec, turn.tenant, command.wf_spec)
        version = 0 if latest is None else latest.version
    spec = turn.rows.peek(WfSpec, turn.tenant, command.wf_spec, version) if version > 0 else None
    if spec is None:
        asked = "" if command.version is None else f" in version {command.version}"
        refuse(
            Code.SPEC_UNKNOWN, f"there is no WfSpec {command.wf_spec!r}{asked}; register it first"
        )
    return spec


def _variables(body: SpecBody, given: dict[str, Value]) -> dict[str, Value]:
    thread = body.threads[body.entrypoint]
    for name in given:
        if thread.variable(name) is None:
            known = sorted(declared.name for declared in thread.variables)
            refuse(Code.VARIABLE_UNKNOWN, f"the spec has no variable {name!r}; it has {known}")
    values = {declared.name: _value(declared, given) for declared in thread.variables}
    if value_bytes(values) > INPUTS_BYTES_MAX:
        refuse(Code.TOO_LARGE, f"the variables may have {INPUTS_BYTES_MAX} bytes together")
    return values


def _value(declared: VariableDef, given: dict[str, Value]) -> Value:
    value = given.get(declared.name)
    if value is None:
        if declared.required:
            refuse(
                Code.VARIABLE_REQUIRED,
                f"variable {declared.name!r} ({declared.type}) must be given",
            )
        value = declared.default
    try:
        return coerce(value, declared.type)
    except ValueProblem as problem:
        refuse(Code.BAD_VALUE, f"variable {declared.name!r}: {problem}")


def _hash(command: RunWf) -> bytes:
    fields = [command.wf_spec, command.version, command.variables, command.labels]
    return blake2b(encode_value(fields), digest_size=12).digest()


def _answer(run: WfRun) -> Value:
    return {"wf_run_id": run.wf_run_id, "wf_spec": run.wf_spec, "version": run.version}


COMMAND = CommandType(RunWf, handle, of_wf_run, repeats=Repeats.OWN_ROWS)
